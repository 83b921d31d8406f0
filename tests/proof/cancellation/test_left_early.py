"""A walk or stream that its consumer leaves between two items leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest

from lyzr_traces_async import TracesClient
from tests.proof.cancellation.complaints import Complaints, run_without_complaint
from tests.proof.cancellation.stepping import Steps, T, outside_task, outside_task_first
from tests.proof.cancellation.worlds import (
    LIMIT,
    LONG,
    LONG_TRACES,
    SHORT,
    WORLDS,
    Record,
    check_idle,
    go_on_undisturbed,
    settle,
    take,
)

Leave = Callable[[AsyncGenerator[Any, None], int], Awaitable[None]]


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
    await take(generator, count)


async def _drop_in_a_cycle(generator: AsyncGenerator[Any, None], count: int) -> None:
    """Drop the generator in a reference cycle, so that only the garbage collector finds it."""
    cycle: list[object] = [generator]
    cycle.append(cycle)
    await take(generator, count)


async def _close(generator: AsyncGenerator[Any, None], count: int) -> None:
    await take(generator, count)
    await generator.aclose()
    await generator.aclose()


async def _close_from_another_task(generator: AsyncGenerator[Any, None], count: int) -> None:
    await take(generator, count)
    await outside_task(generator.aclose())


async def _throw_into(generator: AsyncGenerator[Any, None], count: int) -> None:
    if await take(generator, count):
        with contextlib.suppress(LookupError):
            await generator.athrow(LookupError())


async def _take_on_in_another_task(generator: AsyncGenerator[Any, None], count: int) -> None:
    """Read the rest in another task, since a generator belongs to no task."""
    await take(generator, count)
    await outside_task(_drain(generator))


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
    """The consumer leaves before the first item, after each, or after the last. The client holds nothing afterwards."""

    async def main(complaints: Complaints) -> None:
        async with WORLDS["calm"]() as world:
            for count in range(LONG_TRACES + 2):
                client = await world.client()
                walk = client.iter_session_traces if which == "traces" else client.iter_session_pages
                steps = Steps(0, lambda: None)
                await steps.start(_in_a_frame_of_its_own(leave, walk, count, prefetch))
                gc.collect()
                await settle()
                assert steps.left() == []
                check_idle(client)
                await world.check_usable(client)
                await client.aclose()
                await settle()
                assert complaints.all() == [], f"after {count}"

    run_without_complaint(main)


async def _in_a_frame_of_its_own(leave: Leave, walk: Callable[..., Any], count: int, prefetch: int) -> None:
    await leave(walk(LONG, limit=LIMIT, prefetch=prefetch), count)


@pytest.mark.parametrize("how", ["break", "raise", "return"])
def test_a_stream_can_be_left_between_any_two_sessions(how: str) -> None:
    """Its tasks end before the block does, and an exception of the block passes through unchanged."""

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
                await settle()
                check_idle(client)
                await world.check_usable(client)
                await client.aclose()
                await settle()
                del task
                assert complaints.all() == [], f"after {count}"

    run_without_complaint(main)


@pytest.mark.parametrize("leave", [_break, _drop, _drop_in_a_cycle, _close, _close_from_another_task, _throw_into])
def test_a_generator_around_a_stream_can_be_left_between_any_two_sessions(leave: Leave) -> None:
    """A dropped generator is finalised in another task. That does not cancel the consumer and leaves nothing behind."""

    async def around(client: TracesClient) -> AsyncGenerator[Any, None]:
        async with client.stream_sessions([*SHORT, LONG], limit=LIMIT, concurrency=2) as sessions:
            async for session in sessions:
                yield session

    async def use(client: TracesClient, count: int) -> None:
        await leave(around(client), count)
        gc.collect()
        await anyio.sleep(1)
        await go_on_undisturbed()

    async def main(complaints: Complaints) -> None:
        async with WORLDS["calm"]() as world:
            for count in range(len(SHORT) + 2):
                client = await world.client()
                steps = Steps(0, lambda: None)
                await steps.start(use(client, count))
                assert steps.left() == []
                await world.check_usable(client)
                await client.aclose()
                await settle()
                assert complaints.all() == [], f"after {count}"

    run_without_complaint(main)


def test_a_walk_or_stream_that_never_starts_leaves_nothing() -> None:
    """A generator that is not iterated and a stream that is not entered send no request and cause no warning."""

    async def main(complaints: Complaints) -> None:
        async with WORLDS["calm"]() as world:
            client = await world.client()
            client.iter_session_traces(LONG)
            client.iter_session_pages(LONG)
            client.stream_sessions([LONG])
            await settle()
            assert complaints.all() == []
            assert world.server.requests == []
            await world.check_usable(client)
            await client.aclose()

    run_without_complaint(main)


@pytest.mark.parametrize(("walk", "world"), [("traces", "calm"), ("pages", "used up")])
def test_closing_a_generator_that_is_running_is_refused_and_does_it_no_harm(
    walk: str, world: str, record: Record
) -> None:
    """Python refuses it at every await point, and the walk still yields its full result."""

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
                await settle()
                assert complaints.all() == []
                if not steps.struck:
                    return at - 1

    points = run_without_complaint(main)
    record(points)
    assert points >= 15


def _start_into(tasks: list[asyncio.Task[None]], function: Callable[..., Any], *arguments: object) -> None:
    tasks.append(outside_task_first(function(*arguments)))


async def _items(generator: AsyncGenerator[T, None]) -> list[T]:
    return [item async for item in generator]
