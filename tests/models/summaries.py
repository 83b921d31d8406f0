"""Traces with a latency and a cost, for tests of summaries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from lyzr_traces_async import (
    Trace,
)

MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def trace(
    name: str | None = "llm",
    latency: float | None = None,
    cost: float | None = None,
    *,
    after: float = 0.0,
    trace_id: str = "t",
) -> Trace:
    return Trace(trace_id, name, "s", MOMENT + timedelta(seconds=after), latency, cost, 0, None)


def with_latencies(values: Iterable[float | None]) -> list[Trace]:
    return [trace(latency=value) for value in values]


def with_costs(values: Iterable[float | None]) -> list[Trace]:
    return [trace(cost=value) for value in values]


SMALL: Final = [
    trace("stt", 0.25, 0.125, after=3, trace_id="a"),
    trace("llm", 2.0, 0.5, after=1, trace_id="b"),
    trace(None, None, None, after=0, trace_id="c"),
    trace("llm", 1.0, None, after=4, trace_id="d"),
    trace("tts", None, 0.375, after=2, trace_id="e"),
]
