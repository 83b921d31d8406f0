"""Timestamps: RFC 3339 in all its spellings, read as UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest

from tests.decoding.pages import MOMENT, TRACE, body, one, refused

LEAP: Final = datetime(2016, 12, 31, 23, 59, 59, 999999, UTC)
LEAP_PROBLEM: Final = "second 60 is a leap second, which occurs only at 23:59 UTC on the last day of a month"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05.678Z", MOMENT),
        ("2026-01-02T03:04:05.678+00:00", MOMENT),
        ("2026-01-02T05:04:05.678+02:00", MOMENT),
        ("2026-01-01T21:34:05.678-05:30", MOMENT),
        ("2026-01-02T03:04:05.678901Z", MOMENT.replace(microsecond=678901)),
        ("2026-01-02T03:04:05Z", MOMENT.replace(microsecond=0)),
        ("2026-01-02 03:04:05Z", MOMENT.replace(microsecond=0)),
        ("2026-01-02t03:04:05.678z", MOMENT),
        ("2026-01-02T03:04:05.678z", MOMENT),
        ("2026-01-02 03:04:05z", MOMENT.replace(microsecond=0)),
        ("2026-01-02t05:04:05.678+02:00", MOMENT),
        ("2026-01-02T03:04:05.6789019Z", MOMENT.replace(microsecond=678901)),
        ("2026-01-02t03:04:05.678901999999z", MOMENT.replace(microsecond=678901)),
        ("2016-12-31T23:59:60Z", LEAP),
        ("2016-12-31t23:59:60z", LEAP),
        ("2016-12-31 23:59:60.25Z", LEAP),
        ("2016-12-31T15:59:60.999999-08:00", LEAP),
        ("2017-01-01T05:29:60+05:30", LEAP),
        ("2028-02-29T23:59:60Z", LEAP.replace(year=2028, month=2, day=29)),
        ("9999-12-31T23:59:60Z", LEAP.replace(year=9999)),
    ],
)
def test_a_timestamp_is_aware_and_in_utc(text: str, moment: datetime) -> None:
    """This holds for any offset, letter case and leap second. Digits below a microsecond are dropped."""
    timestamp = one({**TRACE, "timestamp": text}).timestamp
    assert timestamp == moment
    assert timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2026-01-02T03:04:05", "expected an RFC 3339 date-time with its offset from UTC, got one without"),
        ("2026-01-02", "expected an RFC 3339 date-time with its offset from UTC, got one without"),
        ("yesterday", "Invalid isoformat string: 'yesterday'"),
        ("", "Invalid isoformat string: ''"),
        ("2026-13-02T03:04:05Z", "month must be in 1..12"),
        ("0001-01-01T00:00:00+01:00", "date value out of range"),
        ("9999-12-31T23:59:59-01:00", "date value out of range"),
        ("2026-13-02t03:04:05z", "month must be in 1..12"),
        ("2026-01-02T03:04:61Z", "second must be in 0..59"),
        ("2016-12-31T23:59:60", "second must be in 0..59"),
        ("2016-12-30T23:59:60Z", LEAP_PROBLEM),
        ("2027-02-29T23:59:60Z", "day is out of range for month"),
        ("2016-12-31T23:58:60Z", LEAP_PROBLEM),
        ("2016-12-31T22:59:60Z", LEAP_PROBLEM),
        ("2016-12-31T23:59:60+01:00", LEAP_PROBLEM),
        ("0001-01-01T00:59:60+01:00", "date value out of range"),
        ("2026-W01-1T03z", "Invalid isoformat string: '2026-W01-1T03z'"),
        ("2026-01-02T03:04:05zz", "Invalid isoformat string: '2026-01-02T03:04:05zz'"),
        ("2026-01-02x03:04:05z", "Invalid isoformat string: '2026-01-02x03:04:05z'"),
        ("\u0662026-01-02T03:04:05z", "Invalid isoformat string: '\u0662026-01-02T03:04:05z'"),
    ],
)
def test_an_invalid_timestamp_is_refused(text: str, problem: str) -> None:
    """So is one without an offset, since its moment is unknown."""
    assert refused(body({**TRACE, "timestamp": text})).problems == (f"traces[0].timestamp: {problem}",)
