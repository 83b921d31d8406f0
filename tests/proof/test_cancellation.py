"""Walks and streams that are cut off: at every await point, in every way, and nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import re
import subprocess
import sys
import types
import warnings
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import anyio
import attrs
import pytest

from lyzr_traces_async import ClientClosedError, RetryPolicy, Trace, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from lyzr_traces_async.testing._quota import Window
from tests.helpers.clock import FastClockLoop

T = TypeVar("T")
Record = Callable[[int], None]

LONG: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
SHORT: Final = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(3)]
LIMIT: Final = 2
# Seven pages: windows of 1, 2 and 4.
LONG_TRACES: Final = 14


pytestmark = pytest.mark.usefixtures("hurry")


@pytest.fixture
def record(request: pytest.FixtureRequest, record_testsuite_property: Callable[[str, object], None]) -> Record:
    """Have the number of await points in the report, under the test's name."""
    return partial(record_testsuite_property, request.node.name)


# --- Stepping: every point at which a task of a walk gives way to the event loop can be told apart. -------------------


class Steps:
    """Counts the await points of a walk, those of the tasks that it starts included, and strikes at one of them.

    :param at: the number of the point to strike at, from 1.
    :param strike: what to do there.
    :param on: whether to strike at all later points too.
    """

    def __init__(self, at: int, strike: Callable[[], object], *, on: bool = False) -> None:
        self.passed = 0
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._at = at
        self._on = on
        self._strike = strike
        self._ended = False

    @property
    def struck(self) -> bool:
        return self.passed >= self._at

    def end(self) -> None:
        """Count no further: what is to be cut off is over."""
        self._ended = True

    def point(self) -> None:
        if self._ended:
            return
        self.passed += 1
        if self.passed == self._at or (self._on and self.struck):
            self._strike()

    def left(self) -> list[str]:
        return [repr(task) for task in self.tasks if not task.done()]

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine as a task whose await points count, as do those of all tasks that come from it."""
        context = contextvars.copy_context()
        context.run(_steps.set, self)
        return context.run(asyncio.get_running_loop().create_task, coroutine)


_steps: contextvars.ContextVar[Steps] = contextvars.ContextVar("_steps")


def _stepping(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
    """Create a task: the event loop's task factory."""
    steps = _steps.get(None)
    if steps is None:
        return asyncio.Task(coroutine, loop=loop, **more)
    task = asyncio.Task(_counted(coroutine, steps), loop=loop, **more)
    task.add_done_callback(lambda _: coroutine.close())  # it may have been cancelled before its first step
    steps.tasks.add(task)
    return task


async def _counted(coroutine: Any, steps: Steps) -> Any:
    return await _driven(coroutine, steps)


@types.coroutine
def _driven(coroutine: Any, steps: Steps) -> Generator[Any, Any, Any]:
    """Drive a coroutine as a task would, and count each time that it gives way."""
    go_on = partial(coroutine.send, None)
    try:
        while True:
            try:
                waits_for = go_on()
            except StopIteration as stop:
                return stop.value
            steps.point()
            try:
                go_on = partial(coroutine.send, (yield waits_for))
            except BaseException as exc:  # noqa: BLE001 - whatever it is, it is the coroutine's
                go_on = partial(coroutine.throw, exc)
    finally:
        del go_on


def _outside(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run a coroutine as a task that is no part of the walk."""
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)


def _outside_first(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run one ahead of all that is ready to run, as if it had been ready before."""
    task = _outside(coroutine)
    asyncio.get_running_loop()._ready.rotate(1)  # type: ignore[attr-defined]
    return task


# --- A world that is looked at afterwards. ---------------------------------------------------------------------------


class Complaints:
    """What Python's development mode would show: warnings, and what reached the event loop's exception handler."""

    def __init__(self, caught: list[warnings.WarningMessage]) -> None:
        self._caught = caught
        self._reported: list[str] = []
        self._unraisable: list[str] = []

    def report(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._reported.append(f"{context.get('message')}: {context.get('exception')!r}")

    def unraisable(self, args: Any) -> None:
        self._unraisable.append(f"{args.err_msg}: {args.exc_value!r}")

    def forgive(self, pattern: str) -> None:
        gc.collect()
        self._caught[:] = [w for w in self._caught if not re.fullmatch(pattern, _text(w))]

    def all(self) -> list[str]:
        gc.collect()
        return [_text(warning) for warning in self._caught] + self._reported + self._unraisable


def _text(warning: warnings.WarningMessage) -> str:
    return f"{warning.category.__name__}: {warning.message}"


@contextlib.contextmanager
def _listening() -> Iterator[Complaints]:
    """Collect all complaints, also of what is only found when memory is collected."""
    gc.freeze()  # what is there already, garbage too, is not looked through after every step
    hook = sys.unraisablehook
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        complaints = Complaints(caught)
        sys.unraisablehook = complaints.unraisable
        try:
            yield complaints
            assert complaints.all() == []
        finally:
            sys.unraisablehook = hook
            gc.unfreeze()


def _run(main: Callable[[Complaints], Coroutine[Any, Any, T]]) -> T:
    """Run on a loop of its own with the fast clock; nothing may be complained of, up to the loop's end."""
    with _listening() as complaints, asyncio.Runner(loop_factory=FastClockLoop) as runner:
        loop = runner.get_loop()
        loop.set_task_factory(_stepping)
        loop.set_exception_handler(complaints.report)
        return runner.run(main(complaints))


@attrs.define
class World:
    """A server with one long session and some short ones, which makes the same trouble for every client.

    :ivar trouble: how the server fails, by the number of the request.
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
        """Return a new client, for which everything begins anew."""
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
        """Show that the client can still walk to a full result."""
        self.server.on_request = None
        self.server._window = None
        walked = [trace async for trace in client.iter_session_traces(LONG, limit=5)]
        assert walked == self.traces(LONG)
        _check_idle(client)


FAILURES: Final[dict[int, dict[str, Any]]] = {
    2: {"status": 502},
    3: {"reset": True},
    4: {"status": 429, "headers": {"Retry-After": "2"}},
    6: {"truncate": True},
    8: {"stall": 30.0},  # beyond the client's time-out
    9: {"status": 502, "message": "Langfuse request failed (429)"},
}
WORLDS: Final[dict[str, Callable[[], World]]] = {
    "calm": lambda: World({}, None, {}),
    "failing": lambda: World(FAILURES, None, {}),
    "failing at once": lambda: World({1: {"status": 500}, 2: {"status": 429}, 3: {"reset": True}}, None, {}),
    "used up": lambda: World({}, Quota(3, 60), {}),
    "narrow": lambda: World({}, None, {"max_concurrency": 1, "retry": RetryPolicy(attempts=1), "timeout": 3600.0}),
}


def _check_idle(client: TracesClient) -> None:
    """Nothing is taken: no slot, nothing of the quota, no connection; none waits for one, and no alarm is set."""
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
        # One that was being opened for a request that was cancelled may have come into the pool beside another.
        assert sum(map(len, connector._conns.values())) <= 2 * throttle._capacity._most


async def _settle() -> None:
    """Let the event loop take note of what was closed: a few turns, no time."""
    for _ in range(3):
        await asyncio.sleep(0)


# --- What is cut off. ------------------------------------------------------------------------------------------------

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


async def _client_and_all(client: TracesClient, got: list[Trace]) -> None:
    """The end of the client is within what is cut off."""
    async with client:
        await _traces_ahead(client, got)


WALKS: Final[dict[str, tuple[Consume, list[str]]]] = {
    "one page": (_one_page, [LONG]),
    "traces, prefetch 1": (_traces_one_by_one, [LONG]),
    "traces, prefetch 8": (_traces_ahead, [LONG]),
    "pages, prefetch 8": (_pages, [LONG]),
    "stream": (_stream, [*SHORT, LONG]),
    "stream, async ids": (_stream_of_async_ids, SHORT),
}

# What is walked, in which world, and at least how many await points that has.
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


def _check_got(got: list[Trace], expected: list[Trace], *, whole: bool) -> None:
    """None twice, none that is not there; where the walk came to its end, all."""
    assert len(set(got)) == len(got)
    assert set(got) <= set(expected)
    assert not whole or len(got) == len(expected)


# --- Ways to cut off the consumer. -----------------------------------------------------------------------------------


async def _at_every_point(
    walk: str, world: World, complaints: Complaints, cut: Callable[[Coroutine[Any, Any, None], int], Awaitable[Cut]]
) -> tuple[int, int]:
    """Cut a walk off at its first await point, its second and so on, each time with a client of its own.

    :return: how many points there are, and how often the walk was cut off there rather than finished.
    """
    consume, session_ids = WALKS[walk]
    expected = world.traces(*session_ids)
    at = cuts = 0
    while True:
        at += 1
        got: list[Trace] = []
        client = await world.client()
        result = await cut(consume(client, got), at)
        assert result.steps.left() == []
        await _settle()
        _check_idle(client)
        _check_got(got, expected, whole=not result.was_cut)
        await world.check_usable(client)
        await client.aclose()
        await _settle()
        assert complaints.all() == [], f"at point {at}"
        cuts += result.was_cut
        if not result.steps.struck:
            return at - 1, cuts


@attrs.frozen
class Cut:
    """How a walk ended.

    :ivar was_cut: whether it ended by the strike.
    """

    steps: Steps
    was_cut: bool


async def _cancelled(consumer: Coroutine[Any, Any, None], at: int, *, on: bool = False) -> Cut:
    steps = Steps(at, lambda: task.cancel() if not task.done() else None, on=on)
    task = steps.start(consumer)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    # A cancellation that came in time is never swallowed.
    assert task.cancelled() == steps.struck
    return Cut(steps, task.cancelled())


async def _timed_out(consumer: Coroutine[Any, Any, None], at: int) -> Cut:
    loop = asyncio.get_running_loop()
    timeout = asyncio.timeout(None)

    async def run() -> bool:
        timed_out = False
        try:
            async with timeout:
                await consumer
        except TimeoutError:
            timed_out = True
        steps.end()
        await _go_on_undisturbed()
        return timed_out

    steps = Steps(at, lambda: timeout.reschedule(loop.time()))
    return Cut(steps, await steps.start(run()))


async def _scope_cancelled(consumer: Coroutine[Any, Any, None], at: int) -> Cut:
    return await _in_scope(consumer, at, lambda scope: scope.cancel())


async def _scope_timed_out(consumer: Coroutine[Any, Any, None], at: int) -> Cut:
    return await _in_scope(consumer, at, lambda scope: setattr(scope, "deadline", anyio.current_time()))


async def _in_scope(consumer: Coroutine[Any, Any, None], at: int, strike: Callable[[anyio.CancelScope], object]) -> Cut:
    scope = anyio.move_on_after(None)

    async def run() -> bool:
        finished = False
        with scope:
            await consumer
            finished = True
        steps.end()
        await _go_on_undisturbed()
        return not finished

    steps = Steps(at, lambda: strike(scope))
    return Cut(steps, await steps.start(run()))


async def _go_on_undisturbed() -> None:
    """Show that no cancellation is left over in the running task."""
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await anyio.sleep(0.01)


@every_case
def test_a_consumer_can_be_cancelled_at_every_await_point(walk: str, world: str, least: int, record: Record) -> None:
    """Wherever it is, all its tasks have ended with it, nothing is taken, and the client goes on to a full result."""

    async def main(complaints: Complaints) -> tuple[int, int]:
        async with WORLDS[world]() as around:
            return await _at_every_point(walk, around, complaints, _cancelled)

    points, cuts = _run(main)
    record(points)
    assert points == cuts
    assert points >= least


@pytest.mark.parametrize(
    ("walk", "world", "least"),
    [("traces, prefetch 8", "failing", 45), ("stream", "failing", 50), ("stream, async ids", "calm", 15)],
)
def test_a_consumer_that_is_cancelled_again_and_again_still_leaves_nothing(
    walk: str, world: str, least: int, record: Record
) -> None:
    """From one await point on, at every further one, those of its ending too."""

    async def main(complaints: Complaints) -> tuple[int, int]:
        async with WORLDS[world]() as around:
            return await _at_every_point(walk, around, complaints, partial(_cancelled, on=True))

    points, cuts = _run(main)
    record(points)
    assert points == cuts
    assert points >= least


@pytest.mark.parametrize("cut", [_timed_out, _scope_cancelled, _scope_timed_out])
@pytest.mark.parametrize(
    ("walk", "world"),
    [
        ("one page", "failing at once"),
        ("traces, prefetch 1", "calm"),
        ("pages, prefetch 8", "used up"),
        ("stream", "calm"),
    ],
)
def test_a_time_out_or_a_cancel_scope_can_end_it_at_every_await_point(
    cut: Callable[[Coroutine[Any, Any, None], int], Awaitable[Cut]],
    walk: str,
    world: str,
    record: Record,
) -> None:
    """The code behind the block goes on undisturbed: no cancellation is left over, and none gets lost."""

    async def main(complaints: Complaints) -> tuple[int, int]:
        async with WORLDS[world]() as around:
            return await _at_every_point(walk, around, complaints, cut)

    points, cuts = _run(main)
    record(points)
    assert points >= 9
    assert cuts >= points - 2  # at the very end there may be nothing left to cut off


@pytest.mark.parametrize(("walk", "timeout"), [("traces, prefetch 8", asyncio.timeout), ("stream", anyio.fail_after)])
def test_a_time_out_can_come_at_any_moment(walk: str, timeout: Callable[[float], Any]) -> None:
    """Moments by the clock: within an answer, a back-off, a stall, a wait that the server asked for."""

    async def main(complaints: Complaints) -> int:
        consume, session_ids = WALKS[walk]
        async with WORLDS["failing"]() as world:
            world.server.latency = 0.1
            for moment in range(500):
                got: list[Trace] = []
                client = await world.client()
                timed_out = False
                try:
                    async with _entered(timeout(moment * 0.5)):
                        await consume(client, got)
                except TimeoutError:
                    timed_out = True
                await _settle()
                _check_idle(client)
                _check_got(got, world.traces(*session_ids), whole=not timed_out)
                await world.check_usable(client)
                await client.aclose()
                await _settle()
                assert complaints.all() == []
                if not timed_out:
                    return moment
        return 0

    assert _run(main) >= 20


@contextlib.asynccontextmanager
async def _entered(context: Any) -> AsyncGenerator[None, None]:
    if hasattr(context, "__aenter__"):
        async with context:
            yield
    else:
        with context:
            yield


def test_the_end_of_a_client_can_be_cancelled_at_every_await_point(record: Record) -> None:
    """The client is closed all the same: no connection stays open, and closing it again does nothing."""

    async def main(complaints: Complaints) -> int:
        async with WORLDS["calm"]() as world:
            at = 0
            while True:
                at += 1
                client = await world.client()
                result = await _cancelled(_client_and_all(client, []), at)
                assert result.steps.left() == []
                await client.aclose()
                await _settle()
                session = client._sender._transport._session
                assert session is None or session.closed
                with pytest.raises(ClientClosedError):
                    await client.list_session_traces(LONG)
                assert complaints.all() == [], f"at point {at}"
                if not result.was_cut:
                    return at - 1

    points = _run(main)
    record(points)
    assert points >= 30


# --- The client is closed under it. ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("walk", "world", "least", "start"),
    [(*case, _outside) for case in CASES]
    + [(*case, _outside_first) for case in CASES if case[1] in {"calm", "narrow"}],
)
def test_a_client_can_be_closed_at_every_await_point_of_its_users(
    walk: str,
    world: str,
    least: int,
    start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    record: Record,
) -> None:
    """They end with `ClientClosedError`, without waiting for anything, and nothing is left open."""

    async def main(complaints: Complaints) -> tuple[int, int]:
        async with WORLDS[world]() as around:
            return await _close_at_every_point(walk, around, complaints, start)

    points, cuts = _run(main)
    record(points)
    assert points >= least
    assert cuts >= points - 8  # the last requests are through already


async def _close_at_every_point(
    walk: str,
    world: World,
    complaints: Complaints,
    start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
) -> tuple[int, int]:
    consume, session_ids = WALKS[walk]
    expected = world.traces(*session_ids)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FastClockLoop)
    at = cuts = 0
    while True:
        at += 1
        got: list[Trace] = []
        client = await world.client()
        closing: list[asyncio.Task[None]] = []
        jumped: list[float] = []

        def strike(
            client: TracesClient = client, closing: list[asyncio.Task[None]] = closing, jumped: list[float] = jumped
        ) -> None:
            jumped.append(loop._impatient.jumped)
            closing.append(start(client.aclose()))

        steps = Steps(at, strike)
        was_closed = False
        try:
            await steps.start(consume(client, got))
        except ClientClosedError as error:
            was_closed = True
            assert "the client" in str(error), str(error)  # noqa: PT017 - it need not come
        for moment in jumped:
            assert loop._impatient.jumped == moment, f"at point {at} it waited"
        assert steps.left() == []
        await asyncio.gather(*closing)
        await client.aclose()
        await _settle()
        _check_idle(client)
        _check_got(got, expected, whole=not was_closed)
        session = client._sender._transport._session
        assert session is None or session.closed
        assert complaints.all() == [], f"at point {at}"
        cuts += was_closed
        if not steps.struck:
            return at - 1, cuts


def test_a_stream_that_waits_for_ids_ends_when_the_client_is_closed() -> None:
    """No request is under way then, and none may ever be again: the ids may come from a queue that stays empty."""

    async def main(complaints: Complaints) -> None:
        asked = asyncio.Event()

        async def ids() -> AsyncIterator[str]:
            asked.set()
            await asyncio.Event().wait()
            yield LONG

        async def consume(client: TracesClient) -> None:
            async with client.stream_sessions(ids()) as sessions:
                await anext(sessions)

        async with WORLDS["calm"]() as world:
            client = await world.client()
            task = asyncio.create_task(consume(client))
            await asked.wait()
            await client.aclose()
            done, _ = await asyncio.wait([task], timeout=60)
            task.cancel()
            await asyncio.wait([task])
            assert complaints.all() == []
        assert done == {task}
        assert isinstance(task.exception(), ClientClosedError)

    _run(main)


# --- Left by its consumer, between two items. ------------------------------------------------------------------------

Leave = Callable[[AsyncGenerator[Any, None], int], Awaitable[None]]


async def _take(generator: AsyncGenerator[Any, None], count: int) -> bool:
    """Take so many items, and say whether there were as many."""
    for _ in range(count):
        try:
            await anext(generator)
        except StopAsyncIteration:
            return False
    return True


async def _break(generator: AsyncGenerator[Any, None], count: int) -> None:
    taken = 0
    if count == 0:
        return
    async for _ in generator:
        taken += 1
        if taken == count:
            break


async def _raise_in_the_body(generator: AsyncGenerator[Any, None], count: int) -> None:
    with contextlib.suppress(LookupError):
        await _raise_after(generator, count)


async def _raise_after(generator: AsyncGenerator[Any, None], count: int) -> None:
    taken = 0
    async for _ in generator:
        taken += 1
        if taken == count:
            raise LookupError


async def _drop(generator: AsyncGenerator[Any, None], count: int) -> None:
    await _take(generator, count)


async def _drop_in_a_cycle(generator: AsyncGenerator[Any, None], count: int) -> None:
    """Only the garbage collector finds it."""
    cycle: list[object] = [generator]
    cycle.append(cycle)
    await _take(generator, count)


async def _close(generator: AsyncGenerator[Any, None], count: int) -> None:
    await _take(generator, count)
    await generator.aclose()
    await generator.aclose()


async def _close_from_another_task(generator: AsyncGenerator[Any, None], count: int) -> None:
    await _take(generator, count)
    await _outside(generator.aclose())


async def _throw_into(generator: AsyncGenerator[Any, None], count: int) -> None:
    if await _take(generator, count):
        with contextlib.suppress(LookupError):
            await generator.athrow(LookupError())


async def _take_on_in_another_task(generator: AsyncGenerator[Any, None], count: int) -> None:
    """A generator belongs to no task."""
    await _take(generator, count)
    await _outside(_drain(generator))


async def _drain(generator: AsyncGenerator[Any, None]) -> None:
    async for _ in generator:
        pass


@pytest.mark.parametrize(
    "leave",
    [
        _break,
        _raise_in_the_body,
        _drop,
        _drop_in_a_cycle,
        _close,
        _close_from_another_task,
        _throw_into,
        _take_on_in_another_task,
    ],
)
@pytest.mark.parametrize("which", ["traces", "pages"])
@pytest.mark.parametrize("prefetch", [1, 8])
def test_a_walk_can_be_left_between_any_two_items(leave: Leave, which: str, prefetch: int) -> None:
    """Before the first, after each, after the last: the client has lost nothing, and nobody complains."""

    async def main(complaints: Complaints) -> None:
        async with WORLDS["calm"]() as world:
            for count in range(LONG_TRACES + 2):
                client = await world.client()
                walk = client.iter_session_traces if which == "traces" else client.iter_session_pages
                steps = Steps(0, lambda: None)
                await steps.start(_in_a_frame_of_its_own(leave, walk, count, prefetch))
                gc.collect()
                await _settle()
                assert steps.left() == []
                _check_idle(client)
                await world.check_usable(client)
                await client.aclose()
                await _settle()
                assert complaints.all() == [], f"after {count}"

    _run(main)


async def _in_a_frame_of_its_own(leave: Leave, walk: Callable[..., Any], count: int, prefetch: int) -> None:
    await leave(walk(LONG, limit=LIMIT, prefetch=prefetch), count)


@pytest.mark.parametrize("how", ["break", "raise", "return"])
def test_a_stream_can_be_left_between_any_two_sessions(how: str) -> None:
    """Its tasks have ended by the time that its block is left, and what the block raised is what leaves it."""

    async def leave(client: TracesClient, count: int) -> None:
        async with client.stream_sessions([*SHORT, LONG], limit=LIMIT, concurrency=2) as sessions:
            for _ in range(count):
                await anext(sessions)
            if how == "return":
                return
            if how == "raise":
                raise LookupError
            async for _ in sessions:
                break

    async def main(complaints: Complaints) -> None:
        async with WORLDS["failing"]() as world:
            for count in range(len(SHORT) + 2):
                client = await world.client()
                steps = Steps(0, lambda: None)
                task = steps.start(leave(client, count))
                await asyncio.wait([task])
                assert isinstance(task.exception(), LookupError if how == "raise" else type(None))
                assert steps.left() == []
                await _settle()
                _check_idle(client)
                await world.check_usable(client)
                await client.aclose()
                await _settle()
                del task
                assert complaints.all() == [], f"after {count}"

    _run(main)


@pytest.mark.parametrize("leave", [_break, _drop, _drop_in_a_cycle, _close, _close_from_another_task, _throw_into])
def test_a_generator_around_a_stream_can_be_left_between_any_two_sessions(leave: Leave) -> None:
    """One that is dropped is finalised in another task: that does not strike the consumer, and leaves nothing."""

    async def around(client: TracesClient) -> AsyncGenerator[Any, None]:
        async with client.stream_sessions([*SHORT, LONG], limit=LIMIT, concurrency=2) as sessions:
            async for session in sessions:
                yield session

    async def use(client: TracesClient, count: int) -> None:
        await leave(around(client), count)
        gc.collect()
        await anyio.sleep(1)
        await _go_on_undisturbed()

    async def main(complaints: Complaints) -> None:
        async with WORLDS["calm"]() as world:
            for count in range(len(SHORT) + 2):
                client = await world.client()
                steps = Steps(0, lambda: None)
                await steps.start(use(client, count))
                assert steps.left() == []
                await world.check_usable(client)
                await client.aclose()
                await _settle()
                assert complaints.all() == [], f"after {count}"

    _run(main)


def test_what_is_never_begun_leaves_nothing() -> None:
    """A generator that is not iterated over and a stream that is not entered do nothing, not even complain."""

    async def main(complaints: Complaints) -> None:
        async with WORLDS["calm"]() as world:
            client = await world.client()
            client.iter_session_traces(LONG)
            client.iter_session_pages(LONG)
            client.stream_sessions([LONG])
            await _settle()
            assert complaints.all() == []
            assert world.server.requests == []
            await world.check_usable(client)
            await client.aclose()

    _run(main)


@pytest.mark.parametrize(("walk", "world"), [("traces", "calm"), ("pages", "used up")])
def test_closing_a_generator_that_is_running_is_refused_and_does_it_no_harm(
    walk: str, world: str, record: Record
) -> None:
    """The language refuses it, at every await point, and the walk goes on to its full result."""

    async def close(generator: AsyncGenerator[Any, None]) -> None:
        with pytest.raises(RuntimeError, match="already running"):
            await generator.aclose()

    async def main(complaints: Complaints) -> int:
        async with WORLDS[world]() as around:
            at = 0
            while True:
                at += 1
                client = await around.client()
                begin: Callable[..., AsyncGenerator[Any, None]] = (
                    client.iter_session_traces if walk == "traces" else client.iter_session_pages
                )
                generator = begin(LONG, limit=LIMIT)
                closing: list[asyncio.Task[None]] = []
                steps = Steps(at, partial(_start_into, closing, close, generator))
                items = await steps.start(_items(generator))
                got = items if walk == "traces" else [trace for page in items for trace in page]
                await asyncio.gather(*closing)
                assert got == around.traces(LONG)
                await around.check_usable(client)
                await client.aclose()
                await _settle()
                assert complaints.all() == []
                if not steps.struck:
                    return at - 1

    points = _run(main)
    record(points)
    assert points >= 15


def _start_into(tasks: list[asyncio.Task[None]], function: Callable[..., Any], *arguments: object) -> None:
    tasks.append(_outside_first(function(*arguments)))


async def _items(generator: AsyncGenerator[T, None]) -> list[T]:
    return [item async for item in generator]


# --- The end of the event loop. --------------------------------------------------------------------------------------


@pytest.mark.parametrize("walk", ["traces, prefetch 1", "traces, prefetch 8", "pages, prefetch 8", "stream"])
def test_a_program_may_end_at_every_await_point_of_a_walk_in_the_background(
    traces_server: FakeTracesServer, walk: str, record: Record
) -> None:
    """`asyncio.run` cancels what is left; the walk and its client end in order, without a warning."""
    traces_server.add_session(LONG, traces=LONG_TRACES)
    for number, session_id in enumerate(SHORT):
        traces_server.add_session(session_id, traces=number * 2)
    at = 0
    with _listening() as complaints:
        while True:
            at += 1
            if not _program(traces_server, WALKS[walk][0], at, complaints):
                break
            # Where a task is cancelled before its first step, and not by its task group, some releases of anyio leave
            # the coroutine that it was to run unawaited. That is nothing of ours, nor is anything held by it.
            complaints.forgive(r"RuntimeWarning: coroutine '\S+' was never awaited")
            assert complaints.all() == [], f"at point {at}"
    record(at - 1)
    assert at - 1 >= 10


def _program(server: FakeTracesServer, consume: Consume, at: int, complaints: Complaints) -> bool:
    """Run a program whose main function returns at an await point of a walk; say whether there was such a point."""

    async def walk() -> None:
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            await consume(client, [])

    async def main() -> bool:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_stepping)
        loop.set_exception_handler(complaints.report)
        reached = asyncio.Event()
        steps = Steps(at, reached.set)
        task = steps.start(walk())
        task.add_done_callback(lambda _: reached.set())
        await reached.wait()
        return steps.struck

    return asyncio.run(main())


@pytest.mark.parametrize("which", ["traces", "pages"])
@pytest.mark.parametrize("prefetch", [1, 8])
def test_a_program_may_end_with_a_walk_suspended(traces_server: FakeTracesServer, which: str, prefetch: int) -> None:
    """After any number of items, the client closed before it or still open while the generators are shut down."""
    traces_server.add_session(LONG, traces=LONG_TRACES)
    kept: list[AsyncGenerator[Any, None]] = []

    async def main(count: int, complaints: Complaints) -> None:
        asyncio.get_running_loop().set_exception_handler(complaints.report)
        async with TracesClient(traces_server.api_key, base_url=traces_server.base_url) as client:
            walk = client.iter_session_traces if which == "traces" else client.iter_session_pages
            generator: AsyncGenerator[Any, None] = walk(LONG, limit=LIMIT, prefetch=prefetch)
            await _take(generator, count)
            kept.append(generator)

    with _listening() as complaints:
        for count in range(LONG_TRACES + 2):
            asyncio.run(main(count, complaints), debug=True)
            assert complaints.all() == [], f"after {count}"
    kept.clear()


PROGRAM: Final = """
import asyncio, gc, sys
from lyzr_traces_async import TracesClient

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
kept = []

async def body(client):
    async for trace in client.iter_session_traces(ID, limit=2):
        break
    pages = client.iter_session_pages(ID, limit=2)
    await anext(pages)
    del pages
    gc.collect()
    try:
        async with asyncio.timeout(0.001):
            while True:
                async with client.stream_sessions([ID] * 100, limit=1) as sessions:
                    await anext(sessions)
    except TimeoutError:
        pass
    task = asyncio.create_task(client.list_session_traces(ID))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    suspended = client.iter_session_traces(ID, limit=2)
    await anext(suspended)
    kept.append(suspended)

async def main():
    async with TracesClient("test-key", base_url=sys.argv[1]) as client:
        await body(client)

asyncio.run(main())
print("done")
"""


def test_pythons_development_mode_has_nothing_to_say(traces_server: FakeTracesServer, tmp_path: Path) -> None:
    """A program that breaks off, drops, times out, cancels and ends with a walk suspended prints no warning at all."""
    traces_server.add_session(LONG, traces=LONG_TRACES)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, "-X", "dev", str(program), traces_server.base_url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "done\n", "")
