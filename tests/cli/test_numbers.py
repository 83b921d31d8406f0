"""Latencies, costs, durations and sizes as people read them."""

from __future__ import annotations

import math

import pytest

from lyzr_traces_async.cli._numbers import clock, dollars, rough, seconds, size


@pytest.mark.parametrize(
    ("value", "wide", "narrow"),
    [
        (0.0, "0.000 s", "0.00 s"),
        (1.25, "1.250 s", "1.25 s"),
        (999.9994, "999.999 s", "999.9…"),
        (12345.678, "12345.7 s", "12346 s"),
        (1e7, "1.0e+07 s", "1e+07 s"),
        (-0.5, "-0.500 s", "-0.50 s"),
        (math.inf, "inf s", "inf s"),
    ],
)
def test_latencies_have_as_many_digits_as_there_is_room(value: float, wide: str, narrow: str) -> None:
    """Latencies have milliseconds if these fit, and never take more than the width."""
    assert seconds(value) == wide
    if "…" not in narrow:
        assert seconds(value, 7) == narrow


@pytest.mark.parametrize(
    ("value", "wide", "narrow"),
    [
        (0.0, "$0.00    ", "$0.00  "),
        (0.0034, "$0.0034  ", "$0.0034"),
        (0.000012, "$0.000012", "<$0.0001"),
        (4e-7, "<$0.000001", "<$0.0001"),
        (1.5, "$1.50    ", "$1.50  "),
        (12.345678, "$12.345678", "$12.3457"),
        (123.456, "$123.46", "$123.46"),
        (1234567.0, "$1.235e+06", "$1.2e+06"),
        (-0.25, "-$0.25    ", "-$0.25  "),
        (-4e-7, "-<$0.000001", "-<$0.0001"),
    ],
)
def test_costs_are_aligned_at_the_point_without_trailing_zeros(value: float, wide: str, narrow: str) -> None:
    """A cost has at least two decimals. A cost too small to show is marked with `<`, and is not shown as zero."""
    assert dollars(value) == wide
    assert dollars(value, 8) == narrow


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0:00"),
        (499, "0:00"),
        (500, "0:01"),
        (59_499, "0:59"),
        (252_000, "4:12"),
        (3_599_500, "1:00:00"),
        (3_852_000, "1:04:12"),
        (-12_000, "-0:12"),
        (360_000_000, "100:00:00"),
    ],
)
def test_a_duration_is_written_like_a_clock(milliseconds: int, text: str) -> None:
    """Hours are written only if there are any. A negative duration, of clocks that disagree, keeps its sign."""
    assert clock(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (719, "12 min"),
        (3569, "59 min"),
        (3599, "1 h"),
        (18_720, "5 h 12 min"),
        (86_369, "23 h 59 min"),
        (86_399, "1 d"),
        (266_400, "3 d 2 h"),
        (432_000_000, "5,000 d"),
    ],
)
def test_a_long_time_is_written_in_its_two_largest_units(seconds: float, text: str) -> None:
    """The seconds of a wait of hours do not matter."""
    assert rough(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 kB"), (1499, "1 kB"), (999_999, "1,000 kB"), (1_000_000, "1.0 MB"), (2.5e9, "2,500.0 MB")],
)
def test_sizes_are_written_in_kilobytes_or_megabytes(count: int, text: str) -> None:
    """A kilobyte is 1,000 bytes."""
    assert size(count) == text
