"""Ids that raise, and ids that are malformed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final
from uuid import UUID

import pytest

from lyzr_traces_async import ClientClosedError, InvalidArgumentError
from tests.helpers.clock import FastClockLoop
from tests.helpers.streams import IDS, Ids, collect, world


class _Own(BaseException):
    pass


def _raising(failure: BaseException) -> Iterator[str]:
    yield IDS[0]
    raise failure


async def _raising_async(failure: BaseException) -> AsyncIterator[str]:
    yield IDS[0]
    raise failure


class _Raising:
    """An iterator that raises. A generator would change some of these exceptions."""

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
def test_an_exception_of_the_ids_is_raised_unchanged_in_the_consumer(
    source: Callable[[BaseException], Ids], failure: BaseException, concurrency: int
) -> None:
    """It is not put into a group, not raised in the event loop, and not dropped."""

    async def main() -> BaseException | None:
        async with world() as (_, client):
            try:
                await collect(client, source(failure), concurrency)
            except BaseException as exc:  # noqa: BLE001 - it goes on below
                return exc
        return None

    with asyncio.Runner(loop_factory=FastClockLoop) as runner:
        assert runner.run(main()) is failure


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("source", _EVERYWHERE)
@pytest.mark.parametrize("failure", [StopAsyncIteration(), StopIteration()], ids=lambda failure: type(failure).__name__)
async def test_an_exception_that_would_look_like_the_end_is_an_error(
    source: Callable[[BaseException], Ids], failure: BaseException, concurrency: int
) -> None:
    """It is an error except in the method in which it means the end."""
    regular = {(_RaisingNotAsync, StopIteration), (_RaisingAsync, StopAsyncIteration)}
    async with world() as (_, client):
        if (source, type(failure)) in regular:
            assert await collect(client, source(failure), concurrency) == IDS[:1]
            return
        with pytest.raises(RuntimeError) as raised:
            await collect(client, source(failure), concurrency)
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
        (lambda: UUID.__new__(UUID), "<UUID>"),  # has no value yet
    ],
)
async def test_a_malformed_id_of_any_kind_is_that_sessions_failure(make: Callable[[], Any], name: str) -> None:
    """The result has a name that can be printed, and the other sessions come."""
    async with world() as (_, client), client.stream_sessions([*IDS, make(), *IDS[:1]]) as sessions:
        found = [(session.session_id, session.error) async for session in sessions]
    assert len(found) == 22
    ((shown, error),) = [(shown, error) for shown, error in found if error is not None]
    assert isinstance(error, InvalidArgumentError)
    assert shown == error.session_id == name
    assert "session_id must be a UUID" in str(error)


async def test_an_exception_that_ends_the_program_is_not_a_sessions_failure() -> None:
    """It is raised when the text of the id is made."""
    async with world() as (_, client):
        with pytest.raises(_Own):
            await collect(client, [_Unspeakable(_Own())])
