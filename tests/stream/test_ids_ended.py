"""How a stream ends its ids when its block is left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from lyzr_traces_async import ClientClosedError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.streams import IDS, number_of_id, world


async def _tidy(ended: list[object], *, wait: float = 0.0) -> AsyncIterator[str]:
    """Yield ids, and take two seconds to clean up, as for closing a connection."""
    drawing = asyncio.current_task()
    token = number_of_id.set(7)
    try:
        async with anyio.create_task_group(), asyncio.TaskGroup():
            for session_id in IDS:
                await asyncio.sleep(wait)
                yield session_id
    finally:
        await asyncio.sleep(1)
        await asyncio.sleep(1)
        number_of_id.reset(token)
        ended.append(asyncio.current_task() is drawing)


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("wait", [0.0, 0.6, 1000.0])
@pytest.mark.parametrize("way", ["break", "raise", "time out", "fatal", "close the client", "to the end"])
async def test_a_generator_of_ids_is_ended_in_its_own_task_on_every_way_out(
    way: str, wait: float, concurrency: int
) -> None:
    """Its scopes and context variables belong to that task. It may await in its cleanup, and the block waits for it."""
    ended: list[object] = []
    async with world() as (server, client):
        with contextlib.suppress(LookupError, TimeoutError):
            async with asyncio.timeout(5 if way == "time out" else None):
                async with client.stream_sessions(_tidy(ended, wait=wait), concurrency=concurrency) as sessions:
                    await _leave(way, server, client, sessions)
        assert ended == [True]


async def _leave(way: str, server: FakeTracesServer, client: TracesClient, sessions: AsyncIterator[Any]) -> None:
    await asyncio.sleep(1.5)
    if way == "raise":
        raise LookupError
    if way == "time out":
        await asyncio.sleep(100)
    if way == "fatal":
        server.fail_next(100, status=401)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(50):
                async for _ in sessions:
                    pass
    if way == "close the client":
        await client.aclose()
        with pytest.raises(ClientClosedError):
            await anext(sessions)
    if way == "to the end":
        async for _ in sessions:
            pass


async def test_ids_that_are_no_async_generator_are_not_closed() -> None:
    """As after a `for` loop, the owner can go on with the rest."""
    give, take = anyio.create_memory_object_stream[str](20)
    for session_id in IDS:
        give.send_nowait(session_id)
    rest = (session_id for session_id in IDS)
    async with world() as (_, client), give, take:
        for ids in (take, rest):
            async with client.stream_sessions(ids, concurrency=2) as sessions:
                await anext(sessions)
        assert take.statistics().open_receive_streams == 1
        assert take.receive_nowait() in IDS[2:4]
        assert next(rest) in IDS[2:4]


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_ids_that_suppress_a_cancellation_are_closed(concurrency: int) -> None:
    """They are closed in their own task. Ids that they yield after that are not read."""
    ended = []

    async def ids() -> AsyncIterator[str]:
        drawing = asyncio.current_task()
        try:
            for session_id in IDS:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(10)
                with contextlib.suppress(asyncio.CancelledError):
                    yield session_id
        finally:
            ended.append(asyncio.current_task() is drawing)

    async with world() as (_, client):
        async with client.stream_sessions(ids(), concurrency=concurrency) as sessions:
            await anext(sessions)
            made = client.stats.requests
        assert ended == [True]
        await asyncio.sleep(100)
        assert client.stats.requests == made


async def test_a_cancellation_while_the_ids_clean_up_is_not_lost() -> None:
    """The block waits for the cleanup, and then the consumer is cancelled."""
    ended: list[object] = []

    async def consume(client: TracesClient) -> None:
        async with client.stream_sessions(_tidy(ended)) as sessions:
            await anext(sessions)

    async with world() as (_, client):
        consumer = asyncio.ensure_future(consume(client))
        await asyncio.sleep(2.0)
        consumer.cancel()
        await asyncio.sleep(0.1)
        consumer.cancel()
        await asyncio.wait([consumer])
        assert consumer.cancelled()
        assert ended == [True]


async def test_an_exception_of_the_block_is_raised_unchanged_in_a_cancelled_scope() -> None:
    """Waiting for the cleanup of the ids does not replace it by a cancellation."""
    ended: list[object] = []
    async with world() as (_, client):
        with pytest.raises(LookupError), anyio.CancelScope() as scope:
            async with client.stream_sessions(_tidy(ended), concurrency=1) as sessions:
                await anext(sessions)
                scope.cancel()
                raise LookupError
        assert ended == [True]


async def test_an_exception_of_the_cleanup_of_the_ids_leaves_the_block() -> None:
    """If the block itself raises, that exception leaves it."""

    async def ids() -> AsyncIterator[str]:
        try:
            for session_id in IDS:
                yield session_id
        finally:
            raise OSError("the connection could not be closed")

    async with world() as (_, client):
        with pytest.raises(OSError, match="could not be closed"):
            async with client.stream_sessions(ids(), concurrency=2) as sessions:
                await anext(sessions)
        with pytest.raises(LookupError):
            async with client.stream_sessions(ids(), concurrency=2) as sessions:
                await anext(sessions)
                raise LookupError


async def test_ids_may_close_the_client_themselves() -> None:
    """The client is closed, the consumer gets an error, and leaving the block does not wait for the ids."""
    went_on: list[bool] = []

    async def ids() -> AsyncIterator[str]:
        yield IDS[0]
        await client.aclose()
        went_on.append(True)
        await asyncio.Event().wait()

    async with world() as (_, client):
        async with client.stream_sessions(ids()) as sessions:
            with pytest.raises(ClientClosedError):
                await anext(sessions)
            await asyncio.sleep(1)
        assert went_on == [True]
        session = client._sender._transport._session
        assert session is None or session.closed
