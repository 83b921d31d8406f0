"""Times and lengths of time, as people write them. Pure."""

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
    """Parse a date, a date with a time, ``today``, ``yesterday``, or a length of time before ``now``.

    A date means 00:00 of that day. Times without a time zone are UTC.

    :param option: the option's name, for the error.
    :param now: the current time, with a time zone.
    :raises InvalidArgumentError: if the text is none of these.
    """
    found = _parsed(text.strip(), now.astimezone(UTC))
    if found is None:
        raise InvalidArgumentError(
            f"{option} must be a date or a time such as 2026-03-25 or 2026-03-25T18:19:24Z (UTC, if it has no time "
            f"zone), today, yesterday, or a time ago such as 90m, 12h or 7d, not {text!r}"
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
    """Parse a length of time in minutes, hours or days, or ``0``.

    :param option: the option's name, for the error.
    :raises InvalidArgumentError: if the text is not a length of time.
    """
    length = timedelta(0) if text.strip() == "0" else _length(text.strip())
    if length is None:
        raise InvalidArgumentError(f"{option} must be a length of time such as 90m, 1h, 2d or 0, not {text!r}")
    return length


def _length(text: str) -> timedelta | None:
    found = _LENGTH.fullmatch(text.lower())
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
