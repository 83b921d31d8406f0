"""Bounds of a summary: the shares of the names, and the memory that a summarizer needs."""

from __future__ import annotations

import gc
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import Summarizer, summarize
from tests.models.summaries import trace


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 1e300)), max_size=30))
def test_without_a_negative_cost_each_share_is_from_0_to_1(costs: list[tuple[str, float | None]]) -> None:
    """A name has no share if none of its costs is known, or if all known costs are 0."""
    summary = summarize([trace(name, cost=cost) for name, cost in costs])
    for part in summary.by_name.values():
        if part.costs_missing == part.count or not summary.total_cost_usd:
            assert part.cost_share is None
        else:
            assert part.cost_share is not None
            assert 0 <= part.cost_share <= 1


def test_a_summarizer_keeps_16_bytes_of_a_trace_and_its_top_traces_whole() -> None:
    """Its arrays grow in steps, so they may be larger by an eighth. The kept traces are those that were added."""
    count = 50_000
    summarizer = Summarizer(top=2)
    whole = [trace(latency=100.0 + number, cost=100.0 - number, trace_id=str(number)) for number in range(4)]
    for each in whole:
        summarizer.add(each)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(count):
            summarizer.add(trace("llm", number / count, number / count, trace_id=str(number)))
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 16 * count <= kept <= 18 * count + 10_000
    summary = summarizer.summary()
    assert [id(each) for each in summary.slowest] == [id(whole[3]), id(whole[2])]
    assert [id(each) for each in summary.dearest] == [id(whole[0]), id(whole[1])]
