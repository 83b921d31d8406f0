"""Moments and lengths of time as people write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from lyzr_traces_async import InvalidArgumentError

__all__ = ["duration", "moment"]

_LENGTH = re.compile("([0-9]{1,9})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_RFC3339 = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def moment(option: str, text: str, now: datetime) -> datetime:
    """Return the moment that ``text`` means: a date (its first moment), a date with a time, or so long before ``now``.

    What has no time zone is in UTC.

    :param option: what it was given for.
    :param now: the present, aware.
    :raises InvalidArgumentError: if it means none.
    """
    found = _parsed(text.strip(), now.astimezone(UTC))
    if found is None:
        raise InvalidArgumentError(
            f"{option} takes a date or a time such as 2026-03-25 or 2026-03-25T18:19:24Z (in UTC where it has no time "
            f"zone), today, yesterday, or how long ago as 90m, 12h or 7d; not {text!r}"
        )
    return found


def _parsed(text: str, now: datetime) -> datetime | None:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    word, ago = text.lower(), _length(text)
    try:
        if word in ("today", "yesterday"):
            return today if word == "today" else today - timedelta(days=1)
        if ago is not None:
            return now - ago
        if _RFC3339.fullmatch(text.upper()) is None:
            return None
        given = datetime.fromisoformat(text.upper())
        return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the 30th of February, or before the year 1
        return None


def duration(option: str, text: str) -> timedelta:
    """Return the length of time that ``text`` means: minutes, hours or days, or ``0``.

    :param option: what it was given for.
    :raises InvalidArgumentError: if it means none.
    """
    length = timedelta(0) if text.strip() == "0" else _length(text.strip())
    if length is None:
        raise InvalidArgumentError(f"{option} takes a length of time such as 90m, 1h, 2d or 0; not {text!r}")
    return length


def _length(text: str) -> timedelta | None:
    found = _LENGTH.fullmatch(text.lower())
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
