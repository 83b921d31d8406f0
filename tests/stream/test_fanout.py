"""Many sessions at once: whole, fairly, at the full speed of the quota and not one request over."""

from __future__ import annotations

import asyncio
import gc
import math
import random
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from uuid import UUID

import pytest

from lyzr_traces_async import (
    APIStatusError,
    AuthenticationError,
    ClientClosedError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    RetryPolicy,
    ServiceNotConfiguredError,
    SessionTraces,
    Trace,
    TracesClient,
    WrongEventLoopError,
)
from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest


def _ids(count: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [str(UUID(int=rng.getrandbits(128), version=4)) for _ in range(count)]


def _client(server: FakeTracesServer, **arguments: object) -> TracesClient:
    return TracesClient(server.api_key, base_url=server.base_url, **arguments)  # type: ignore[arg-type]


async def _collect(
    client: TracesClient, ids: Iterable[str | UUID] | AsyncIterable[str | UUID], **arguments: int
) -> dict[str, SessionTraces]:
    async with client.stream_sessions(ids, **arguments) as sessions:
        return {session.session_id: session async for session in sessions}


async def test_every_session_comes_once_and_whole() -> None:
    """Sessions of no, one and many pages, by id and by UUID."""
    ids = _ids(20)
    async with FakeTracesServer() as server, _client(server) as client:
        for number, session_id in enumerate(ids):
            server.add_session(session_id, traces=number * 37)
        found = await _collect(client, [UUID(ids[0]), *ids[1:]])
        assert {name: session.traces for name, session in found.items()} == {name: server.traces(name) for name in ids}


async def test_sessions_come_in_the_order_in_which_they_finish() -> None:
    """A session of ten pages does not hold back those of one page that were asked for after it."""
    long, *short = _ids(6)
    async with FakeTracesServer() as server, _client(server) as client:
        server.latency = 0.05
        server.add_session(long, traces=1000)
        for session_id in short:
            server.add_session(session_id, traces=1)
        async with client.stream_sessions([long, *short]) as sessions:
            order = [session.session_id async for session in sessions]
        assert order[-1] == long
        assert sorted(order[:-1]) == sorted(short)


async def test_a_long_session_and_short_ones_take_turns() -> None:
    """While a hundred sessions of one page are read, one of 500 pages has about as many turns as they."""
    long, *short = _ids(101)
    async with FakeTracesServer(quota=None) as server, _client(server) as client:
        server.latency = 0.02
        server.add_session(long, traces=500)
        for session_id in short:
            server.add_session(session_id, traces=1)
        async with client.stream_sessions([long, *short], limit=1) as sessions:
            done = 0
            async for session in sessions:
                done += session.session_id != long
                if done == len(short):
                    break
        turns = Counter(long in request.path for request in server.requests)
        assert turns[True] <= 2 * turns[False]


async def test_one_sessions_failure_is_its_own_result() -> None:
    """An unknown session, one that keeps failing and a malformed id, among good ones."""
    good, unknown, failing = _ids(3)
    retry = RetryPolicy(attempts=2)
    async with FakeTracesServer() as server, _client(server, retry=retry) as client:
        for session_id in (good, failing):
            server.add_session(session_id, traces=250)
        server.fail_next(99, status=500, session_id=failing, page=2)
        found = await _collect(client, [unknown, failing, "no-uuid", None, good])  # type: ignore[list-item]
    assert len(found[good]) == 250
    assert isinstance(found[unknown].error, NotFoundError)
    assert isinstance(found["no-uuid"].error, InvalidArgumentError)
    assert found["no-uuid"].error.session_id == "no-uuid"
    assert isinstance(found["None"].error, InvalidArgumentError)
    error = found[failing].error
    assert isinstance(error, APIStatusError)
    assert (error.session_id, error.page, error.attempts) == (failing, 2, 2)
    with pytest.raises(APIStatusError) as raised:
        len(found[failing].traces)
    assert raised.value is error


FATAL: list[tuple[int, str | None, type[Exception]]] = [
    (401, None, AuthenticationError),
    (403, None, PermissionDeniedError),
    (503, "Langfuse tracing is not configured on voice-agent-server", ServiceNotConfiguredError),
]


@pytest.mark.parametrize(("status", "message", "kind"), FATAL)
async def test_what_no_session_survives_ends_the_stream_at_once(
    status: int, message: str | None, kind: type[Exception]
) -> None:
    """It is raised as itself, and costs one batch of requests at most, not ten thousand."""
    ids = _ids(10_000)
    async with FakeTracesServer() as server, _client(server) as client:
        server.fail_next(10_000, status=status, message=message)
        with pytest.raises(kind) as raised:
            await _collect(client, ids)
        assert raised.value.__context__ is None
        assert len(server.requests) <= 8


async def test_what_no_session_survives_does_not_wait_for_the_others() -> None:
    """They may be in the middle of requests that take their time; what they would have brought is dropped."""
    ids = _ids(3)
    loop = asyncio.get_running_loop()
    async with FakeTracesServer() as server, _client(server, timeout=5000) as client:
        for session_id in ids:
            server.add_session(session_id, traces=1)
        await client.list_session_traces(ids[0])  # so that the quota is known, and more than one is in flight
        server.fail_next(stall=1000, session_id=ids[0])
        server.fail_next(stall=1000, session_id=ids[1])
        server.fail_next(status=403, session_id=ids[2])
        begun = loop.time()
        with pytest.raises(PermissionDeniedError):
            await _collect(client, ids)
        assert loop.time() - begun < 5


async def test_what_no_session_survives_is_not_hidden_by_another_pages_failure() -> None:
    """Of the pages that are asked for at once, an earlier one may fail as well, and be tried again for long."""
    (session_id,) = _ids(1)
    loop = asyncio.get_running_loop()
    async with FakeTracesServer() as server, _client(server, retry=RetryPolicy(wait_initial=1000)) as client:
        server.add_session(session_id, traces=30)
        server.fail_next(99, status=500, page=2)
        server.fail_next(status=403, page=3)
        begun = loop.time()
        with pytest.raises(PermissionDeniedError):
            await _collect(client, [session_id], limit=10)
        assert loop.time() - begun < 5


def test_another_event_loop_ends_the_stream() -> None:
    """No session can be read there: that is no failure of theirs."""
    client = TracesClient("key", base_url="http://127.0.0.1:1/v1", retry=RetryPolicy(attempts=1))
    with asyncio.Runner() as home, asyncio.Runner() as abroad:
        home.run(_collect(client, _ids(1)))
        with pytest.raises(WrongEventLoopError):
            abroad.run(_collect(client, _ids(3)))
        home.run(client.aclose())


async def test_closing_the_client_ends_the_stream() -> None:
    """The consumer, waiting for a session, is told at once."""
    ids = _ids(3)
    async with FakeTracesServer() as server, _client(server) as client:
        server.latency = 3600
        async with client.stream_sessions(ids) as sessions:
            waiting = asyncio.ensure_future(anext(sessions))
            while not server.requests:
                await asyncio.sleep(0.01)
            await client.aclose()
            with pytest.raises(ClientClosedError):
                await waiting


async def test_the_limit_is_that_of_every_request() -> None:
    """As many traces a page as were asked for."""
    (session_id,) = _ids(1)
    async with FakeTracesServer() as server, _client(server) as client:
        server.add_session(session_id, traces=19)
        assert len((await _collect(client, [session_id], limit=5))[session_id]) == 19
        assert [request.query["limit"] for request in server.requests] == ["5"] * 4


async def test_a_key_among_the_ids_is_not_shown() -> None:
    """It is no id, and is refused as one, but unseen."""
    async with TracesClient("sk-canary-123", base_url="http://127.0.0.1:1/v1") as client:
        found = await _collect(client, ["sk-canary-123"])
        assert "canary" not in repr(found) + str(found["***"].error)


@pytest.mark.parametrize("failure", [KeyError("body"), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_an_exception_of_the_body_leaves_it_as_itself(failure: BaseException) -> None:
    """Also where sessions are in the middle of requests, which are cancelled and waited for."""
    ids = _ids(30)
    async with FakeTracesServer() as server, _client(server) as client:
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


async def test_leaving_early_cancels_what_is_left() -> None:
    """No request begins after the block, and ids that were not needed are not drawn."""
    ids = iter(_ids(1000))
    async with FakeTracesServer(quota=None) as server, _client(server) as client:
        for session_id in _ids(1000):
            server.add_session(session_id, traces=1)
        async with client.stream_sessions(ids, concurrency=4) as sessions:
            await anext(sessions)
        made = client.stats.requests
        await asyncio.sleep(60)
        assert client.stats.requests == made >= len(server.requests)
        assert len(list(ids)) >= 1000 - 10


async def test_whoever_asks_for_sessions_outside_of_the_block_is_told() -> None:
    """It would look as if all had come, to a function that returns the stream rather than what is in it."""
    ids = _ids(20)
    async with FakeTracesServer() as server, _client(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=1)
        async with client.stream_sessions(ids) as sessions:
            await anext(sessions)
        with pytest.raises(ClientClosedError, match="block of this stream was left"):
            await anext(sessions)
        async with client.stream_sessions(ids) as sessions:
            assert len([session async for session in sessions]) == 20
        assert [session async for session in sessions] == []


async def test_whoever_waits_for_a_session_when_the_block_is_left_is_told() -> None:
    """Another task that was to take sessions, too."""
    async with FakeTracesServer() as server, _client(server) as client:
        server.latency = 3600
        async with client.stream_sessions(_ids(1)) as sessions:
            waiting = asyncio.ensure_future(anext(sessions))
            await asyncio.sleep(1)
        with pytest.raises(ClientClosedError, match="block of this stream was left"):
            await waiting


async def test_what_has_finished_but_was_not_taken_is_dropped_with_the_block() -> None:
    """Nothing can be had of a stream that was left, whatever was ready."""
    async with FakeTracesServer() as server, _client(server) as client:
        async with client.stream_sessions(["no id"] * 5) as sessions:
            await anext(sessions)
            await asyncio.sleep(1)
        with pytest.raises(ClientClosedError):
            await anext(sessions)


async def test_a_failure_is_told_as_often_as_it_is_asked_for() -> None:
    """The same one, to everybody, and its traceback does not grow."""
    async with FakeTracesServer() as server, _client(server) as client:
        server.fail_next(100, status=401)
        async with client.stream_sessions(_ids(1)) as sessions:
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


async def test_several_consumers_share_the_sessions() -> None:
    """Each session comes to one of them, and all of them learn of the end."""
    ids = _ids(60)
    got: list[str] = []

    async def take(sessions: AsyncIterator[SessionTraces]) -> None:
        async for session in sessions:
            got.append(session.session_id)
            await asyncio.sleep(1)

    async with FakeTracesServer(quota=None) as server, _client(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=1)
        async with client.stream_sessions(ids) as sessions:
            await asyncio.gather(*(take(sessions) for _ in range(4)))
    assert sorted(got) == sorted(ids)


async def test_more_may_be_read_at_once_than_there_are() -> None:
    """Nothing is set up for sessions that may never be."""
    async with FakeTracesServer() as server, _client(server) as client:
        found = await _collect(client, ["no id"], concurrency=2**53 - 1)
        assert list(found) == ["no id"]


async def test_a_slow_consumer_is_waited_for() -> None:
    """What is being read and what waits to be taken are `concurrency` at most; no further id is drawn meanwhile."""
    drawn = 0

    def source() -> Iterator[str]:
        nonlocal drawn
        for session_id in _ids(100):
            drawn += 1
            yield session_id

    async with FakeTracesServer(quota=None) as server, _client(server) as client:
        for session_id in _ids(100):
            server.add_session(session_id, traces=1)
        async with client.stream_sessions(source(), concurrency=5) as sessions:
            for taken in range(1, 11):
                await anext(sessions)
                await asyncio.sleep(30)
                assert drawn <= taken + 5


async def test_memory_does_not_grow_with_the_number_of_sessions() -> None:
    """Sessions that were handed over are not kept: only the traces of the few in the works are alive."""
    ids = _ids(200)
    async with FakeTracesServer(quota=None) as server, _client(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=10)
        before = _living_traces()
        async with client.stream_sessions(ids, concurrency=4) as sessions:
            number = 0
            async for session in sessions:
                number += 1
                assert len(session) == 10
                if number % 25 == 0:
                    assert _living_traces() - before <= 10 * (4 + 4 + 1)


def _living_traces() -> int:
    gc.collect()
    return sum(isinstance(thing, Trace) for thing in gc.get_objects())


def test_arguments_are_checked_at_the_call() -> None:
    """Nothing has to be entered, or even be in an event loop, for that."""
    client = TracesClient("key")
    refused: list[Callable[[], object]] = [
        lambda: client.stream_sessions("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        lambda: client.stream_sessions(7),  # type: ignore[arg-type]
        lambda: client.stream_sessions([], limit=0),
        lambda: client.stream_sessions([], limit=101),
        lambda: client.stream_sessions([], concurrency=0),
    ]
    for call in refused:
        with pytest.raises(InvalidArgumentError):
            call()


async def test_a_closed_client_streams_nothing() -> None:
    """It says so at the call."""
    client = TracesClient("key")
    await client.aclose()
    with pytest.raises(ClientClosedError):
        client.stream_sessions([])


async def test_a_client_that_is_closed_before_the_block_is_entered_streams_nothing() -> None:
    """It says so there, whatever there is to read."""
    client = TracesClient("key")
    stream = client.stream_sessions([])
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await stream.__aenter__()


async def test_the_quota_is_used_to_the_full_and_never_exceeded() -> None:
    """Alone on its address: no 429, no request too many, and the wall time that the fixed window allows, within 3 %."""
    ids = _ids(60)
    loop = asyncio.get_running_loop()
    async with FakeTracesServer(quota=Quota(100, 60)) as server, _client(server) as client:
        for number, session_id in enumerate(ids):
            server.add_session(session_id, traces=1201 + number)
        begun = loop.time()
        found = await _collect(client, ids)
        elapsed = loop.time() - begun
        assert all(session.error is None for session in found.values())
        needed = sum(math.ceil((1201 + number) / 100) for number in range(len(ids)))
        assert client.stats.requests == needed == len(server.requests)
        assert client.stats.rate_limited == 0
        windows = math.ceil(needed / 100)
        assert elapsed < (windows - 1) * 60 * 1.03 + 5
        assert client.stats.seconds_paced == pytest.approx(elapsed, rel=0.1)


async def test_beside_a_stranger_nothing_is_lost() -> None:
    """One who eats half of every window costs at most one batch of refusals a window."""
    ids = _ids(30)
    async with FakeTracesServer(quota=Quota(100, 60)) as server, _client(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=130)
        loop = asyncio.get_running_loop()
        times: list[float] = []

        def stranger(_: RecordedRequest) -> None:
            server.spend_quota(1)
            times.append(loop.time())

        server.on_request = stranger
        found = await _collect(client, ids, limit=10)
        assert all(len(session) == 130 for session in found.values())
        refused = [moment for moment, request in zip(times, server.requests, strict=True) if request.status == 429]
        for moment in refused:
            assert sum(moment <= other < moment + 55 for other in refused) <= 8  # a window, and not the next one


async def test_without_quota_fields_it_is_an_ordinary_client() -> None:
    """Nothing is held back where the service says nothing of a quota."""
    ids = _ids(30)
    async with FakeTracesServer(quota=None) as server, _client(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=299)
        found = await _collect(client, ids)
        assert all(len(session) == 299 for session in found.values())
        assert (client.stats.requests, client.stats.seconds_paced) == (90, 0.0)


async def test_a_limit_of_the_store_behind_holds_the_whole_client_back() -> None:
    """5 s at first, then twice as long while it lasts; one request finds out, and the first success lets all go."""
    ids = _ids(20)
    loop = asyncio.get_running_loop()
    times: list[float] = []
    async with FakeTracesServer(quota=None) as server, _client(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=1)
        await client.list_session_traces(ids[0])
        begun = loop.time()
        server.latency = 0.01

        def limited(_: RecordedRequest) -> None:
            times.append(loop.time() - begun)
            if times[-1] < 30:
                server.fail_next(1, status=502, message="Langfuse request failed (429)")

        server.on_request = limited
        found = await _collect(client, ids)
    assert all(session.error is None for session in found.values())
    assert Counter(5 * int((moment + 1) / 5) for moment in times) == {0: 8, 5: 1, 15: 1, 35: 20}
    assert client.stats.seconds_paced == pytest.approx(35, abs=1)
