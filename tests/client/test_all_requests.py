"""Rules that hold for every kind of request of a client, and for all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import aiohttp
import pytest

from lyzr_traces_async import (
    APIConnectionError,
    InvalidArgumentError,
    ServerError,
    TracesClient,
    WrongEventLoopError,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import AT_ONCE, SESSION, client_of, sessions_of, tasks
from tests.helpers.raw_server import RawServer, answer, keeping, page_body


async def _all_of(items: AsyncIterator[Any]) -> None:
    async for _ in items:
        pass


async def test_max_concurrency_bounds_requests_of_all_kinds_together(server: FakeTracesServer) -> None:
    """Single pages, single traces, walks, streams and lists of sessions share it."""
    others = sessions_of(server, 3, traces=9)
    trace_id = server.traces(SESSION)[0].trace_id
    in_flight: list[int] = []
    server.latency = 5
    server.on_request = lambda _: in_flight.append(sum(request.status is None for request in server.requests))
    async with client_of(server, max_concurrency=3) as client:

        async def stream() -> None:
            async with client.stream_sessions(others, limit=2) as sessions:
                await _all_of(sessions)

        await asyncio.gather(
            *(client.list_session_traces(SESSION) for _ in range(3)),
            *(client.get_trace(SESSION, trace_id) for _ in range(3)),
            *(_all_of(client.iter_sessions()) for _ in range(3)),
            _all_of(client.iter_session_traces(SESSION, limit=1)),
            _all_of(client.iter_session_pages(SESSION, limit=1)),
            stream(),
        )
    assert max(in_flight) == 3


async def test_a_client_with_other_options_shares_connections_statistics_quota_and_event_loop() -> None:
    """It does not matter which of the two makes the first request."""
    fields = ('RateLimit-Policy: "a";q=100;w=60', 'RateLimit: "a";r=57;t=60')
    async with RawServer(keeping(answer(page_body(), *fields))) as raw, client_of(raw) as client:
        other = client.with_options(timeout=5)
        await other.list_session_traces(SESSION)
        assert client.stats == other.stats
        assert client.quota is not None
        assert client.quota.remaining == 57
        await client.list_session_traces(SESSION)
        assert client.stats.requests == other.stats.requests == len(raw.heads) == 2
        assert raw.connections == 1
        with pytest.raises(WrongEventLoopError):
            await asyncio.to_thread(asyncio.run, client.list_session_traces(SESSION))


async def test_statistics_and_quota_are_snapshots_and_send_nothing() -> None:
    """Later requests do not change a snapshot that was taken before."""
    async with FakeTracesServer() as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        await client.list_session_traces(SESSION)
        stats, quota = client.stats, client.quota
        assert quota is not None
        assert (stats.requests, quota.remaining, len(server.requests)) == (1, 99, 1)
        await client.list_session_traces(SESSION)
        assert client.stats.requests == 2
        assert client.quota != quota
        assert (stats.requests, quota.remaining, len(server.requests)) == (1, 99, 2)


CALLS: Final[
    dict[str, tuple[Callable[[TracesClient], Awaitable[object]], tuple[str | None, str | None, int | None]]]
] = {
    "a page": (lambda client: client.list_session_traces(SESSION, page=2, limit=3), (SESSION, None, 2)),
    "the traces": (lambda client: anext(client.iter_session_traces(SESSION)), (SESSION, None, 1)),
    "the pages": (lambda client: anext(client.iter_session_pages(SESSION, start_page=4)), (SESSION, None, 4)),
    "a trace": (lambda client: client.get_trace(SESSION, "t-1"), (SESSION, "t-1", None)),
    "the sessions": (lambda client: anext(client.iter_sessions()), (None, None, None)),
}


@pytest.mark.parametrize("call", CALLS)
async def test_an_error_has_the_attributes_of_its_request(server: FakeTracesServer, call: str) -> None:
    """An attribute that the request does not have is None."""
    ask, expected = CALLS[call]
    server.fail_next(99, status=500)
    async with client_of(server, retry=AT_ONCE) as client:
        with pytest.raises(ServerError) as caught:
            await ask(client)
    assert (caught.value.session_id, caught.value.trace_id, caught.value.page) == expected
    assert caught.value.attempts == len(server.requests) == 3
    assert caught.value.request_id == server.requests[-1].headers["X-Request-Id"]


@pytest.mark.parametrize("spelling", [SESSION, SESSION.upper(), UUID(SESSION)])
async def test_get_trace_sends_the_session_id_as_it_was_given(
    server: FakeTracesServer, client: TracesClient, spelling: str | UUID
) -> None:
    """The service compares ids letter by letter. A UUID is sent in lower case."""
    if spelling == SESSION.upper():
        server.add_session(spelling, 1)
    trace_id = server.traces(spelling)[0].trace_id
    assert (await client.get_trace(spelling, trace_id)).trace_id == trace_id
    assert [request.path for request in server.requests] == [f"/v1/traces/session/{spelling}/{trace_id}"]


async def test_the_list_of_sessions_holds_nothing_between_two_sessions(service: FakeTracesServer) -> None:
    """It has no request in flight, no task, no cancel scope and no slot, so another task can continue it."""
    service.add_transcripts(450)
    service.add_session(SESSION, 5)
    async with client_of(service, max_concurrency=1) as client:
        before = tasks()
        listing = client.iter_sessions()
        for _ in range(250):
            await anext(listing)
            assert tasks() == before
            assert all(request.status == 200 for request in service.requests)
        await asyncio.ensure_future(anext(listing))
        async with asyncio.timeout(100):
            assert len(await client.list_session_traces(SESSION)) == 5
        await listing.aclose()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LYZR_API_KEY", "a key", "the API key contains whitespace"),
        ("LYZR_TRACES_BASE_URL", "ftp://traces.example/v1", "must begin with https://"),
    ],
)
def test_an_invalid_environment_variable_is_refused(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is the same as for the argument."""
    monkeypatch.setenv("LYZR_API_KEY", "key")
    monkeypatch.delenv("LYZR_TRACES_BASE_URL", raising=False)
    TracesClient()
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidArgumentError, match=said):
        TracesClient()


async def test_a_callers_session_sends_no_request_again_by_itself(server: FakeTracesServer) -> None:
    """By default aiohttp repeats a GET whose connection was reset. The client counts each request that is sent."""
    async with aiohttp.ClientSession() as session, client_of(server, session=session, retry=AT_ONCE) as client:
        await client.list_session_traces(SESSION)
        server.fail_next(99, reset=True)
        with pytest.raises(APIConnectionError):
            await client.list_session_traces(SESSION)
        assert client.stats.requests == len(server.requests) == 4
