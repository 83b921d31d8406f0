"""The ids of a stream: the kinds of iterables that may give them, and when they are drawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from tests.helpers.streams import IDS, Ids, Least, Source, collect, number_of_id, world

every_concurrency = pytest.mark.parametrize("concurrency", [1, 2, 8, 100])


async def _in_tasks_group() -> AsyncIterator[str]:
    async with asyncio.TaskGroup():
        for session_id in IDS:
            yield session_id


async def _in_anyios_task_group() -> AsyncIterator[str]:
    give, take = anyio.create_memory_object_stream[str](0)

    async def produce() -> None:
        async with give:
            for session_id in IDS:
                await give.send(session_id)

    async with anyio.create_task_group() as tasks, take:
        tasks.start_soon(produce)
        async for session_id in take:
            yield session_id


async def _within_a_time_out() -> AsyncIterator[str]:
    async with asyncio.timeout(1e6):
        with anyio.fail_after(1e6):
            for session_id in IDS:
                await asyncio.sleep(0.1)
                yield session_id


async def _with_context_variables() -> AsyncIterator[str]:
    for number, session_id in enumerate(IDS):
        token = number_of_id.set(number)
        yield session_id
        assert number_of_id.get() == number
        number_of_id.reset(token)


def _with_context_variables_not_async() -> Iterator[str]:
    for number, session_id in enumerate(IDS):
        token = number_of_id.set(number)
        yield session_id
        assert number_of_id.get() == number
        number_of_id.reset(token)


class _LeastNotAsync:
    """An iterable whose iterator has only `__next__`."""

    def __iter__(self) -> Any:
        ids = iter(IDS)
        return type("Next", (), {"__next__": lambda _: next(ids)})()


@every_concurrency
@pytest.mark.parametrize(
    "source",
    [
        lambda: IDS,
        lambda: iter(IDS),
        _with_context_variables_not_async,
        _LeastNotAsync,
        Least,
        _with_context_variables,
        _within_a_time_out,
        _in_tasks_group,
        _in_anyios_task_group,
    ],
)
async def test_ids_may_come_from_anything_that_can_be_iterated_over(source: Source, concurrency: int) -> None:
    """Generators may have cancel scopes, task groups or context variables around their yields."""
    async with world() as (_, client):
        assert sorted(await collect(client, source(), concurrency)) == IDS


@every_concurrency
async def test_the_sessions_of_one_stream_may_be_the_ids_of_another(concurrency: int) -> None:
    """Streams may be nested at any concurrency."""
    async with world() as (_, client):

        async def again(ids: Ids) -> AsyncIterator[str]:
            async with client.stream_sessions(ids, concurrency=concurrency) as sessions:
                async for session in sessions:
                    yield session.session_id

        assert sorted(await collect(client, again(again(IDS)), concurrency)) == IDS
        # If the outermost stream is left early, all of them end.
        before = asyncio.all_tasks()
        async with client.stream_sessions(again(again(IDS)), concurrency=concurrency) as sessions:
            await anext(sessions)
        assert not {task for task in asyncio.all_tasks() - before if "Stream." in repr(task)}


@every_concurrency
async def test_one_task_draws_all_ids_and_only_as_they_are_needed(concurrency: int) -> None:
    """It is neither the consumer's task nor one that reads sessions. An id is drawn only when its session may begin."""
    tasks = set()
    drawn = 0

    async def ids() -> AsyncIterator[str]:
        nonlocal drawn
        for session_id in IDS:
            tasks.add(asyncio.current_task())
            drawn += 1
            yield session_id
            await asyncio.sleep(0.01)
        tasks.add(asyncio.current_task())

    async with world() as (_, client), client.stream_sessions(ids(), concurrency=concurrency) as sessions:
        taken = 0
        async for _ in sessions:
            taken += 1
            await asyncio.sleep(5)
            assert drawn <= min(20, taken + concurrency)
    assert len(tasks) == 1
    assert asyncio.current_task() not in tasks


async def test_a_block_that_is_left_at_once_draws_no_id() -> None:
    """The stream begins at the first `await`."""
    ids = iter(IDS)
    async with world() as (server, client):
        async with client.stream_sessions(ids):
            pass
        assert len(list(ids)) == 20
        assert server.requests == []
