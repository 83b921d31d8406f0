"""A walk that is left early leaves no request, task or slot behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from lyzr_traces_async import (
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer, Quota
from tests.helpers.clients import (
    SESSION,
    client_of,
    tasks,
)


async def settle() -> None:
    """Let dropped objects be finalised."""
    gc.collect()
    await asyncio.sleep(0.01)


@pytest.fixture
async def server(service: FakeTracesServer) -> FakeTracesServer:
    """Return the fake server, with a session of a hundred traces."""
    service.add_session(SESSION, 100)
    return service


def _walks(client: TracesClient) -> list[AsyncGenerator[Any, None]]:
    return [client.iter_session_traces(SESSION, limit=3), client.iter_session_pages(SESSION, limit=3)]


async def _goes_on(client: TracesClient) -> bool:
    """Walk on a client whose earlier walk was left. The client has one slot, so a lost slot would be noticed."""
    async with asyncio.timeout(1000):
        return len([trace async for trace in client.iter_session_traces(SESSION, limit=10)]) == 100


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("steps", [1, 2, 7])
async def test_a_suspended_generator_holds_nothing(server: FakeTracesServer, which: int, steps: int) -> None:
    """There is no request in flight, no task, no cancel scope and no slot in use."""
    async with client_of(server, max_concurrency=1) as client:
        before = tasks()
        walk = _walks(client)[which]
        for _ in range(steps):
            await anext(walk)
        assert tasks() == before
        assert all(request.status == 200 for request in server.requests)
        # An open cancel scope would belong to this task, and another task could not go on with the generator.
        await asyncio.ensure_future(anext(walk))
        assert await _goes_on(client)
        await walk.aclose()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("way", ["break", "drop", "aclose"])
async def test_leaving_a_walk_leaks_nothing(server: FakeTracesServer, which: int, way: str) -> None:
    """The consumer breaks, drops the generator, or calls `aclose`."""
    async with client_of(server, max_concurrency=1) as client:
        before = tasks()
        walk = _walks(client)[which]
        async for _ in walk:
            break
        if way == "aclose":
            await walk.aclose()
        if way != "break":
            gone = weakref.ref(walk)
            del walk
            await settle()
            assert gone() is None
        assert tasks() == before
        assert all(request.status == 200 for request in server.requests)
        assert await _goes_on(client)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("way", ["cancel", "timeout"])
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_cancelling_the_consumer_leaks_nothing(which: int, way: str, concurrency: int) -> None:
    """Pages are in flight at that moment. Afterwards slots and quota are as they must be."""
    async with (
        FakeTracesServer(quota=Quota(requests=8, seconds=60)) as server,
        client_of(server, max_concurrency=concurrency, timeout=2000) as client,
    ):
        server.add_session(SESSION, 100)
        server.fail_next(stall=1000, page=2)
        before = tasks()

        async def consume() -> None:
            async for _ in _walks(client)[which]:
                pass

        task = asyncio.ensure_future(consume())
        if way == "cancel":
            await asyncio.sleep(10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10):
                    await task
        await settle()
        assert tasks() == before
        await asyncio.sleep(61)
        server.requests.clear()
        assert await _goes_on(client)
        assert all(request.status == 200 for request in server.requests)
