"""How a stream ends: by a failure that no session survives, by its consumer, or with its client."""

from __future__ import annotations

import asyncio

import pytest

from lyzr_traces_async import (
    AuthenticationError,
    ClientClosedError,
    PermissionDeniedError,
    RetryPolicy,
    ServiceNotConfiguredError,
    TracesClient,
    WrongEventLoopError,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import (
    client_of,
    session_ids,
)
from tests.helpers.streams import results_of

FATAL: list[tuple[int, str | None, type[Exception]]] = [
    (401, None, AuthenticationError),
    (403, None, PermissionDeniedError),
    (503, "Langfuse tracing is not configured on voice-agent-server", ServiceNotConfiguredError),
]


@pytest.mark.parametrize(("status", "message", "kind"), FATAL)
async def test_a_fatal_failure_ends_the_stream_at_once(status: int, message: str | None, kind: type[Exception]) -> None:
    """It is raised unchanged, and costs one batch of requests at most."""
    ids = session_ids(10_000)
    async with FakeTracesServer() as server, client_of(server) as client:
        server.fail_next(10_000, status=status, message=message)
        with pytest.raises(kind) as raised:
            await results_of(client, ids)
        assert raised.value.__context__ is None
        assert len(server.requests) <= 8


async def test_a_fatal_failure_does_not_wait_for_other_sessions() -> None:
    """Their requests are slow, and their results are dropped."""
    ids = session_ids(3)
    loop = asyncio.get_running_loop()
    async with FakeTracesServer() as server, client_of(server, timeout=5000) as client:
        for session_id in ids:
            server.add_session(session_id, traces=1)
        await client.list_session_traces(ids[0])  # so that the quota is known, and more than one is in flight
        server.fail_next(stall=1000, session_id=ids[0])
        server.fail_next(stall=1000, session_id=ids[1])
        server.fail_next(status=403, session_id=ids[2])
        begun = loop.time()
        with pytest.raises(PermissionDeniedError):
            await results_of(client, ids)
        assert loop.time() - begun < 5


async def test_a_fatal_failure_is_not_hidden_by_another_pages_failure() -> None:
    """An earlier page of the same window fails as well, and is retried for long."""
    (session_id,) = session_ids(1)
    loop = asyncio.get_running_loop()
    async with FakeTracesServer() as server, client_of(server, retry=RetryPolicy(wait_initial=1000)) as client:
        server.add_session(session_id, traces=30)
        server.fail_next(99, status=500, page=2)
        server.fail_next(status=403, page=3)
        begun = loop.time()
        with pytest.raises(PermissionDeniedError):
            await results_of(client, [session_id], limit=10)
        assert loop.time() - begun < 5


def test_another_event_loop_ends_the_stream() -> None:
    """No session can be read there, so that is not a failure of single sessions."""
    client = TracesClient("key", base_url="http://127.0.0.1:1/v1", retry=RetryPolicy(attempts=1))
    with asyncio.Runner() as home, asyncio.Runner() as abroad:
        home.run(results_of(client, session_ids(1)))
        with pytest.raises(WrongEventLoopError):
            abroad.run(results_of(client, session_ids(3)))
        home.run(client.aclose())


async def test_closing_the_client_ends_the_stream() -> None:
    """A consumer that waits for a session gets the error at once."""
    ids = session_ids(3)
    async with FakeTracesServer() as server, client_of(server) as client:
        server.latency = 3600
        async with client.stream_sessions(ids) as sessions:
            waiting = asyncio.ensure_future(anext(sessions))
            while not server.requests:
                await asyncio.sleep(0.01)
            await client.aclose()
            with pytest.raises(ClientClosedError):
                await waiting


@pytest.mark.parametrize("failure", [KeyError("body"), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_an_exception_of_the_block_is_raised_unchanged(failure: BaseException) -> None:
    """Requests in flight are cancelled and waited for."""
    ids = session_ids(30)
    async with FakeTracesServer() as server, client_of(server) as client:
        server.latency = 0.05
        for session_id in ids:
            server.add_session(session_id, traces=100)
        before = asyncio.all_tasks()
        with pytest.raises(type(failure)) as raised:
            async with client.stream_sessions(ids, limit=10) as sessions:
                await anext(sessions)
                raise failure
        assert raised.value is failure
        assert {task for task in asyncio.all_tasks() - before if "aiohttp" not in repr(task)} == set()
        server.latency = 0
        assert len(await client.list_session_traces(ids[-1])) == 100


async def test_leaving_early_cancels_the_other_sessions() -> None:
    """No request begins after the block, and ids that are not needed are not drawn."""
    ids = iter(session_ids(1000))
    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
        for session_id in session_ids(1000):
            server.add_session(session_id, traces=1)
        async with client.stream_sessions(ids, concurrency=4) as sessions:
            await anext(sessions)
        made = client.stats.requests
        await asyncio.sleep(60)
        assert client.stats.requests == made >= len(server.requests)
        assert len(list(ids)) >= 1000 - 10


async def test_asking_for_sessions_after_the_block_is_an_error() -> None:
    """Otherwise a function that returns the stream would seem to return an empty one."""
    ids = session_ids(20)
    async with FakeTracesServer() as server, client_of(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=1)
        async with client.stream_sessions(ids) as sessions:
            await anext(sessions)
        with pytest.raises(ClientClosedError, match="block of this stream was left"):
            await anext(sessions)
        async with client.stream_sessions(ids) as sessions:
            assert len([session async for session in sessions]) == 20
        assert [session async for session in sessions] == []


async def test_waiting_for_a_session_when_the_block_is_left_is_an_error() -> None:
    """Another task waits for the session."""
    async with FakeTracesServer() as server, client_of(server) as client:
        server.latency = 3600
        async with client.stream_sessions(session_ids(1)) as sessions:
            waiting = asyncio.ensure_future(anext(sessions))
            await asyncio.sleep(1)
        with pytest.raises(ClientClosedError, match="block of this stream was left"):
            await waiting


async def test_finished_sessions_are_dropped_with_the_block() -> None:
    """Nothing can be taken from a stream whose block was left."""
    async with FakeTracesServer() as server, client_of(server) as client:
        async with client.stream_sessions(["no id"] * 5) as sessions:
            await anext(sessions)
            await asyncio.sleep(1)
        with pytest.raises(ClientClosedError):
            await anext(sessions)


async def test_a_fatal_failure_is_raised_at_every_step() -> None:
    """Every consumer gets the same error, whose traceback does not grow."""
    async with FakeTracesServer() as server, client_of(server) as client:
        server.fail_next(100, status=401)
        async with client.stream_sessions(session_ids(1)) as sessions:
            waiting = [asyncio.ensure_future(anext(sessions)) for _ in range(2)]
            failures = await asyncio.gather(*waiting, return_exceptions=True)
            depths = []
            for _ in range(3):
                with pytest.raises(AuthenticationError) as raised:
                    await anext(sessions)
                failures.append(raised.value)
                depths.append(len(raised.traceback))
        assert len(set(map(id, failures))) == 1
        assert len(set(depths)) == 1


async def test_a_closed_client_streams_nothing() -> None:
    """The call raises."""
    client = TracesClient("key")
    await client.aclose()
    with pytest.raises(ClientClosedError):
        client.stream_sessions([])


async def test_a_client_that_is_closed_before_the_block_is_entered_streams_nothing() -> None:
    """Entering the block raises, even without ids."""
    client = TracesClient("key")
    stream = client.stream_sessions([])
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await stream.__aenter__()
