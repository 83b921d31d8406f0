"""A consumer that is cancelled or times out at any await point leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import attrs
import pytest

from lyzr_traces_async import ClientClosedError, Trace, TracesClient
from tests.proof.cancellation.complaints import Complaints, run_without_complaint
from tests.proof.cancellation.stepping import Steps
from tests.proof.cancellation.worlds import (
    LONG,
    WALKS,
    WORLDS,
    Record,
    World,
    _traces_ahead,
    check_got,
    check_idle,
    every_case,
    go_on_undisturbed,
    settle,
)


async def _client_and_all(client: TracesClient, got: list[Trace]) -> None:
    """Open and close the client within the code that is interrupted."""
    async with client:
        await _traces_ahead(client, got)


async def _at_every_point(
    walk: str, world: World, complaints: Complaints, cut: Callable[[Coroutine[Any, Any, None], int], Awaitable[Cut]]
) -> tuple[int, int]:
    """Interrupt a walk at its first await point, then at its second and so on, each time with a new client.

    :return: the number of await points, and how many of these walks did not finish.
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
        await settle()
        check_idle(client)
        check_got(got, expected, whole=not result.was_cut)
        await world.check_usable(client)
        await client.aclose()
        await settle()
        assert complaints.all() == [], f"at point {at}"
        cuts += result.was_cut
        if not result.steps.struck:
            return at - 1, cuts


@attrs.frozen
class Cut:
    """How a walk ended.

    :ivar was_cut: whether the interruption ended it.
    """

    steps: Steps
    was_cut: bool


async def _cancelled(consumer: Coroutine[Any, Any, None], at: int, *, on: bool = False) -> Cut:
    steps = Steps(at, lambda: task.cancel() if not task.done() else None, on=on)
    task = steps.start(consumer)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    # The walk never swallows a cancellation.
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
        await go_on_undisturbed()
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
        await go_on_undisturbed()
        return not finished

    steps = Steps(at, lambda: strike(scope))
    return Cut(steps, await steps.start(run()))


@every_case
def test_a_consumer_can_be_cancelled_at_every_await_point(walk: str, world: str, least: int, record: Record) -> None:
    """All its tasks end with it, it holds no resources, and the client can still read a whole list."""

    async def main(complaints: Complaints) -> tuple[int, int]:
        async with WORLDS[world]() as around:
            return await _at_every_point(walk, around, complaints, _cancelled)

    points, cuts = run_without_complaint(main)
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
    """From one await point on it is cancelled at every later one, including those of its cleanup."""

    async def main(complaints: Complaints) -> tuple[int, int]:
        async with WORLDS[world]() as around:
            return await _at_every_point(walk, around, complaints, partial(_cancelled, on=True))

    points, cuts = run_without_complaint(main)
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
    """The code behind the block runs on: no cancellation is left over, and none gets lost."""

    async def main(complaints: Complaints) -> tuple[int, int]:
        async with WORLDS[world]() as around:
            return await _at_every_point(walk, around, complaints, cut)

    points, cuts = run_without_complaint(main)
    record(points)
    assert points >= 9
    assert cuts >= points - 2  # at the very last points the walk may be done already


@pytest.mark.parametrize(("walk", "timeout"), [("traces, prefetch 8", asyncio.timeout), ("stream", anyio.fail_after)])
def test_a_time_out_can_come_at_any_moment(walk: str, timeout: Callable[[float], Any]) -> None:
    """The time-out ends the walk during an answer, a back-off, a stall, or a wait that the server asked for."""

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
                await settle()
                check_idle(client)
                check_got(got, world.traces(*session_ids), whole=not timed_out)
                await world.check_usable(client)
                await client.aclose()
                await settle()
                assert complaints.all() == []
                if not timed_out:
                    return moment
        return 0

    assert run_without_complaint(main) >= 20


@contextlib.asynccontextmanager
async def _entered(context: Any) -> AsyncGenerator[None, None]:
    if hasattr(context, "__aenter__"):
        async with context:
            yield
    else:
        with context:
            yield


def test_the_end_of_a_client_can_be_cancelled_at_every_await_point(record: Record) -> None:
    """The client is closed nevertheless: no connection stays open, and a second `aclose` does nothing."""

    async def main(complaints: Complaints) -> int:
        async with WORLDS["calm"]() as world:
            at = 0
            while True:
                at += 1
                client = await world.client()
                result = await _cancelled(_client_and_all(client, []), at)
                assert result.steps.left() == []
                await client.aclose()
                await settle()
                session = client._sender._transport._session
                assert session is None or session.closed
                with pytest.raises(ClientClosedError):
                    await client.list_session_traces(LONG)
                assert complaints.all() == [], f"at point {at}"
                if not result.was_cut:
                    return at - 1

    points = run_without_complaint(main)
    record(points)
    assert points >= 30
