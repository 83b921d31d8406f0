"""Servers that cause failures, the walks that read from them, and checks that a client holds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, Final, Self

import anyio
import attrs
import pytest

from lyzr_traces_async import RetryPolicy, Trace, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from lyzr_traces_async.testing._quota import Window

Record = Callable[[int], None]
LONG: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
SHORT: Final = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(3)]
LIMIT: Final = 2
# Seven pages: windows of 1, 2 and 4.
LONG_TRACES: Final = 14


@attrs.define
class World:
    """A server with one long session and some short ones, which causes the same failures for every client.

    :ivar trouble: arguments of `fail_next`, by the number of the request.
    :ivar quota: the server's quota, if any.
    :ivar arguments: of the client.
    """

    trouble: dict[int, dict[str, Any]]
    quota: Quota | None
    arguments: dict[str, Any]
    server: FakeTracesServer = attrs.field(init=False)

    async def __aenter__(self) -> Self:
        self.server = FakeTracesServer(quota=self.quota)
        await self.server.__aenter__()
        self.server.add_session(LONG, traces=LONG_TRACES)
        for number, session_id in enumerate(SHORT):
            self.server.add_session(session_id, traces=number * 2)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.server.__aexit__(None, None, None)

    async def client(self) -> TracesClient:
        """Return a new client, and reset the server's quota and failures."""
        if self.quota is not None:
            self.server._window = Window(self.quota)
        self.server.requests.clear()
        self.server.on_request = self._make_trouble
        arguments = {"retry": RetryPolicy(wait_initial=0.5, wait_jitter=0.0), "timeout": 10.0, **self.arguments}
        return TracesClient(self.server.api_key, base_url=self.server.base_url, **arguments)

    def _make_trouble(self, _: RecordedRequest) -> None:
        fault = self.trouble.get(len(self.server.requests))
        if fault is not None:
            self.server.fail_next(**fault)

    def traces(self, *session_ids: str) -> list[Trace]:
        return [trace for session_id in session_ids for trace in self.server.traces(session_id)]

    async def check_usable(self, client: TracesClient) -> None:
        """Check that the client can still walk to a full result."""
        self.server.on_request = None
        self.server._window = None
        walked = [trace async for trace in client.iter_session_traces(LONG, limit=7)]
        assert walked == self.traces(LONG)
        check_idle(client)


FAILURES: Final[dict[int, dict[str, Any]]] = {
    2: {"status": 502},
    3: {"reset": True},
    4: {"status": 429, "headers": {"Retry-After": "2"}},
    6: {"truncate": True},
    8: {"stall": 30.0},  # longer than the client's time-out
    9: {"status": 502, "message": "Langfuse request failed (429)"},
}
WORLDS: Final[dict[str, Callable[[], World]]] = {
    "calm": lambda: World({}, None, {}),
    "failing": lambda: World(FAILURES, None, {}),
    "failing at once": lambda: World({1: {"status": 500}, 2: {"status": 429}, 3: {"reset": True}}, None, {}),
    "used up": lambda: World({}, Quota(3, 60), {}),
    "narrow": lambda: World({}, None, {"max_concurrency": 1, "retry": RetryPolicy(attempts=1), "timeout": 3600.0}),
}


def check_idle(client: TracesClient) -> None:
    """Check that the client holds no slot, quota or connection, and that nothing waits for one."""
    sender = client._sender
    throttle = sender._throttle
    assert sender.calls == set()
    turns = throttle._turns
    assert (throttle._pacer._in_flight, turns.in_flight, turns._turns, turns.waiting) == (0, 0, {}, {})
    assert (throttle._patience, throttle._alarm, throttle._held_since) == ({}, None, None)
    session = sender._transport._session
    connector = session.connector if session is not None else None
    if connector is not None:
        assert (set(connector._acquired), dict(connector._waiters)) == (set(), {})
        # A connection that opened for a cancelled request may be in the pool beside another.
        assert sum(map(len, connector._conns.values())) <= 2 * throttle._capacity._most


async def settle() -> None:
    """Give the event loop a few turns, without any time passing, to notice what was closed."""
    for _ in range(3):
        await asyncio.sleep(0)


Consume = Callable[[TracesClient, list[Trace]], Coroutine[Any, Any, None]]


async def _one_page(client: TracesClient, got: list[Trace]) -> None:
    got += await client.list_session_traces(LONG, limit=LONG_TRACES)


async def _traces_one_by_one(client: TracesClient, got: list[Trace]) -> None:
    async for trace in client.iter_session_traces(LONG, limit=LIMIT, prefetch=1):
        got += [trace]


async def _traces_ahead(client: TracesClient, got: list[Trace]) -> None:
    async for trace in client.iter_session_traces(LONG, limit=LIMIT, prefetch=8):
        got.append(trace)
        await asyncio.sleep(0)


async def _pages(client: TracesClient, got: list[Trace]) -> None:
    async for page in client.iter_session_pages(LONG, limit=LIMIT):
        got += page


async def _stream(client: TracesClient, got: list[Trace]) -> None:
    async with client.stream_sessions([*SHORT, LONG], limit=LIMIT, concurrency=2) as sessions:
        async for session in sessions:
            got += session
            await asyncio.sleep(0)


async def _stream_of_async_ids(client: TracesClient, got: list[Trace]) -> None:
    async def ids() -> AsyncIterator[str]:
        for session_id in SHORT:
            await asyncio.sleep(0.01)
            yield session_id

    async with client.stream_sessions(ids(), limit=LIMIT) as sessions:
        async for session in sessions:
            got += session


WALKS: Final[dict[str, tuple[Consume, list[str]]]] = {
    "one page": (_one_page, [LONG]),
    "traces, prefetch 1": (_traces_one_by_one, [LONG]),
    "traces, prefetch 8": (_traces_ahead, [LONG]),
    "pages, prefetch 8": (_pages, [LONG]),
    "stream": (_stream, [*SHORT, LONG]),
    "stream, async ids": (_stream_of_async_ids, SHORT),
}
# The walk, its world, and the least number of its await points.
CASES: Final = [
    ("one page", "calm", 3),
    ("one page", "failing at once", 9),
    ("one page", "narrow", 3),
    ("traces, prefetch 1", "calm", 9),
    ("traces, prefetch 1", "failing", 30),
    ("traces, prefetch 1", "used up", 15),
    ("traces, prefetch 8", "calm", 30),
    ("traces, prefetch 8", "failing", 45),
    ("traces, prefetch 8", "used up", 30),
    ("traces, prefetch 8", "narrow", 25),
    ("pages, prefetch 8", "calm", 15),
    ("stream", "calm", 30),
    ("stream", "failing", 50),
    ("stream", "used up", 45),
    ("stream", "narrow", 30),
    ("stream, async ids", "calm", 15),
]
every_case = pytest.mark.parametrize(("walk", "world", "least"), CASES)


def check_got(got: list[Trace], expected: list[Trace], *, whole: bool) -> None:
    """Check that no trace came twice, that each exists, and that a finished walk brought all of them."""
    assert len(set(got)) == len(got)
    assert set(got) <= set(expected)
    assert not whole or len(got) == len(expected)


async def go_on_undisturbed() -> None:
    """Check that no cancellation is left over in the running task."""
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await anyio.sleep(0.01)


async def take(generator: AsyncGenerator[Any, None], count: int) -> bool:
    """Take so many items. Return whether there were that many."""
    for _ in range(count):
        try:
            await anext(generator)
        except StopAsyncIteration:
            return False
    return True
