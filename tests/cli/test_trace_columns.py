"""The bars of latencies, and the axis in their title."""

from __future__ import annotations

import pytest

from lyzr_traces_async.cli._text import glyphs_for
from lyzr_traces_async.cli._trace_columns import bar, scale_axis

ASCII = glyphs_for("ascii")


@pytest.mark.parametrize(
    ("latency", "shape"), [(4, "===="), (2, "=="), (1.5, "=-"), (0.01, "-"), (0, ""), (-1, ""), (4.1, "===>")]
)
def test_a_bar_has_half_steps_and_anything_that_took_time_is_seen(latency: float, shape: str) -> None:
    """The full length is four characters for four seconds."""
    assert bar(latency, 4, 4, ASCII) == shape


@pytest.mark.parametrize(
    ("scale", "width", "axis"),
    [
        (4.5678, 10, "0   4.57 s"),
        (4.5678, 8, "0 4.57 s"),
        (4.5678, 7, " 4.57 s"),
        (999.9, 8, "0 1000 s"),
        (1006.0, 8, "0 1006 s"),
        (12345678.0, 8, ""),
    ],
)
def test_the_title_of_the_bars_is_their_axis(scale: float, width: int, axis: str) -> None:
    """The axis goes from zero to the full length."""
    assert scale_axis(scale, width) == axis
