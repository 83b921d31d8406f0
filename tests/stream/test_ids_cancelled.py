"""Ids that are cancelled, or cancel the task they run in: the consumer gets the exception."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Iterator

import anyio
import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clock import FastClockLoop
from tests.helpers.streams import IDS, Least, Source, collect, world


async def _timed_out_by_asyncio() -> AsyncIterator[str]:
    async with asyncio.timeout(2.5):
        for session_id in IDS:
            yield session_id


async def _timed_out_by_asyncio_while_waiting() -> AsyncIterator[str]:
    async with asyncio.timeout(2.5):
        for session_id in IDS:
            await asyncio.sleep(1)
            yield session_id


async def _timed_out_by_anyio() -> AsyncIterator[str]:
    with anyio.fail_after(2.5):
        for session_id in IDS:
            yield session_id


async def _failing_group() -> AsyncIterator[str]:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_fail())
        for session_id in IDS:
            yield session_id


async def _failing_group_of_anyio() -> AsyncIterator[str]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_fail)
        for session_id in IDS:
            yield session_id


async def _fail() -> None:
    await asyncio.sleep(2.5)
    raise LookupError("the database is gone")


async def _cancelling_their_task() -> AsyncIterator[str]:
    for number, session_id in enumerate(IDS):
        if number == 2:
            _cancel_the_current_task()
        yield session_id


def _cancelling_their_task_not_async() -> Iterator[str]:
    for number, session_id in enumerate(IDS):
        if number == 2:
            _cancel_the_current_task()
        yield session_id


def _cancel_the_current_task() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


class _CancellingTheirTask(Least):
    async def __anext__(self) -> str:
        session_id = await super().__anext__()
        if session_id == IDS[2]:
            _cancel_the_current_task()
        return session_id


async def _cancelling_their_task_at_the_end() -> AsyncIterator[str]:
    for session_id in IDS:
        yield session_id
    _cancel_the_current_task()


async def _waiting_for_a_cancelled_task() -> AsyncIterator[str]:
    yield IDS[0]
    task = asyncio.ensure_future(asyncio.sleep(1000))
    task.cancel()
    await task


@pytest.mark.parametrize("concurrency", [1, 2, 7])
@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (_timed_out_by_asyncio, TimeoutError),
        (_timed_out_by_asyncio_while_waiting, TimeoutError),
        (_timed_out_by_anyio, TimeoutError),
        (_failing_group, ExceptionGroup),
        (_failing_group_of_anyio, ExceptionGroup),
        (_cancelling_their_task, asyncio.CancelledError),
        (_cancelling_their_task_not_async, asyncio.CancelledError),
        (_CancellingTheirTask, asyncio.CancelledError),
        (_cancelling_their_task_at_the_end, asyncio.CancelledError),
        (_waiting_for_a_cancelled_task, asyncio.CancelledError),
    ],
)
async def test_a_cancellation_of_the_ids_is_no_silent_end(
    source: Source, kind: type[BaseException], concurrency: int
) -> None:
    """It is raised in the ids, and the exception that leaves them comes to the consumer, who is not cancelled."""
    async with world() as (_, client):
        with pytest.raises(kind) as raised:
            await collect(client, source(), concurrency)
        if kind is ExceptionGroup:
            assert isinstance(raised.value, ExceptionGroup)
            assert [str(error) for error in raised.value.exceptions] == ["the database is gone"]
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("stop", [lambda: anyio.move_on_after(2.5), lambda: contextlib.suppress(TimeoutError)])
async def test_ids_that_stop_after_a_time_of_their_own_end_the_stream(
    stop: Callable[[], contextlib.AbstractContextManager[object]], concurrency: int
) -> None:
    """The ids end regularly, so all sessions that were drawn come."""
    drawn = []

    async def ids() -> AsyncIterator[str]:
        with stop():
            async with asyncio.timeout(2.6):
                for session_id in IDS:
                    drawn.append(session_id)
                    yield session_id

    async with world() as (_, client):
        assert sorted(await collect(client, ids(), concurrency)) == sorted(drawn)
    assert len(drawn) < 20 or concurrency == 8


async def _impatient(timed_out: list[str], ended: list[object], *, of_anyio: bool) -> AsyncIterator[str]:
    """Yield ids with a timeout of half a second around each yield, and go on after the timeout."""
    drawing = asyncio.current_task()
    try:
        for session_id in IDS:
            try:
                async with asyncio.timeout(None if of_anyio else 0.5):
                    with anyio.fail_after(0.5 if of_anyio else None):
                        yield session_id
            except TimeoutError:
                timed_out.append(session_id)
                await asyncio.sleep(0.1)
    finally:
        await asyncio.sleep(1)
        ended.append(asyncio.current_task() is drawing)


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("of_anyio", [False, True])
async def test_ids_that_go_on_after_a_timeout_are_all_read(of_anyio: bool, concurrency: int) -> None:  # noqa: FBT001
    """Each session comes, and no more are read at once than allowed: an id is kept until its turn."""
    timed_out: list[str] = []
    ended: list[object] = []
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FastClockLoop)
    async with world() as (server, client):
        server.latency = 3.0
        ids = _impatient(timed_out, ended, of_anyio=of_anyio)
        jumped = loop._impatient.jumped
        async with client.stream_sessions(ids, concurrency=concurrency) as sessions:
            got = []
            async for session in sessions:
                got.append(session.session_id)
                assert len(server.requests) <= len(got) + concurrency
        assert sorted(got) == IDS
        assert loop._impatient.jumped - jumped > 20 / concurrency * 2  # no task was spinning meanwhile
    assert len(timed_out) >= 20 - concurrency
    assert ended == [True]


@pytest.mark.parametrize("of_anyio", [False, True])
async def test_a_stream_can_be_left_while_an_id_is_kept_for_its_turn(of_anyio: bool) -> None:  # noqa: FBT001
    """Its session is never read, and the ids are ended as usual."""
    timed_out: list[str] = []
    ended: list[object] = []
    async with world() as (server, client):
        server.latency = 3.0
        async with client.stream_sessions(_impatient(timed_out, ended, of_anyio=of_anyio), concurrency=1):
            await asyncio.sleep(0.8)
            assert timed_out == IDS[:1]
        assert ended == [True]
        assert len(server.requests) == client.stats.requests == 1


@pytest.mark.parametrize("how_many", ["all", "one"])
def test_a_cancelled_task_of_a_stream_is_no_silent_end(how_many: str) -> None:
    """The consumer gets all sessions or `CancelledError`: never fewer sessions with a regular end, and never no end."""

    async def run(at: int, which: int) -> bool:
        async with (
            FakeTracesServer(quota=None) as server,
            TracesClient(server.api_key, base_url=server.base_url) as client,
        ):
            for session_id in IDS[:4]:
                server.add_session(session_id, traces=1)
            await client.list_session_traces(IDS[0])
            before = asyncio.all_tasks()
            told = False
            got = []
            async with client.stream_sessions(one_by_one(IDS[:4]), concurrency=2) as sessions:
                asking = asyncio.ensure_future(anext(sessions))
                for _ in range(at):
                    await asyncio.sleep(0)
                tasks = [task for task in asyncio.all_tasks() - before - {asking} if "Stream." in repr(task)]
                if which >= len(tasks):
                    asking.cancel()
                    return False
                tasks.sort(key=repr)
                for task in tasks if how_many == "all" else [tasks[which]]:
                    task.cancel()
                try:
                    async with asyncio.timeout(100):
                        got.append(await asking)
                        got += [session async for session in sessions]
                except asyncio.CancelledError:
                    told = True
            assert told or len(got) == 4, f"{len(got)} of 4 at step {at}"
            return True

    async def main() -> None:
        struck = 0
        for at in range(40):
            for which in range(1 if how_many == "all" else 3):
                struck += await run(at, which)
        assert struck >= 20

    with asyncio.Runner(loop_factory=FastClockLoop) as runner:
        runner.run(main())
    gc.collect()


async def one_by_one(ids: list[str]) -> AsyncIterator[str]:
    for session_id in ids:
        yield session_id


async def test_a_consumer_that_shields_itself_gets_all_sessions() -> None:
    """A cancellation of the code around it ends the stream only when the block is left."""
    async with world() as (_, client):
        got = []
        with anyio.move_on_after(1.5) as around:
            async with client.stream_sessions(one_by_one(IDS), concurrency=2) as sessions:
                with anyio.CancelScope(shield=True):
                    got += [session.session_id async for session in sessions]
        assert around.cancel_called
        assert sorted(got) == IDS
