"""Many sessions in one stream: each comes once and whole, and they take turns."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from uuid import UUID

import pytest

from lyzr_traces_async import (
    APIStatusError,
    InvalidArgumentError,
    NotFoundError,
    RetryPolicy,
    SessionTraces,
    Trace,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import (
    client_of,
    session_ids,
)
from tests.helpers.streams import results_of


async def test_every_session_comes_once_and_whole() -> None:
    """The sessions have no, one or many pages. Ids are texts or UUID objects."""
    ids = session_ids(20)
    async with FakeTracesServer() as server, client_of(server) as client:
        for number, session_id in enumerate(ids):
            server.add_session(session_id, traces=number * 37)
        found = await results_of(client, [UUID(ids[0]), *ids[1:]])
        assert {name: session.traces for name, session in found.items()} == {name: server.traces(name) for name in ids}


async def test_sessions_come_in_the_order_in_which_they_finish() -> None:
    """A session of ten pages does not hold back later sessions of one page."""
    long, *short = session_ids(6)
    async with FakeTracesServer() as server, client_of(server) as client:
        server.latency = 0.05
        server.add_session(long, traces=1000)
        for session_id in short:
            server.add_session(session_id, traces=1)
        async with client.stream_sessions([long, *short]) as sessions:
            order = [session.session_id async for session in sessions]
        assert order[-1] == long
        assert sorted(order[:-1]) == sorted(short)


async def test_a_long_session_and_short_ones_take_turns() -> None:
    """A session of 500 pages gets about as many turns as a hundred sessions of one page together."""
    long, *short = session_ids(101)
    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
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
    """Among good sessions are an unknown one, one that keeps failing, and a malformed id."""
    good, unknown, failing = session_ids(3)
    retry = RetryPolicy(attempts=2)
    async with FakeTracesServer() as server, client_of(server, retry=retry) as client:
        for session_id in (good, failing):
            server.add_session(session_id, traces=250)
        server.fail_next(99, status=500, session_id=failing, page=2)
        found = await results_of(client, [unknown, failing, "no-uuid", None, good])  # type: ignore[list-item]
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


async def test_the_limit_is_that_of_every_request() -> None:
    """Every request asks for so many traces."""
    (session_id,) = session_ids(1)
    async with FakeTracesServer() as server, client_of(server) as client:
        server.add_session(session_id, traces=19)
        assert len((await results_of(client, [session_id], limit=5))[session_id]) == 19
        assert [request.query["limit"] for request in server.requests] == ["5"] * 4


async def test_a_key_among_the_ids_is_not_shown() -> None:
    """It is refused as a malformed id, and is masked."""
    async with TracesClient("sk-canary-123", base_url="http://127.0.0.1:1/v1") as client:
        found = await results_of(client, ["sk-canary-123"])
        assert "canary" not in repr(found) + str(found["***"].error)


async def test_several_consumers_share_the_sessions() -> None:
    """Each session comes to one of them, and all of them learn of the end."""
    ids = session_ids(60)
    got: list[str] = []

    async def take(sessions: AsyncIterator[SessionTraces]) -> None:
        async for session in sessions:
            got.append(session.session_id)
            await asyncio.sleep(1)

    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=1)
        async with client.stream_sessions(ids) as sessions:
            await asyncio.gather(*(take(sessions) for _ in range(4)))
    assert sorted(got) == sorted(ids)


async def test_the_concurrency_may_be_larger_than_the_number_of_sessions() -> None:
    """Nothing is allocated for sessions that may never come."""
    async with FakeTracesServer() as server, client_of(server) as client:
        found = await results_of(client, ["no id"], concurrency=2**53 - 1)
        assert list(found) == ["no id"]


async def test_a_slow_consumer_is_waited_for() -> None:
    """At most `concurrency` sessions are being read or wait to be taken. Meanwhile no further id is drawn."""
    drawn = 0

    def source() -> Iterator[str]:
        nonlocal drawn
        for session_id in session_ids(100):
            drawn += 1
            yield session_id

    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
        for session_id in session_ids(100):
            server.add_session(session_id, traces=1)
        async with client.stream_sessions(source(), concurrency=5) as sessions:
            for taken in range(1, 11):
                await anext(sessions)
                await asyncio.sleep(30)
                assert drawn <= taken + 5


async def test_memory_does_not_grow_with_the_number_of_sessions() -> None:
    """Sessions that were taken are not kept: only the traces of a few sessions are alive."""
    ids = session_ids(75)
    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
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
    """No block and no event loop is needed for that."""
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
