"""What the header fields of an answer say about the quota and about waiting. Pure.

Everything here is said by somebody else: what makes no sense is as good as not said, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

import attrs
import http_sf
from multidict import MultiMapping

__all__ = ["Quota", "quotas", "retry_after"]

Fields = MultiMapping[str]

# A reset above this is no number of seconds to wait but a moment, in seconds since 1970.
_EPOCH_FROM: Final = 1e9
_LEGACY_PREFIXES: Final = ("RateLimit", "X-RateLimit")


@attrs.frozen
class Quota:
    """One quota, as an answer tells it.

    :ivar name: tells the quotas of one answer apart; otherwise arbitrary.
    :ivar remaining: how many requests are left in the window.
    :ivar reset: in how many seconds the window ends, rounded up by the server.
    :ivar requests: how many requests a window allows, where known.
    """

    name: str
    remaining: int
    reset: float
    requests: int | None


def quotas(fields: Fields) -> tuple[Quota, ...]:
    """Return the quotas that an answer tells of.

    Read are ``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-08, which are RFC 9651
    structured fields), and where there are none the older ``RateLimit-Remaining`` and ``RateLimit-Reset``, also
    with ``X-``.
    """
    if said := fields.getall("RateLimit", ()):
        policies = dict(_policies(", ".join(fields.getall("RateLimit-Policy", ()))))
        found = tuple(_draft_8(", ".join(said), policies))
        if found:
            return found
    return tuple(_legacy(fields))


def _draft_8(text: str, policies: dict[str, tuple[int | None, float | None]]) -> Iterator[Quota]:
    for name, parameters in _named(text):
        requests, seconds = policies.get(name, (None, None))
        remaining = _count(parameters.get("r"))
        reset = _seconds(parameters.get("t"))
        if reset is None:
            reset = seconds  # `t` is optional: the window may last as long as a window can
        if remaining is not None and reset is not None:
            yield Quota(name, remaining, reset, requests)


@lru_cache(maxsize=16)
def _policies(text: str) -> tuple[tuple[str, tuple[int | None, float | None]], ...]:
    # The policy is the same on every answer, and parsing it the dearest thing here.
    return tuple((name, (_count(p.get("q")), _seconds(p.get("w")))) for name, p in _named(text))


def _named(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    # A gateway's quota may have the same name as that of the service behind it: the second is told apart as the second.
    times: dict[str, int] = {}
    for item, parameters in _items(text):
        name = str(item)
        times[name] = time = times.get(name, 0) + 1
        yield name if time == 1 else f"{name} ({time})", parameters


def _legacy(fields: Fields) -> Iterator[Quota]:
    for prefix in _LEGACY_PREFIXES:
        remaining = _count(_first_item(fields.get(f"{prefix}-Remaining", "")))
        reset = _seconds(_first_item(fields.get(f"{prefix}-Reset", "")))
        if reset is not None and reset >= _EPOCH_FROM:
            now = _date(fields.get("Date", ""))
            reset = max(0.0, reset - now.timestamp()) if now else None
        if remaining is not None and reset is not None:
            yield Quota(prefix, remaining, reset, _count(_first_item(fields.get(f"{prefix}-Limit", ""))))
            return


def retry_after(fields: Fields) -> float | None:
    """Return how many seconds ``Retry-After`` (RFC 9110, 10.2.3) asks to wait, or ``None`` if nothing that makes sense.

    It is a number of seconds, which some servers give with a fraction, or an HTTP-date, which is read against the
    answer's own ``Date``: the clocks of this machine and the server need not agree. Where a gateway has added a second
    one, the longer holds.
    """
    waits = [_wait(text.strip(), fields) for text in fields.getall("Retry-After", ())]
    return max((wait for wait in waits if wait is not None), default=None)


def _wait(text: str, fields: Fields) -> float | None:
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    until, now = _date(text), _date(fields.get("Date", ""))
    if until is None or now is None:
        return None
    return max(0.0, (until - now).total_seconds())


def _items(text: str) -> list[tuple[Any, dict[str, Any]]]:
    try:
        parsed = http_sf.parse(text.encode(), tltype="list")
    except (http_sf.StructuredFieldError, ValueError):
        return []
    assert isinstance(parsed, list)  # noqa: S101 - what `tltype` says; for the type checker
    return [item for item in parsed if isinstance(item, tuple) and not isinstance(item[0], list)]


def _first_item(text: str) -> Any:
    items = _items(text)
    return items[0][0] if items else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value < 0:
        return None
    return float(value)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # The form of C's asctime() names no zone; it is UTC there too (RFC 9110, 5.6.7).
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
