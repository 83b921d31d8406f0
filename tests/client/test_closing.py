"""Closing a client, the calls under way at that moment, and the event loop a client belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from yarl import URL

from lyzr_traces_async import (
    ClientClosedError,
    RetryPolicy,
    Trace,
    TracesClient,
    WrongEventLoopError,
)
from lyzr_traces_async._arguments import Secret
from lyzr_traces_async._transport import Transport
from lyzr_traces_async.testing import FakeTracesServer, Quota
from tests.helpers.clients import (
    SESSION,
    client_of,
    tasks,
)


async def test_a_client_works_with_and_without_async_with(server: FakeTracesServer) -> None:
    """Without `async with` the caller closes the client."""
    async with client_of(server) as client:
        assert len(await client.list_session_traces(SESSION)) == 5
    client = client_of(server)
    assert len([trace async for trace in client.iter_session_traces(SESSION)]) == 5
    await client.aclose()


async def test_aclose_can_be_repeated(server: FakeTracesServer) -> None:
    """It may be called before the first request, within `async with`, and twice at the same time."""
    await client_of(server).aclose()
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
        await asyncio.gather(client.aclose(), client.aclose())
        await client.aclose()


async def test_every_call_after_aclose_raises(server: FakeTracesServer) -> None:
    """Iterators raise when they are made, and suspended ones at their next step. The statistics can still be read."""
    client = client_of(server)
    traces = client.iter_session_traces(SESSION, limit=1)
    await anext(traces)
    pages = client.iter_session_pages(SESSION, limit=1)
    await anext(pages)
    unstarted = client.iter_session_traces(SESSION)
    await client.aclose()
    for step in (traces, pages, unstarted):
        with pytest.raises(ClientClosedError):
            await anext(step)
    with pytest.raises(ClientClosedError):
        client.iter_session_traces(SESSION)
    with pytest.raises(ClientClosedError):
        client.iter_session_pages(SESSION)
    with pytest.raises(ClientClosedError):
        client.stream_sessions([SESSION])
    with pytest.raises(ClientClosedError, match="closed"):
        await client.list_session_traces(SESSION)
    with pytest.raises(RuntimeError):
        async with client:
            pass
    assert client.stats.requests == len(server.requests) == 2


async def _in_flight(server: FakeTracesServer) -> tuple[TracesClient, int]:
    server.fail_next(stall=1000)
    return client_of(server, timeout=2000), 1


async def _waiting_for_a_slot(server: FakeTracesServer) -> tuple[TracesClient, int]:
    server.fail_next(stall=1000)
    return client_of(server, timeout=2000, max_concurrency=1), 3


async def _waiting_for_the_first_answer(server: FakeTracesServer) -> tuple[TracesClient, int]:
    server.fail_next(stall=1000)
    return client_of(server, timeout=2000), 3


async def _waiting_for_the_quota(server: FakeTracesServer) -> tuple[TracesClient, int]:
    server.fail_next(status=429, headers={"Retry-After": "100"})
    return client_of(server), 3


async def _in_a_back_off(server: FakeTracesServer) -> tuple[TracesClient, int]:
    server.fail_next(3, status=500)
    return client_of(server, retry=RetryPolicy(wait_initial=1000, wait_max=1000)), 3


@pytest.mark.parametrize(
    "situation",
    [_in_flight, _waiting_for_a_slot, _waiting_for_the_first_answer, _waiting_for_the_quota, _in_a_back_off],
)
async def test_calls_that_are_under_way_end_when_the_client_is_closed(
    server: FakeTracesServer, situation: Callable[[FakeTracesServer], Awaitable[tuple[TracesClient, int]]]
) -> None:
    """They end at once with `ClientClosedError`, whatever they were waiting for."""
    before = tasks()
    client, count = await situation(server)
    calls = [asyncio.ensure_future(client.list_session_traces(SESSION)) for _ in range(count)]
    await asyncio.sleep(10)
    assert not any(call.done() for call in calls)
    begin = asyncio.get_running_loop().time()
    await client.aclose()
    for error in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(error, ClientClosedError)
        assert (error.session_id, error.page) == (SESSION, None)
    assert asyncio.get_running_loop().time() - begin < 5
    assert tasks() == before


async def test_a_walk_that_is_under_way_ends_when_the_client_is_closed(server: FakeTracesServer) -> None:
    """The pages in flight raise one error, which is not in a group."""
    client = client_of(server)
    server.fail_next(2, stall=30, page=3)

    async def walk() -> list[Trace]:
        return [trace async for trace in client.iter_session_traces(SESSION, limit=1)]

    call = asyncio.ensure_future(walk())
    await asyncio.sleep(10)
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await call


async def test_a_cancellation_while_the_client_is_closed_is_not_lost(server: FakeTracesServer) -> None:
    """The call raises `CancelledError`, not `ClientClosedError`."""
    client = client_of(server, timeout=2000)
    server.fail_next(stall=1000)
    call = asyncio.ensure_future(client.list_session_traces(SESSION))
    await asyncio.sleep(1)
    call.cancel()
    await client.aclose()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_client_can_be_entered_in_one_task_and_closed_in_another(server: FakeTracesServer) -> None:
    """Test fixtures and web frameworks do so. The client holds nothing that belongs to a task."""
    client = await asyncio.ensure_future(client_of(server).__aenter__())
    assert len(await asyncio.ensure_future(client.list_session_traces(SESSION))) == 5
    await asyncio.ensure_future(client.__aexit__(None, None, None))
    with pytest.raises(ClientClosedError):
        await client.list_session_traces(SESSION)


def test_a_client_belongs_to_the_loop_of_its_first_request() -> None:
    """On another loop it sends nothing, and an attempt to close it there does no harm."""
    with asyncio.Runner() as home, asyncio.Runner() as abroad:
        server = FakeTracesServer(quota=None)
        home.run(server.__aenter__())
        server.add_session(SESSION, 3)
        client = client_of(server)
        assert len(home.run(client.list_session_traces(SESSION))) == 3

        async def walk() -> int:
            return len([trace async for trace in client.iter_session_traces(SESSION)])

        with pytest.raises(WrongEventLoopError, match="another one is running") as caught:
            abroad.run(client.list_session_traces(SESSION))
        assert isinstance(caught.value, RuntimeError)
        with pytest.raises(WrongEventLoopError):
            abroad.run(walk())
        with pytest.raises(WrongEventLoopError):
            abroad.run(client.aclose())
        assert len(server.requests) == 1
        assert home.run(walk()) == 3
        home.run(client.aclose())
        home.run(server.__aexit__(None, None, None))


def test_the_statistics_can_be_taken_outside_of_the_loop() -> None:
    """They can be read while the quota holds a request back and the loop does not run."""
    with asyncio.Runner() as runner:
        server = FakeTracesServer(quota=Quota(requests=1, seconds=60))
        runner.run(server.__aenter__())
        server.add_session(SESSION, 3)
        client = client_of(server)
        runner.run(client.list_session_traces(SESSION))

        async def begin() -> asyncio.Future[Any]:
            call = asyncio.ensure_future(client.list_session_traces(SESSION))
            await asyncio.sleep(0.01)
            return call

        call = runner.run(begin())
        try:
            assert client.stats.seconds_paced >= 0
        finally:
            runner.run(client.aclose())
            with pytest.raises(ClientClosedError):
                runner.run(asyncio.wait_for(call, 5))
            runner.run(server.__aexit__(None, None, None))


async def test_a_closed_transport_opens_no_connection_again() -> None:
    """A late request raises, and leaves nothing open."""
    transport = Transport(Secret("key"), None)
    transport.check_loop()
    await transport.aclose()
    with pytest.raises(ClientClosedError):
        await transport.get(URL("http://127.0.0.1:1/v1"), "id", 1.0)
