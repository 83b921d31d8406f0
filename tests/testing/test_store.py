"""Sessions of the fake server, whose traces a test adds, changes and removes."""

from __future__ import annotations

import sys
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import aiohttp
import attrs
import pytest

from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import OTHER, SESSION, TRACE, get, ids, ids_of


async def test_ids_are_compared_letter_by_letter(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The service does the same. A UUID object means its lower-case form."""
    upper = server.add_session(SESSION.upper(), 1)
    first = server.add_session(UUID(SESSION), 2)
    second = server.add_traces(SESSION)
    assert server.traces(SESSION) == (*second, *first)
    assert await ids(http, server) == ids_of(second + first)
    assert server.traces(SESSION.upper()) == upper


async def test_new_traces_arrive_on_top(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """They are newer than the others and have new ids."""
    old = server.add_session(SESSION, 3)
    new = server.add_traces(SESSION, 2)
    assert await ids(http, server) == ids_of(new + old)
    assert new[0].timestamp > new[1].timestamp > old[0].timestamp
    assert len(set(ids_of(new + old))) == 5


@pytest.mark.parametrize("at", [0, 1, 2, 3])
async def test_traces_can_be_inserted_at_any_place(server: FakeTracesServer, at: int) -> None:
    """Their times are between those of their neighbours."""
    old = server.add_session(SESSION, 3)
    new = server.add_traces(SESSION, 4, at=at)
    listed = server.traces(SESSION)
    assert listed == (*old[:at], *new, *old[at:])
    times = [trace.timestamp for trace in listed]
    assert times == sorted(set(times), reverse=True)


async def test_given_traces_are_listed_as_given(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Their order, times and repetitions stay. Any iterable is accepted."""
    older = attrs.evolve(TRACE, trace_id="older", timestamp=TRACE.timestamp - timedelta(days=1))
    assert server.add_session(SESSION, iter([older, TRACE, older])) == (older, TRACE, older)
    late = attrs.evolve(TRACE, trace_id="late")
    assert server.add_traces(SESSION, [late], at=3) == (late,)
    assert await ids(http, server) == ["older", "trace-abc-123", "older", "late"]


async def test_removed_traces_are_gone(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The other traces move up, and the total shrinks."""
    traces = server.add_session(SESSION, 6)
    assert server.remove_traces(SESSION) == traces[:1]
    assert server.remove_traces(SESSION, 2, at=1) == traces[2:4]
    _, body = await get(http, server)
    assert [trace["traceId"] for trace in body["traces"]] == ids_of((traces[1], *traces[4:]))
    assert body["pagination"]["totalItems"] == 3


async def test_hidden_rows_count_but_are_not_shown(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """They are dropped after paging: pages are short or empty, and the totals stay."""
    traces = server.add_session(SESSION, 8)
    assert server.hide_traces(SESSION, 3, at=1) == traces[1:4]
    pages = [await get(http, server, page=page, limit=2) for page in (1, 2, 3, 4)]
    assert [[trace["traceId"] for trace in body["traces"]] for _, body in pages] == [
        ids_of(traces[:1]),
        [],
        ids_of(traces[4:6]),
        ids_of(traces[6:]),
    ]
    assert {(body["pagination"]["totalItems"], body["pagination"]["totalPages"]) for _, body in pages} == {(8, 4)}
    assert server.traces(SESSION) == traces[:1] + traces[4:]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda server: server.add_session("not-a-uuid"), "must be a UUID"),
        (lambda server: server.add_session(5), "must be a UUID"),
        (lambda server: server.add_session(SESSION), "is already there"),
        (lambda server: server.add_session(OTHER, -1), "must be an integer >= 0, not -1"),
        (lambda server: server.add_session(OTHER, True), "must be an integer >= 0, not True"),
        (lambda server: server.add_session(OTHER, 1.0), "must be an integer >= 0, not 1.0"),
        (lambda server: server.add_session(OTHER, "abc"), "iterable of Trace, but one item is 'a'"),
        (
            lambda server: server.add_session(
                OTHER, [attrs.evolve(TRACE, timestamp=TRACE.timestamp.replace(tzinfo=None))]
            ),
            "'trace-abc-123' must have a time zone",
        ),
        (
            lambda server: server.add_session(OTHER, [attrs.evolve(TRACE, extra={"o": object()})]),
            "'trace-abc-123' can't be sent as JSON",
        ),
        (lambda server: server.add_traces(OTHER), f"no session {OTHER}"),
        (lambda server: server.add_traces(SESSION, at=4), "at must be an integer from 0 to 3, not 4"),
        (lambda server: server.add_traces(SESSION, at=-1), "at must be an integer from 0 to 3, not -1"),
        (lambda server: server.remove_traces(OTHER), f"no session {OTHER}"),
        (lambda server: server.remove_traces(SESSION, 4), "at + n must be at most 3, the number of rows, not 4"),
        (lambda server: server.remove_traces(SESSION, 2, at=2), "at + n must be at most 3, the number of rows, not 4"),
        (lambda server: server.remove_traces(SESSION, -1), "n must be an integer >= 0, not -1"),
        (lambda server: server.hide_traces(OTHER, 1), f"no session {OTHER}"),
        (lambda server: server.hide_traces(SESSION, 1, at=3), "at + n must be at most 3, the number of rows, not 4"),
        (lambda server: server.traces(OTHER), f"no session {OTHER}"),
    ],
)
async def test_impossible_changes_are_refused_and_change_nothing(call: Any, text: str) -> None:
    """Each error says what is wrong."""
    server = FakeTracesServer()
    traces = server.add_session(SESSION, 3)
    with pytest.raises(InvalidArgumentError) as caught:
        call(server)
    assert text in str(caught.value)
    assert server.traces(SESSION) == traces
    assert server.add_session(OTHER) == ()


def test_traces_may_be_added_from_many_threads() -> None:
    """No made-up trace is repeated or lost."""
    server = FakeTracesServer()
    server.add_session(SESSION)

    def add() -> None:
        for _ in range(50):
            server.add_traces(SESSION, 10)

    threads = [threading.Thread(target=add) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    ids = [trace.trace_id for trace in server.traces(SESSION)]
    assert len(ids) == len(set(ids)) == 2000
