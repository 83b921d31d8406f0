"""Walks over a list to which traces are added, or from which traces are deleted, during the walk."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import pytest

from lyzr_traces_async import (
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.clients import (
    SESSION,
)


async def _drift(
    service: FakeTracesServer, client: TracesClient, seed: int, change: Callable[[random.Random], None]
) -> tuple[list[str], set[str]]:
    """Walk while the list changes; return the ids yielded and those that were in the list throughout."""
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    throughout = {trace.trace_id for trace in service.traces(SESSION)}
    changes = 0

    def move() -> None:
        nonlocal changes
        changes += 1
        change(rng)
        throughout.intersection_update(trace.trace_id for trace in service.traces(SESSION))

    def on_request(_: RecordedRequest) -> None:
        service.latency = rng.uniform(0.1, 10)  # so that the answers of a window come at different times, in any order
        if changes < 15 and rng.random() < 0.4:
            move()
        if changes < 15 and rng.random() < 0.4:
            loop.call_later(rng.uniform(0, 10), move)

    service.on_request = on_request
    found = []
    async for trace in client.iter_session_traces(SESSION, limit=rng.randint(1, 9), prefetch=rng.choice([1, 2, 8])):
        found.append(trace.trace_id)
        if rng.random() < 0.1:
            move()
    return found, throughout


@pytest.mark.parametrize("seed", range(6))
async def test_traces_that_arrive_during_a_walk_lose_and_repeat_none(
    service: FakeTracesServer, client: TracesClient, seed: int
) -> None:
    """They arrive at any place of the list, between and within windows."""
    service.add_session(SESSION, 40)

    def arrive(rng: random.Random) -> None:
        length = len(service.traces(SESSION))
        service.add_traces(SESSION, rng.randint(1, 7), at=rng.choice([0, 0, rng.randint(0, length)]))

    found, throughout = await _drift(service, client, seed, arrive)
    assert len(throughout) == 40
    assert throughout <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("seed", range(6))
async def test_traces_that_are_deleted_during_a_walk_lose_and_repeat_no_other(
    service: FakeTracesServer, client: TracesClient, seed: int
) -> None:
    """They are deleted at any place of the list, between and within windows."""
    service.add_session(SESSION, 70)

    def leave(rng: random.Random) -> None:
        length = len(service.traces(SESSION))
        count = rng.randint(1, 3)
        service.remove_traces(SESSION, count, at=rng.choice([0, rng.randint(0, length - count)]))

    found, throughout = await _drift(service, client, seed, leave)
    assert throughout
    assert throughout <= set(found)
    assert len(found) == len(set(found))


async def test_drift_is_counted(service: FakeTracesServer, client: TracesClient) -> None:
    """The statistics count repeated traces that were dropped, and pages that were read again."""
    service.add_session(SESSION, 30)

    def arrive(request: RecordedRequest) -> None:
        if request.query["page"] == "2":
            service.add_traces(SESSION, 4)

    def leave(request: RecordedRequest) -> None:
        if request.query["page"] == "2":
            service.remove_traces(SESSION, 3)

    service.on_request = arrive
    pages = [page async for page in client.iter_session_pages(SESSION, limit=10, prefetch=1)]
    assert Counter(len(page) for page in pages) == {10: 2, 6: 1, 4: 1}
    assert client.stats.duplicates_dropped == 4
    service.on_request = leave
    async for _ in client.iter_session_pages(SESSION, limit=10, prefetch=1):
        pass
    assert client.stats.pages_reread >= 1
