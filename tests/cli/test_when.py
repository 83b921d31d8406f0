"""Moments and lengths of time as people write them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async.cli._when import duration, moment

INDIA = timezone(timedelta(hours=5, minutes=30))
NOW = datetime(2026, 3, 26, 1, 19, 24, 347_000, tzinfo=INDIA)  # in UTC it is 19:49 on the day before


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-03-25", "2026-03-25T00:00:00+00:00"),
        (" 2026-03-25\n", "2026-03-25T00:00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00"),
        ("2026-03-25T18:19", "2026-03-25T18:19:00+00:00"),
        ("2026-03-25T18:19:24Z", "2026-03-25T18:19:24+00:00"),
        ("2026-03-25t18:19:24z", "2026-03-25T18:19:24+00:00"),
        ("2026-03-25 18:19:24.347", "2026-03-25T18:19:24.347000+00:00"),
        ("2026-03-25T18:19:24.3474447Z", "2026-03-25T18:19:24.347444+00:00"),
        ("2026-03-25T18:19:24+05:30", "2026-03-25T12:49:24+00:00"),
        ("today", "2026-03-25T00:00:00+00:00"),
        ("Yesterday", "2026-03-24T00:00:00+00:00"),
        ("0m", "2026-03-25T19:49:24.347000+00:00"),
        ("90m", "2026-03-25T18:19:24.347000+00:00"),
        ("12h", "2026-03-25T07:49:24.347000+00:00"),
        ("7D", "2026-03-18T19:49:24.347000+00:00"),
    ],
)
def test_a_moment_is_a_date_a_time_or_so_long_ago(text: str, found: str) -> None:
    """A time without a zone is in UTC, and so is "today"."""
    assert moment("--since", text, NOW).isoformat() == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "now",
        "7",
        "d",
        "-7d",
        "1.5h",
        "7 d",
        "2w",
        "\u0667d",
        "1e3m",
        "999999999d",
        "99999999999m",
        "2026-02-30",
        "2026-3-25",
        "20260325",
        "2026-W13-3",
        "2026-03-25T",
        "2026-03-25T25:00",
        "2026-03-25T18",
        "2026-03-25Z",
        "2026-03-25T18:19:24+99:00",
        "0001-01-01T00:00+01:00",
        "2026-03-25X18:19",
        "25.03.2026",
    ],
)
def test_a_malformed_moment_is_refused(text: str) -> None:
    """The error names the option, gives the accepted spellings, and repeats the argument."""
    with pytest.raises(InvalidArgumentError) as caught:
        moment("--since", text, NOW)
    assert caught.value.message.startswith("--since must be a date or a time such as 2026-03-25 or ")
    assert "yesterday" in caught.value.message
    assert caught.value.message.endswith(f", not {text!r}")


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_is_read_back(given: datetime) -> None:
    """It keeps its microseconds."""
    assert moment("--until", given.isoformat(), NOW) == given


@given(st.text(st.sampled_from("0123456789-:TZ.+mhd ")))
def test_any_text_is_a_moment_in_utc_or_is_refused(text: str) -> None:
    """No other error is raised."""
    with contextlib.suppress(InvalidArgumentError):
        assert moment("--since", text, NOW).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", timedelta(0)),
        ("90m", timedelta(minutes=90)),
        (" 1H\n", timedelta(hours=1)),
        ("2d", timedelta(days=2)),
        ("999999999d", timedelta(days=999_999_999)),
    ],
)
def test_a_length_of_time_is_a_number_of_minutes_hours_or_days(text: str, length: timedelta) -> None:
    """Zero needs no unit."""
    assert duration("--settle", text) == length


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "1 h", "1w", "1h30m", "\u0667d", "today", "9999999999d"])
def test_a_malformed_length_of_time_is_refused(text: str) -> None:
    """The error names the option, gives the accepted spellings, and repeats the argument."""
    with pytest.raises(InvalidArgumentError) as caught:
        duration("--settle", text)
    assert caught.value.message == f"--settle must be a length of time such as 90m, 1h, 2d or 0, not {text!r}"
