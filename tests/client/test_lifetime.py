"""From the client's construction to its end, and what is left of a walk that is left early."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import warnings
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from yarl import URL

from lyzr_traces_async import (
    APIConnectionError,
    ClientClosedError,
    ClientStats,
    InvalidArgumentError,
    NotFoundError,
    RetryPolicy,
    Trace,
    TracesClient,
    WrongEventLoopError,
)
from lyzr_traces_async._arguments import Secret
from lyzr_traces_async._transport import Transport
from lyzr_traces_async.testing import FakeTracesServer, Quota

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION, 100)
        yield server


def client_of(server: FakeTracesServer, **settings: Any) -> TracesClient:
    return TracesClient(server.api_key, base_url=server.base_url, **settings)


def tasks() -> set[asyncio.Task[Any]]:
    """All tasks but those of the server's connections."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task.get_coro())}


async def settle() -> None:
    """Let what was dropped be finalised."""
    gc.collect()
    await asyncio.sleep(0.01)


def test_construction_needs_no_loop_and_does_no_io() -> None:
    """In a synchronous program, before any event loop, without a server; nothing is left open either."""
    client = TracesClient("key", base_url="http://127.0.0.1:1/v1", timeout=3, max_concurrency=1)
    assert client.stats == ClientStats()
    asyncio.run(client.aclose())
    with pytest.raises(ClientClosedError):
        client.iter_session_traces(SESSION)


async def test_it_works_with_and_without_async_with(server: FakeTracesServer) -> None:
    """Without, it is to be closed by hand."""
    async with client_of(server) as client:
        assert len(await client.list_session_traces(SESSION)) == 100
    client = client_of(server)
    assert len([trace async for trace in client.iter_session_traces(SESSION)]) == 100
    await client.aclose()


async def test_aclose_can_be_repeated(server: FakeTracesServer) -> None:
    """Also before the first request, within `async with`, and at the same time."""
    await client_of(server).aclose()
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
        await asyncio.gather(client.aclose(), client.aclose())
        await client.aclose()


async def test_every_call_after_aclose_raises(server: FakeTracesServer) -> None:
    """The iterators at the call, and one that was suspended at its next step; the statistics stay."""
    client = client_of(server)
    traces = client.iter_session_traces(SESSION, limit=1)
    await anext(traces)
    pages = client.iter_session_pages(SESSION, limit=10)
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
    """Promptly, with an error that says so, wherever they were waiting."""
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
    """With one error for all the pages that were in flight, and not in a group."""
    client = client_of(server)
    server.fail_next(2, stall=30, page=3)

    async def walk() -> list[Trace]:
        return [trace async for trace in client.iter_session_traces(SESSION, limit=10)]

    call = asyncio.ensure_future(walk())
    await asyncio.sleep(10)
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await call


async def test_who_is_cancelled_while_the_client_is_closed_is_cancelled(server: FakeTracesServer) -> None:
    """The cancellation is not lost over the closing."""
    client = client_of(server, timeout=2000)
    server.fail_next(stall=1000)
    call = asyncio.ensure_future(client.list_session_traces(SESSION))
    await asyncio.sleep(1)
    call.cancel()
    await client.aclose()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_it_can_be_entered_in_one_task_and_closed_in_another(server: FakeTracesServer) -> None:
    """As test fixtures and web frameworks do; it holds nothing that belongs to a task."""
    client = await asyncio.ensure_future(client_of(server).__aenter__())
    assert len(await asyncio.ensure_future(client.list_session_traces(SESSION))) == 100
    await asyncio.ensure_future(client.__aexit__(None, None, None))
    with pytest.raises(ClientClosedError):
        await client.list_session_traces(SESSION)


def test_it_belongs_to_the_loop_of_its_first_request() -> None:
    """On another one nothing is sent, and closing there does not break it on its own."""
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
    """At any time: also while the quota holds a request back and the loop stands still."""
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


async def test_a_callers_session_is_used_and_left_as_it_was(server: FakeTracesServer) -> None:
    """Its own header fields go out too; the key does not stay in it, and it is still open in the end."""
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}, cookies={"mine": "2"}) as session:
        async with client_of(server, session=session) as client:
            await client.list_session_traces(SESSION)
        assert not session.closed
        assert dict(session.headers) == {"X-Mine": "1"}
        assert [(cookie.key, cookie.value) for cookie in session.cookie_jar] == [("mine", "2")]
        async with session.get(server.base_url):
            pass
    assert [request.headers.get("X-Mine") for request in server.requests] == ["1", "1"]
    assert [request.headers.get("x-api-key") for request in server.requests] == [server.api_key, None]


async def test_a_callers_own_settings_do_not_apply(server: FakeTracesServer) -> None:
    """Its time-out, its way with statuses and its middlewares are for its other requests."""

    async def refuse(request: aiohttp.ClientRequest, _: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        raise AssertionError(f"called for {request.url}")

    timeout = aiohttp.ClientTimeout(total=1)
    async with (
        aiohttp.ClientSession(timeout=timeout, raise_for_status=True, middlewares=[refuse]) as session,
        client_of(server, session=session) as client,
    ):
        server.fail_next(stall=20)
        server.fail_next(status=500)
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
    assert [request.status for request in server.requests] == [200, 500, 200]


async def test_a_callers_session_that_is_closed_is_an_error(server: FakeTracesServer) -> None:
    """At the next call, without a retry."""
    async with aiohttp.ClientSession() as session:
        client = client_of(server, session=session)
    with pytest.raises(ClientClosedError, match="session that the client was given is closed") as caught:
        await client.list_session_traces(SESSION)
    assert (caught.value.session_id, caught.value.page) == (SESSION, None)
    await client.aclose()


async def test_a_callers_session_that_cannot_make_the_request_is_an_error(server: FakeTracesServer) -> None:
    """Such as one with two kinds of authorization: another attempt would not help."""
    settings: dict[str, Any] = {"headers": {"Authorization": "other"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions of aiohttp advise against it
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("me", "secret"), **settings)
    async with session, client_of(server, session=session) as client:
        with pytest.raises(APIConnectionError, match="ValueError: Cannot combine AUTHORIZATION header") as caught:
            await client.list_session_traces(SESSION)
    assert type(caught.value.__cause__) is ValueError
    assert caught.value.attempts == 1
    assert not server.requests


async def test_a_status_is_an_error_of_ours_also_where_the_session_raises_its_own(server: FakeTracesServer) -> None:
    """What is known of an answer is not lost to the session's way with statuses."""
    async with aiohttp.ClientSession(raise_for_status=True) as session, client_of(server, session=session) as client:
        with pytest.raises(NotFoundError, match="Trace session not found"):
            await client.list_session_traces("00000000-0000-4000-8000-000000000000")
    assert len(server.requests) == 1


async def test_a_session_that_can_make_no_request_is_an_error_of_ours(server: FakeTracesServer) -> None:
    """As one with a header field that is no text: the client's own would do."""
    async with (
        aiohttp.ClientSession(headers={"X-Number": 1}) as session,  # type: ignore[arg-type]
        client_of(server, session=session) as client,
    ):
        with pytest.raises(APIConnectionError, match=r"no complete answer: TypeError: .*non-str") as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.attempts == 1


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"session": "x"}, "session must be an aiohttp.ClientSession, not str"),
        ({"retry": None}, "retry must be a RetryPolicy, not NoneType"),
        ({"timeout": 10**5000}, "timeout must be a number of seconds > 0"),
        ({"max_concurrency": 2.0}, "max_concurrency must be an integer >= 1, not 2.0"),
    ],
)
def test_settings_of_no_use_are_refused_at_once(settings: dict[str, Any], complaint: str) -> None:
    """Not at the first request."""
    with pytest.raises(InvalidArgumentError, match=complaint):
        TracesClient("key", **settings)


async def test_no_cookies_are_kept(server: FakeTracesServer) -> None:
    """The client's own session sends none that a server has set. Those of an IP address no jar would keep."""
    server.fail_next(headers={"Set-Cookie": "a=b"})
    async with TracesClient(server.api_key, base_url=server.base_url.replace("127.0.0.1", "localhost")) as client:
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
    assert [request.headers.get("Cookie") for request in server.requests] == [None, None]


def _walks(client: TracesClient) -> list[AsyncGenerator[Any, None]]:
    return [client.iter_session_traces(SESSION, limit=3), client.iter_session_pages(SESSION, limit=3)]


async def _goes_on(client: TracesClient) -> bool:
    """Walk on a client that has been left in the middle: with one slot, a lost one would be noticed."""
    async with asyncio.timeout(1000):
        return len([trace async for trace in client.iter_session_traces(SESSION, limit=10)]) == 100


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("steps", [1, 2, 7])
async def test_a_suspended_generator_holds_nothing(server: FakeTracesServer, which: int, steps: int) -> None:
    """No request in flight, no task, no cancel scope of ours, no slot."""
    async with client_of(server, max_concurrency=1) as client:
        before = tasks()
        walk = _walks(client)[which]
        for _ in range(steps):
            await anext(walk)
        assert tasks() == before
        assert all(request.status == 200 for request in server.requests)
        # A cancel scope that was left open would belong to this task; another one can then not go on.
        await asyncio.ensure_future(anext(walk))
        assert await _goes_on(client)
        await walk.aclose()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("way", ["break", "drop", "aclose"])
async def test_leaving_a_walk_leaks_nothing(server: FakeTracesServer, which: int, way: str) -> None:
    """By break, by dropping it without `aclose`, or with it."""
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
    """While pages are in flight; slots and the quota's count are as they should be afterwards."""
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


async def test_its_repr_says_where_it_leads_but_not_the_key() -> None:
    """That is what ends up in logs."""
    client = TracesClient("canary-key", base_url="https://traces.example/v1/")
    assert repr(client) == "<TracesClient https://traces.example/v1>"


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_it_can_be_neither_pickled_nor_copied(way: Callable[[Any], Any]) -> None:
    """It holds connections, and the key must not end up in a pickle."""
    with pytest.raises(TypeError, match="create one in each process"):
        way(TracesClient("canary-key"))


async def test_key_and_base_url_come_from_the_environment(
    server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no argument says otherwise."""
    monkeypatch.setenv("LYZR_API_KEY", server.api_key)
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", server.base_url)
    async with TracesClient() as client:
        assert len(await client.list_session_traces(SESSION)) == 100
    monkeypatch.setenv("LYZR_API_KEY", "another")
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", "https://another.example")
    async with TracesClient(server.api_key, base_url=URL(server.base_url)) as client:
        assert len(await client.list_session_traces(SESSION)) == 100


async def test_the_base_url_is_the_documented_one_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the variable is there but empty."""
    for value in (None, ""):
        monkeypatch.delenv("LYZR_TRACES_BASE_URL", raising=False)
        if value is not None:
            monkeypatch.setenv("LYZR_TRACES_BASE_URL", value)
        assert repr(TracesClient("key")) == "<TracesClient https://voice-livekit.studio.lyzr.ai/v1>"


async def test_a_missing_key_is_refused_at_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty argument is not made up for by the environment."""
    monkeypatch.delenv("LYZR_API_KEY", raising=False)
    with pytest.raises(InvalidArgumentError, match="LYZR_API_KEY"):
        TracesClient()
    monkeypatch.setenv("LYZR_API_KEY", "key")
    with pytest.raises(InvalidArgumentError, match="no API key"):
        TracesClient("")


BAD_SETTINGS: list[dict[str, Any]] = [
    {"api_key": "line\n"},
    {"base_url": "http://traces.example/v1"},
    {"base_url": "https://user:secret@traces.example"},
    {"base_url": 5},
    {"timeout": 0},
    {"timeout": float("nan")},
    {"timeout": float("inf")},
    {"timeout": None},
    {"max_concurrency": 0},
    {"max_concurrency": 1.5},
]


@pytest.mark.parametrize("settings", BAD_SETTINGS)
def test_a_setting_that_makes_no_sense_is_refused_at_construction(settings: dict[str, Any]) -> None:
    """Before any I/O."""
    with pytest.raises(InvalidArgumentError):
        TracesClient(**{"api_key": "key", **settings})


async def test_a_closed_transport_opens_no_connection_again() -> None:
    """Whoever comes to it late is told, and leaves nothing open."""
    transport = Transport(Secret("key"), None)
    transport.check_loop()
    await transport.aclose()
    with pytest.raises(ClientClosedError):
        await transport.get(URL("http://127.0.0.1:1/v1"), "id", 1.0)
