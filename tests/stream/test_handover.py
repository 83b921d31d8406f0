"""Consumers that give up waiting for a session at any step of the event loop, and ask again: no session is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from uuid import UUID

import anyio
import pytest

from lyzr_traces_async import SessionTraces, TracesClient
from lyzr_traces_async._handover import Finished
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clock import FastClockLoop

Sessions = AsyncIterator[SessionTraces]
Strike = Callable[[], object]

_END: Final = SessionTraces("the end", None)
# Between two sessions that need no request, the event loop takes no more steps than these.
_STEPS: Final = 10


# --- Ways to give up. Each takes a session unless `strike` comes first. -----------------------------------------------


async def _ask(sessions: Sessions) -> SessionTraces:
    return await anext(sessions, _END)


class _Cancelled:
    """The task around `anext` is cancelled."""

    def __init__(self, sessions: Sessions) -> None:
        self.task = asyncio.ensure_future(_ask(sessions))

    def strike(self) -> None:
        self.task.cancel()


class _TimedOut:
    """`asyncio.timeout` around `anext` expires."""

    def __init__(self, sessions: Sessions) -> None:
        self._timeout = asyncio.timeout(None)
        self.task = asyncio.ensure_future(self._take(sessions))

    async def _take(self, sessions: Sessions) -> SessionTraces:
        async with self._timeout:
            return await _ask(sessions)

    def strike(self) -> None:
        with contextlib.suppress(RuntimeError):  # the timeout was never entered, or is over
            self._timeout.reschedule(asyncio.get_running_loop().time())


class _WaitedFor:
    """`asyncio.wait_for` around `anext` expires."""

    def __init__(self, sessions: Sessions) -> None:
        self.task = asyncio.ensure_future(self._take(sessions))

    async def _take(self, sessions: Sessions) -> SessionTraces:
        return await asyncio.wait_for(_ask(sessions), 1000)

    def strike(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FastClockLoop)
        loop._impatient.jumped += 1000


class _WaitedForByOneWhoIsCancelled(_WaitedFor):
    """The task around `asyncio.wait_for` is cancelled."""

    def strike(self) -> None:
        self.task.cancel()


class _InScope:
    """A cancel scope of anyio around `anext` is cancelled."""

    def __init__(self, sessions: Sessions) -> None:
        self._scope = anyio.CancelScope()
        self.task = asyncio.ensure_future(self._take(sessions))

    async def _take(self, sessions: Sessions) -> SessionTraces:
        with self._scope:
            return await _ask(sessions)
        raise TimeoutError

    def strike(self) -> None:
        self._scope.cancel()


_Way = _Cancelled | _TimedOut | _WaitedFor | _InScope
_WAYS: Final[list[Callable[[Sessions], _Way]]] = [
    _Cancelled,
    _TimedOut,
    _WaitedFor,
    _WaitedForByOneWhoIsCancelled,
    _InScope,
]


async def _taken(way: _Way, steps: int, *, first: bool) -> SessionTraces | None:
    """Return the session that was taken, or ``None`` if the consumer gave up after so many steps of the event loop.

    :param first: whether to give up before all callbacks that are ready to run then, or after them.
    """
    loop = asyncio.get_running_loop()
    for _ in range(steps):
        await asyncio.sleep(0)
    loop.call_soon(way.strike)
    if first:
        loop._ready.rotate(1)  # type: ignore[attr-defined]
    await asyncio.wait([way.task])
    try:
        return way.task.result()
    except (TimeoutError, asyncio.CancelledError):
        return None


async def _steps_apart(count: int, rng: random.Random) -> AsyncIterator[Any]:
    """Yield malformed ids, which need no request, with some steps of the event loop between them."""
    for number in range(count):
        for _ in range(rng.randrange(3 * _STEPS)):
            await asyncio.sleep(0)
        yield f"no id {number}"


def _check(got: list[SessionTraces], ids: list[str]) -> None:
    names = [session.session_id for session in got]
    assert len(names) == len(set(names)), "some came twice"
    assert set(names) == set(ids), f"{len(ids) - len(names)} of {len(ids)} were lost"


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_a_consumer_may_give_up_at_every_step_and_ask_again(
    way: Callable[[Sessions], _Way], concurrency: int
) -> None:
    """Of three hundred sessions none is lost and none comes twice."""
    rng = random.Random(concurrency)
    count = 300
    got: list[SessionTraces] = []
    given_up = 0
    async with (
        TracesClient("key", base_url="http://127.0.0.1:1/v1") as client,
        client.stream_sessions(_steps_apart(count, rng), concurrency=concurrency) as sessions,
    ):
        attempt = 0
        while True:
            attempt += 1
            session = await _taken(way(sessions), attempt // 2 % _STEPS, first=bool(attempt % 2))
            if session is _END:
                break
            if session is None:
                given_up += 1
            else:
                got.append(session)
    _check(got, [f"no id {number}" for number in range(count)])
    assert given_up >= 50


@pytest.mark.parametrize("way", _WAYS)
async def test_consumers_that_wait_beside_one_another_may_give_up_as_well(way: Callable[[Sessions], _Way]) -> None:
    """A session that a woken consumer does not take is taken by another one."""
    count = 300
    got: list[SessionTraces] = []

    async def take(sessions: Sessions, rng: random.Random) -> None:
        while (session := await _taken(way(sessions), rng.randrange(_STEPS), first=rng.random() < 0.5)) is not _END:
            if session is not None:
                got.append(session)

    async with (
        TracesClient("key", base_url="http://127.0.0.1:1/v1") as client,
        client.stream_sessions(_steps_apart(count, random.Random(1)), concurrency=4) as sessions,
    ):
        await asyncio.gather(*(take(sessions, random.Random(seed)) for seed in range(3)))
    _check(got, [f"no id {number}" for number in range(count)])


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.01, 0.1])
async def test_a_consumer_may_poll_with_a_timeout(seconds: float) -> None:
    """The requests are real, and the consumer does something else between two sessions."""
    ids = [str(UUID(int=number)) for number in range(100)]
    got: list[SessionTraces] = []
    async with (
        FakeTracesServer(quota=None) as server,
        TracesClient(server.api_key, base_url=server.base_url) as client,
    ):
        server.latency = 0.01
        for session_id in ids:
            server.add_session(session_id, traces=2)
        async with client.stream_sessions(ids) as sessions:
            while True:
                try:
                    async with asyncio.timeout(seconds):
                        got.append(await anext(sessions))
                except TimeoutError:
                    await asyncio.sleep(0.003)
                except StopAsyncIteration:
                    break
    _check(got, ids)
    assert all(len(session) == 2 for session in got)


async def test_a_consumer_that_gives_up_for_good_does_not_block_the_others() -> None:
    """Several wait, and all but one are cancelled in the same step in which the only session finishes."""
    for steps in range(_STEPS):
        go_on = asyncio.Event()

        async def ids(go_on: asyncio.Event = go_on) -> AsyncIterator[Any]:
            await go_on.wait()
            yield "no id"

        async with (
            TracesClient("key", base_url="http://127.0.0.1:1/v1") as client,
            client.stream_sessions(ids()) as sessions,
        ):
            *others, last = [asyncio.ensure_future(_ask(sessions)) for _ in range(4)]
            await asyncio.sleep(1)
            go_on.set()
            for _ in range(steps):
                await asyncio.sleep(0)
            for other in others:
                other.cancel()
            await asyncio.wait([*others, last], timeout=1)
            took = [task.result() for task in (*others, last) if task.done() and not task.cancelled()]
        assert [session.session_id for session in took if session is not _END] == ["no id"], steps


async def test_a_session_that_finishes_too_late_is_dropped() -> None:
    """It finishes after the stream has ended, and the consumer has learnt of the end."""
    finished = Finished(1)
    finished.close(LookupError("the ids"))
    finished.put(SessionTraces("late", None))
    finished.close(None)
    for _ in range(2):
        with pytest.raises(LookupError, match="the ids"):
            await anext(finished)


def test_the_ways_to_give_up_do_take_sessions() -> None:
    """Without giving up, each way takes the only session, and then learns of the end."""

    async def main(way: Callable[[Sessions], _Way]) -> None:
        async with (
            TracesClient("key", base_url="http://127.0.0.1:1/v1") as client,
            client.stream_sessions(["no id"]) as sessions,
        ):
            assert (await way(sessions).task).session_id == "no id"
            assert await way(sessions).task is _END

    for way in _WAYS:
        with asyncio.Runner(loop_factory=FastClockLoop) as runner:
            runner.run(main(way))
