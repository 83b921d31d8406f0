"""The slowest or the dearest traces first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import Trace
from lyzr_traces_async.cli._ranking import Ranking

MOMENT = datetime(2026, 3, 25, 18, 19, 24, tzinfo=UTC)
VALUES = st.none() | st.sampled_from([-1.0, 0.0, 1.0]) | st.floats(allow_nan=False)


def traces(*values: float | None) -> list[Trace]:
    """Make a trace for each latency, with the negative latency as its cost and its number as its id."""
    return [
        Trace(str(number), None, None, MOMENT, value, None if value is None else -value, 0, None)
        for number, value in enumerate(values)
    ]


def ranked(by: Literal["latency", "cost"], top: int | None, *batches: list[Trace]) -> list[str]:
    """Rank the traces of all batches, and return their ids."""
    ranking = Ranking(by, top)
    for batch in batches:
        ranking.add(batch)
    return [trace.trace_id for trace in ranking.traces()]


@pytest.mark.parametrize(
    ("by", "top", "ids"),
    [
        ("latency", None, "23501467"),
        ("latency", 3, "235"),
        ("latency", 100, "23501467"),
        ("cost", None, "40152367"),
        ("cost", 1, "4"),
    ],
)
def test_the_largest_comes_first_and_unknown_values_last(
    by: Literal["latency", "cost"], top: int | None, ids: str
) -> None:
    """Equal values keep their order. A negative value comes before an unknown one."""
    assert "".join(ranked(by, top, traces(0.0, 0.0, 2.0, 2.0, -1.0, 1.0, None, None))) == ids


@given(st.lists(st.lists(VALUES, max_size=6), max_size=6), st.none() | st.integers(1, 20))
def test_batches_make_no_difference(batches: list[list[float | None]], top: int | None) -> None:
    """The result is the same as if all traces had come in one batch."""
    every = traces(*(value for batch in batches for value in batch))
    rest = iter(every)
    parts = [[next(rest) for _ in batch] for batch in batches]
    unknown = [trace.trace_id for trace in every if trace.latency_seconds is None]
    known = sorted((t for t in every if t.latency_seconds is not None), key=lambda t: -(t.latency_seconds or 0.0))
    assert ranked("latency", top, *parts) == [*(trace.trace_id for trace in known), *unknown][:top]
