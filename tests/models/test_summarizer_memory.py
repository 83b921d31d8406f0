"""How much memory a summarizer keeps of each trace."""

from __future__ import annotations

import tracemalloc

from lyzr_traces_async import Summarizer
from tests.models.summaries import trace


def test_a_summarizer_keeps_sixteen_bytes_of_each_trace() -> None:
    """These are its latency and its cost. An array reserves up to an eighth more than it needs."""
    count = 20_000
    summarizer = Summarizer()
    tracemalloc.start()
    try:
        for number in range(count):
            summarizer.add(trace(latency=number * 0.1, cost=number * 0.2, trace_id=str(number)))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert summarizer.summary().count == count
    assert 16 * count <= kept < 16 * count * 9 / 8 + 20_000
