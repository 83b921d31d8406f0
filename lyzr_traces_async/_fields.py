"""The quotas and waiting times in the header fields of an answer. Pure.

Other parties write these fields. A value that makes no sense is therefore ignored, as if it were absent, and never
raises an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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

# From here on, a number is not a wait but a point in time: in seconds since 1970 or, if larger still, milliseconds.
_EPOCH_FROM: Final = 1e9
_MILLISECONDS_FROM: Final = 1e11
_LEGACY_PREFIXES: Final = ("RateLimit", "X-RateLimit")
# The form that the service uses on every answer. The regex takes a tenth of the time of the structured-field parser.
_USUAL: Final = re.compile(r'"([ !#-[\]-~]*)"; *r=([0-9]{1,15}); *t=([0-9]{1,9})')
_LEGACY_FIELDS: Final = ("Limit", "Remaining", "Reset")


@attrs.frozen
class Quota:
    """One quota, as an answer reports it."""

    name: str
    """Distinguishes the quotas of one answer; otherwise arbitrary."""
    remaining: int
    """How many requests are left in the window."""
    reset: float
    """Seconds until the window ends, rounded up by the server."""
    requests: int | None
    """How many requests a window allows, if known."""
    window: float | None = None
    """How many seconds a window lasts, if a policy states it."""


def quotas(fields: Fields) -> tuple[Quota, ...]:
    """Return the quotas that an answer reports.

    The function reads ``RateLimit`` and ``RateLimit-Policy`` of draft-ietf-httpapi-ratelimit-headers (RFC 9651
    structured fields: lists since version 8 of the draft, a dictionary in version 7). If there are none, it reads the
    older ``RateLimit-Remaining`` and ``RateLimit-Reset``, also with the prefix ``X-``.
    """
    if said := fields.getall("RateLimit", ()):
        policies = _policies(", ".join(fields.getall("RateLimit-Policy", ())))
        if len(said) == 1 and (usual := _USUAL.fullmatch(said[0])):
            name, remaining, reset = usual.groups()
            return (Quota(name, int(remaining), float(reset), *policies.get(name, (None, None))),)
        if found := tuple(_draft_8(", ".join(said), policies, fields)) or tuple(_draft_7(said, policies, fields)):
            return found
    return tuple(_legacy(fields))


_Policies = Mapping[str, tuple[int | None, float | None]]


def _draft_8(text: str, policies: _Policies, fields: Fields) -> Iterator[Quota]:
    for name, parameters in _named(text):
        requests, lasts = policies.get(name, (None, None))
        remaining = _count(parameters.get("r"))
        reset = _wait(parameters.get("t"), fields)
        if reset is None:
            reset = lasts  # `t` is optional: assume that the whole window is left
        if remaining is not None and reset is not None:
            yield Quota(name, remaining, reset, requests, lasts)


def _draft_7(texts: Sequence[str], policies: _Policies, fields: Fields) -> Iterator[Quota]:
    for number, text in enumerate(texts, 1):  # one dictionary per field: a gateway may have added its own
        limit, remaining, reset = (_member(text, name) for name in ("limit", "remaining", "reset"))
        lasts = policies.get(str(limit), (None, None))[1]  # the name of a policy is its number of requests: `100;w=60`
        wait = _wait(reset, fields)
        if wait is None:
            wait = lasts
        if (left := _count(remaining)) is not None and wait is not None:
            yield Quota(f"RateLimit ({number})", left, wait, _count(limit), lasts)


@lru_cache(maxsize=16)
def _policies(text: str) -> _Policies:
    # The policy is the same on every answer, and parsing it is the slowest step here.
    return {name: (_count(p.get("q")), _seconds(p.get("w"))) for name, p in _named(text)}


def _named(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    # A gateway's quota may have the same name as the quota of the service behind it: a number tells them apart.
    times: dict[str, int] = {}
    for item, parameters in _parsed(text, "list"):
        if isinstance(item, list):
            continue
        name = str(item)
        times[name] = time = times.get(name, 0) + 1
        yield name if time == 1 else f"{name} ({time})", parameters


def _legacy(fields: Fields) -> Iterator[Quota]:
    for prefix in _LEGACY_PREFIXES:
        limit, remaining, reset = (_first(fields.get(f"{prefix}-{what}", "")) for what in _LEGACY_FIELDS)
        wait = _wait(reset, fields)
        if (left := _count(remaining)) is not None and wait is not None:
            yield Quota(prefix, left, wait, _count(limit))
            return


def retry_after(fields: Fields) -> float | None:
    """Return the wait that ``Retry-After`` (RFC 9110, 10.2.3) asks for, in seconds, or ``None`` without a usable value.

    The value is a number of seconds, with a fraction from some servers, or an HTTP-date. A date is compared with the
    answer's own ``Date``, since the clocks of this machine and of the server may differ. If a gateway has added a
    second field, the longer wait counts.
    """
    waits = [_asked(text.strip(), fields) for text in fields.getall("Retry-After", ())]
    return max((wait for wait in waits if wait is not None), default=None)


def _asked(text: str, fields: Fields) -> float | None:
    number = _number(text)
    if number is not None:
        return _wait(number, fields)
    until = _date(text)
    return None if until is None else _wait_until(until.timestamp(), fields)


def _wait(value: Any, fields: Fields) -> float | None:
    """Return a wait in seconds. ``value`` is the wait, or the point in time when the wait ends."""
    seconds = _seconds(value)
    if seconds is None or seconds < _EPOCH_FROM:
        return seconds
    return _wait_until(seconds if seconds < _MILLISECONDS_FROM else seconds / 1000, fields)


def _wait_until(moment: float, fields: Fields) -> float | None:
    now = _date(fields.get("Date", ""))
    if now is None:
        return None
    wait = max(0.0, moment - now.timestamp())
    return wait if wait < _EPOCH_FROM else None  # a wait of decades is a mistake


def _parsed(text: str, kind: str) -> Any:
    """Return the members of a structured field, or none if the field is malformed."""
    try:
        return http_sf.parse(text.encode(), tltype=kind)
    except (http_sf.StructuredFieldError, ValueError):
        return {}


def _member(text: str, name: str) -> Any:
    return _parsed(text, "dictionary").get(name, (None,))[0]


def _first(text: str) -> float | None:
    """Return the number at the beginning of an older field. Some drafts had a list with parameters there."""
    return _number(text.partition(",")[0].partition(";")[0].strip())


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else None


def _count(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
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
    # The asctime() form names no time zone; it is in UTC too (RFC 9110, 5.6.7).
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
