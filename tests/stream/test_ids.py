"""The ids of a stream: from whatever they come, whatever they do meanwhile, and however they end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, Final
from uuid import UUID

import anyio
import pytest

from lyzr_traces_async import ClientClosedError, InvalidArgumentError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clock import FastClockLoop

IDS: Final = [str(UUID(int=number)) for number in range(20)]
Ids = Any
Source = Callable[[], Ids]

every_concurrency = pytest.mark.parametrize("concurrency", [1, 2, 8, 100])


@contextlib.asynccontextmanager
async def _world() -> AsyncGenerator[tuple[FakeTracesServer, TracesClient]]:
    """A server with a session for each id, that takes a second for each answer, and a client."""
    async with (
        FakeTracesServer(quota=None) as server,
        TracesClient(server.api_key, base_url=server.base_url) as client,
    ):
        for session_id in IDS:
            server.add_session(session_id, traces=1)
        server.latency = 1.0
        yield server, client


async def _collect(client: TracesClient, ids: Ids, concurrency: int = 8) -> list[str]:
    async with client.stream_sessions(ids, concurrency=concurrency) as sessions:
        return [session.session_id async for session in sessions]


# --- Kinds of ids. ---------------------------------------------------------------------------------------------------


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


_number: contextvars.ContextVar[int] = contextvars.ContextVar("_number")


async def _with_context_variables() -> AsyncIterator[str]:
    for number, session_id in enumerate(IDS):
        token = _number.set(number)
        yield session_id
        assert _number.get() == number
        _number.reset(token)


def _with_context_variables_not_async() -> Iterator[str]:
    for number, session_id in enumerate(IDS):
        token = _number.set(number)
        yield session_id
        assert _number.get() == number
        _number.reset(token)


class _Least:
    """An async iterator that is no generator, and has nothing but what it must have."""

    def __init__(self) -> None:
        self._ids = iter(IDS)

    def __aiter__(self) -> _Least:
        return self

    async def __anext__(self) -> str:
        await asyncio.sleep(0.1)
        try:
            return next(self._ids)
        except StopIteration:
            raise StopAsyncIteration from None


class _LeastNotAsync:
    """An iterable whose iterator has nothing but `__next__`."""

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
        _Least,
        _with_context_variables,
        _within_a_time_out,
        _in_tasks_group,
        _in_anyios_task_group,
    ],
)
async def test_ids_may_come_from_anything_that_can_be_iterated_over(source: Source, concurrency: int) -> None:
    """Also from a generator with scopes, groups or context variables of its own around its yields."""
    async with _world() as (_, client):
        assert sorted(await _collect(client, source(), concurrency)) == IDS


@every_concurrency
async def test_the_sessions_of_one_stream_may_be_the_ids_of_another(concurrency: int) -> None:
    """Streams within streams, as deep as one likes, at any concurrency."""
    async with _world() as (_, client):

        async def again(ids: Ids) -> AsyncIterator[str]:
            async with client.stream_sessions(ids, concurrency=concurrency) as sessions:
                async for session in sessions:
                    yield session.session_id

        assert sorted(await _collect(client, again(again(IDS)), concurrency)) == IDS
        # And where the outermost is left early, all of them are.
        before = asyncio.all_tasks()
        async with client.stream_sessions(again(again(IDS)), concurrency=concurrency) as sessions:
            await anext(sessions)
        assert not {task for task in asyncio.all_tasks() - before if "Stream." in repr(task)}


@every_concurrency
async def test_one_task_draws_all_ids_and_only_as_they_are_needed(concurrency: int) -> None:
    """Not the consumer's task, and none that reads sessions; no id is drawn before a session may begin."""
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

    async with _world() as (_, client), client.stream_sessions(ids(), concurrency=concurrency) as sessions:
        taken = 0
        async for _ in sessions:
            taken += 1
            await asyncio.sleep(5)
            assert drawn <= min(20, taken + concurrency)
    assert len(tasks) == 1
    assert asyncio.current_task() not in tasks


async def test_nothing_is_drawn_where_nothing_is_awaited() -> None:
    """A block that is left at once has not begun."""
    ids = iter(IDS)
    async with _world() as (server, client):
        async with client.stream_sessions(ids):
            pass
        assert len(list(ids)) == 20
        assert server.requests == []


# --- Cancellations that come from the ids. ---------------------------------------------------------------------------


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


class _CancellingTheirTask(_Least):
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
async def test_what_cancels_the_ids_is_no_silent_end(
    source: Source, kind: type[BaseException], concurrency: int
) -> None:
    """It is raised where they wait, and what they make of it comes to the consumer, who is not cancelled by it."""
    async with _world() as (_, client):
        with pytest.raises(kind) as raised:
            await _collect(client, source(), concurrency)
        if kind is ExceptionGroup:
            assert isinstance(raised.value, ExceptionGroup)
            assert [str(error) for error in raised.value.exceptions] == ["the database is gone"]
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("stop", [lambda: anyio.move_on_after(2.5), lambda: contextlib.suppress(TimeoutError)])
async def test_ids_that_stop_by_themselves_after_a_time_end_the_stream_in_order(
    stop: Callable[[], contextlib.AbstractContextManager[object]], concurrency: int
) -> None:
    """They have said that there are no more: all that were drawn come."""
    drawn = []

    async def ids() -> AsyncIterator[str]:
        with stop():
            async with asyncio.timeout(2.6):
                for session_id in IDS:
                    drawn.append(session_id)
                    yield session_id

    async with _world() as (_, client):
        assert sorted(await _collect(client, ids(), concurrency)) == sorted(drawn)
    assert len(drawn) < 20 or concurrency == 8


async def _impatient(timed_out: list[str], ended: list[object], *, of_anyio: bool) -> AsyncIterator[str]:
    """Ids that give each other half a second, and take no more than note of it when that is over."""
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
async def test_ids_that_go_on_after_a_time_out_of_theirs_go_on(of_anyio: bool, concurrency: int) -> None:  # noqa: FBT001
    """Each comes, and no more are read at once than may be: one is kept until its turn, and so is its time-out."""
    timed_out: list[str] = []
    ended: list[object] = []
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FastClockLoop)
    async with _world() as (server, client):
        server.latency = 3.0
        ids = _impatient(timed_out, ended, of_anyio=of_anyio)
        jumped = loop._impatient.jumped
        async with client.stream_sessions(ids, concurrency=concurrency) as sessions:
            got = []
            async for session in sessions:
                got.append(session.session_id)
                assert len(server.requests) <= len(got) + concurrency
        assert sorted(got) == IDS
        assert loop._impatient.jumped - jumped > 20 / concurrency * 2  # nobody was busy all the while
    assert len(timed_out) >= 20 - concurrency
    assert ended == [True]


@pytest.mark.parametrize("of_anyio", [False, True])
async def test_a_stream_can_be_left_while_an_id_is_kept_for_its_turn(of_anyio: bool) -> None:  # noqa: FBT001
    """It is never read, and the ids are ended as ever."""
    timed_out: list[str] = []
    ended: list[object] = []
    async with _world() as (server, client):
        server.latency = 3.0
        async with client.stream_sessions(_impatient(timed_out, ended, of_anyio=of_anyio), concurrency=1):
            await asyncio.sleep(0.8)
            assert timed_out == IDS[:1]
        assert ended == [True]
        assert len(server.requests) == client.stats.requests == 1


@pytest.mark.parametrize("how_many", ["all", "one"])
def test_whoever_cancels_a_task_of_a_stream_at_any_step_ends_it_aloud(how_many: str) -> None:
    """The consumer gets all sessions or `CancelledError`: never fewer and a regular end, nor no end at all."""

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
            async with client.stream_sessions(_yield(IDS[:4]), concurrency=2) as sessions:
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


async def _yield(ids: list[str]) -> AsyncIterator[str]:
    for session_id in ids:
        yield session_id


async def test_a_consumer_that_shields_itself_gets_all_sessions() -> None:
    """What cancels the code around it ends the stream when the block is left, and not before."""
    async with _world() as (_, client):
        got = []
        with anyio.move_on_after(1.5) as around:
            async with client.stream_sessions(_yield(IDS), concurrency=2) as sessions:
                with anyio.CancelScope(shield=True):
                    got += [session.session_id async for session in sessions]
        assert around.cancel_called
        assert sorted(got) == IDS


# --- How the ids are ended. ------------------------------------------------------------------------------------------


async def _tidy(ended: list[object], *, wait: float = 0.0) -> AsyncIterator[str]:
    """Ids that take their time to clean up, as one does that closes a connection."""
    drawing = asyncio.current_task()
    token = _number.set(7)
    try:
        async with anyio.create_task_group(), asyncio.TaskGroup():
            for session_id in IDS:
                await asyncio.sleep(wait)
                yield session_id
    finally:
        await asyncio.sleep(1)
        await asyncio.sleep(1)
        _number.reset(token)
        ended.append(asyncio.current_task() is drawing)


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("wait", [0.0, 0.6, 1000.0])
@pytest.mark.parametrize("way", ["break", "raise", "time out", "fatal", "close the client", "to the end"])
async def test_a_generator_of_ids_is_ended_in_its_own_task_on_every_way_out(
    way: str, wait: float, concurrency: int
) -> None:
    """Where it has its scopes and context variables; it may await what it has to, and the block waits for it."""
    ended: list[object] = []
    async with _world() as (server, client):
        with contextlib.suppress(LookupError, TimeoutError):
            async with asyncio.timeout(5 if way == "time out" else None):
                async with client.stream_sessions(_tidy(ended, wait=wait), concurrency=concurrency) as sessions:
                    await _leave(way, server, client, sessions)
        assert ended == [True]


async def _leave(way: str, server: FakeTracesServer, client: TracesClient, sessions: AsyncIterator[Any]) -> None:
    await asyncio.sleep(1.5)
    if way == "raise":
        raise LookupError
    if way == "time out":
        await asyncio.sleep(100)
    if way == "fatal":
        server.fail_next(100, status=401)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(50):
                async for _ in sessions:
                    pass
    if way == "close the client":
        await client.aclose()
        with pytest.raises(ClientClosedError):
            await anext(sessions)
    if way == "to the end":
        async for _ in sessions:
            pass


async def test_what_is_no_async_generator_is_left_as_it_is() -> None:
    """As by a `for` loop: whoever has it can take on from there."""
    give, take = anyio.create_memory_object_stream[str](20)
    for session_id in IDS:
        give.send_nowait(session_id)
    rest = (session_id for session_id in IDS)
    async with _world() as (_, client), give, take:
        for ids in (take, rest):
            async with client.stream_sessions(ids, concurrency=2) as sessions:
                await anext(sessions)
        assert take.statistics().open_receive_streams == 1
        assert take.receive_nowait() in IDS[2:4]
        assert next(rest) in IDS[2:4]


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_ids_that_take_no_notice_of_being_cancelled_are_closed(concurrency: int) -> None:
    """In their own task; what they yield then is not read."""
    ended = []

    async def ids() -> AsyncIterator[str]:
        drawing = asyncio.current_task()
        try:
            for session_id in IDS:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(10)
                with contextlib.suppress(asyncio.CancelledError):
                    yield session_id
        finally:
            ended.append(asyncio.current_task() is drawing)

    async with _world() as (_, client):
        async with client.stream_sessions(ids(), concurrency=concurrency) as sessions:
            await anext(sessions)
            made = client.stats.requests
        assert ended == [True]
        await asyncio.sleep(100)
        assert client.stats.requests == made


async def test_a_cancellation_while_the_ids_clean_up_is_not_lost() -> None:
    """The block is left when they have, and then the consumer is cancelled."""
    ended: list[object] = []

    async def consume(client: TracesClient) -> None:
        async with client.stream_sessions(_tidy(ended)) as sessions:
            await anext(sessions)

    async with _world() as (_, client):
        consumer = asyncio.ensure_future(consume(client))
        await asyncio.sleep(2.0)
        consumer.cancel()
        await asyncio.sleep(0.1)
        consumer.cancel()
        await asyncio.wait([consumer])
        assert consumer.cancelled()
        assert ended == [True]


async def test_what_the_block_raises_within_a_cancelled_scope_leaves_it_as_itself() -> None:
    """Waiting for the ids to clean up does not put a cancellation in its place."""
    ended: list[object] = []
    async with _world() as (_, client):
        with pytest.raises(LookupError), anyio.CancelScope() as scope:
            async with client.stream_sessions(_tidy(ended), concurrency=1) as sessions:
                await anext(sessions)
                scope.cancel()
                raise LookupError
        assert ended == [True]


async def test_what_the_ids_raise_when_they_are_ended_leaves_the_block() -> None:
    """Unless the block raises something itself, which is what leaves it then."""

    async def ids() -> AsyncIterator[str]:
        try:
            for session_id in IDS:
                yield session_id
        finally:
            raise OSError("the connection could not be closed")

    async with _world() as (_, client):
        with pytest.raises(OSError, match="could not be closed"):
            async with client.stream_sessions(ids(), concurrency=2) as sessions:
                await anext(sessions)
        with pytest.raises(LookupError):
            async with client.stream_sessions(ids(), concurrency=2) as sessions:
                await anext(sessions)
                raise LookupError


async def test_ids_may_close_the_client_themselves() -> None:
    """It is closed in full, the consumer is told, and leaving the block does not wait for what they do next."""
    went_on: list[bool] = []

    async def ids() -> AsyncIterator[str]:
        yield IDS[0]
        await client.aclose()
        went_on.append(True)
        await asyncio.Event().wait()

    async with _world() as (_, client):
        async with client.stream_sessions(ids()) as sessions:
            with pytest.raises(ClientClosedError):
                await anext(sessions)
            await asyncio.sleep(1)
        assert went_on == [True]
        session = client._sender._transport._session
        assert session is None or session.closed


# --- What the ids raise. ---------------------------------------------------------------------------------------------


class _Own(BaseException):
    pass


def _raising(failure: BaseException) -> Iterator[str]:
    yield IDS[0]
    raise failure


async def _raising_async(failure: BaseException) -> AsyncIterator[str]:
    yield IDS[0]
    raise failure


class _Raising:
    """An iterator of both kinds; a generator would have its say about what is raised."""

    def __init__(self, failure: BaseException) -> None:
        self._failure = failure
        self._ids = iter(IDS[:1])

    def __next__(self) -> str:
        for session_id in self._ids:
            return session_id
        raise self._failure


class _RaisingNotAsync(_Raising):
    def __iter__(self) -> Iterator[str]:
        return self


class _RaisingAsync(_Raising):
    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        return next(self)


class _RaisingAtOnce(_Raising):
    def __iter__(self) -> Iterator[str]:
        raise self._failure


class _RaisingAtOnceAsync(_Raising):
    def __aiter__(self) -> AsyncIterator[str]:
        raise self._failure


_EVERYWHERE: Final = [
    _raising,
    _raising_async,
    _RaisingNotAsync,
    _RaisingAsync,
    _RaisingAtOnce,
    _RaisingAtOnceAsync,
]


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("source", _EVERYWHERE)
@pytest.mark.parametrize(
    "failure",
    [
        LookupError("the file of ids ends in the middle"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        SystemExit(3),
        GeneratorExit(),
        _Own(),
        ExceptionGroup("several", [LookupError()]),
        BaseExceptionGroup("several", [KeyboardInterrupt()]),
        ClientClosedError("another client"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_what_the_ids_raise_comes_to_the_consumer_as_itself(
    source: Callable[[BaseException], Ids], failure: BaseException, concurrency: int
) -> None:
    """Of whatever kind it is: not in a group, not past the consumer into the event loop, and not in silence."""

    async def main() -> BaseException | None:
        async with _world() as (_, client):
            try:
                await _collect(client, source(failure), concurrency)
            except BaseException as exc:  # noqa: BLE001 - it goes on below
                return exc
        return None

    with asyncio.Runner(loop_factory=FastClockLoop) as runner:
        assert runner.run(main()) is failure


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("source", _EVERYWHERE)
@pytest.mark.parametrize("failure", [StopAsyncIteration(), StopIteration()], ids=lambda failure: type(failure).__name__)
async def test_what_would_look_like_the_end_is_an_error(
    source: Callable[[BaseException], Ids], failure: BaseException, concurrency: int
) -> None:
    """But from where it is the end."""
    regular = {(_RaisingNotAsync, StopIteration), (_RaisingAsync, StopAsyncIteration)}
    async with _world() as (_, client):
        if (source, type(failure)) in regular:
            assert await _collect(client, source(failure), concurrency) == IDS[:1]
            return
        with pytest.raises(RuntimeError) as raised:
            await _collect(client, source(failure), concurrency)
        assert raised.value.__cause__ is failure


class _Unspeakable:
    def __init__(self, failure: BaseException) -> None:
        self._failure = failure

    def __str__(self) -> str:
        raise self._failure

    __repr__ = __str__


class _UnspeakableText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise LookupError

    __repr__ = __str__


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: None, "None"),
        (lambda: b"id", "b'id'"),
        (lambda: 1.5, "1.5"),
        (lambda: "", ""),
        (lambda: "\ud800", "\ud800"),
        (lambda: 10**5000, "<int>"),
        (lambda: _Unspeakable(LookupError()), "<_Unspeakable>"),
        (lambda: _Unspeakable(RecursionError()), "<_Unspeakable>"),
        (lambda: _Unspeakable(StopAsyncIteration()), "<_Unspeakable>"),
        (lambda: _UnspeakableText(IDS[0]), "<_UnspeakableText>"),
        (lambda: UUID.__new__(UUID), "<UUID>"),  # half made
    ],
)
async def test_a_malformed_id_of_any_kind_is_that_sessions_failure(make: Callable[[], Any], name: str) -> None:
    """Under a name that can be shown, and the others are none the worse."""
    async with _world() as (_, client), client.stream_sessions([*IDS, make(), *IDS[:1]]) as sessions:
        found = [(session.session_id, session.error) async for session in sessions]
    assert len(found) == 22
    ((shown, error),) = [(shown, error) for shown, error in found if error is not None]
    assert isinstance(error, InvalidArgumentError)
    assert shown == error.session_id == name
    assert "session_id must be a UUID" in str(error)


async def test_an_id_that_ends_the_program_when_it_is_looked_at_does_so() -> None:
    """That is not held against the session."""
    async with _world() as (_, client):
        with pytest.raises(_Own):
            await _collect(client, [_Unspeakable(_Own())])
