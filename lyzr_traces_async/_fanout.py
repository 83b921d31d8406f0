"""Many sessions at once. The one place with a task group that outlives a call, inside an async context manager."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final
from uuid import UUID

import anyio

from ._arguments import session_id_of
from ._sending import Sender
from ._walk import PageWalk
from .errors import (
    AuthenticationError,
    ClientClosedError,
    InvalidArgumentError,
    LyzrTracesError,
    PermissionDeniedError,
    ServiceNotConfiguredError,
    WrongEventLoopError,
)
from .models import SessionTraces, Trace

__all__ = ["stream"]

# What no session can survive.
_FATAL: Final = (
    AuthenticationError,
    PermissionDeniedError,
    ServiceNotConfiguredError,
    ClientClosedError,
    WrongEventLoopError,
)
# Pages of one session that are asked for at once: of use where few sessions are left. Many take turns for the slots.
_PREFETCH: Final = 8

_END: Final = object()

SessionIds = Iterable[str | UUID] | AsyncIterable[str | UUID]


class _Stream(AsyncIterator[SessionTraces]):
    """Sessions in the order in which they finish; then the error that ended the stream, if one did."""

    def __init__(self, sender: Sender, session_ids: SessionIds, limit: int) -> None:
        self._sender = sender
        self._limit = limit
        self._source = _Source(session_ids)
        self._failure: BaseException | None = None
        # No room to pile up: a worker that has finished a session keeps it until it is taken, and draws no other.
        self.give, self.take = anyio.create_memory_object_stream[SessionTraces](0)

    async def __anext__(self) -> SessionTraces:
        try:
            return await self.take.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            pass
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    async def run(self, concurrency: int) -> None:
        """Walk the sessions, so many at once."""
        with self.give:  # so that the consumer learns that no more will come
            with anyio.CancelScope() as scope:
                self._sender.calls.add(scope)
                try:
                    async with anyio.create_task_group() as workers:
                        for _ in range(concurrency):
                            workers.start_soon(self._work, workers.cancel_scope)
                finally:
                    self._sender.calls.remove(scope)
            if scope.cancelled_caught and self._failure is None:
                self._failure = ClientClosedError("the client was closed while this stream was under way")

    async def _work(self, everybody: anyio.CancelScope) -> None:
        try:
            self._sender.check_open()
            while (session_id := await self._source.next()) is not _END:
                await self.give.send(await _walk(self._sender, session_id, self._limit))
        except (Exception, asyncio.CancelledError) as failure:  # the caller's iterable may raise anything
            if _is_cancelled(failure):
                raise
            self._failure = self._failure or failure
            everybody.cancel()


@asynccontextmanager
async def stream(
    sender: Sender, session_ids: SessionIds, *, limit: int, concurrency: int
) -> AsyncGenerator[AsyncIterator[SessionTraces], None]:
    """Walk many sessions at once, and hand them over one by one, each whole."""
    sender.check_loop()
    results = _Stream(sender, session_ids, limit)
    left_with: BaseException | None = None
    with results.give, results.take:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(results.run, concurrency)
            try:
                yield results
            except BaseException as exc:
                if _is_cancelled(exc):
                    raise
                left_with = exc  # raised again below, where no group wraps it
            finally:
                tasks.cancel_scope.cancel()
    if left_with is not None:
        raise left_with


def _is_cancelled(exc: BaseException) -> bool:
    """Say whether it is this task that was cancelled, and not something else that it has waited for."""
    task = asyncio.current_task()
    return isinstance(exc, asyncio.CancelledError) and task is not None and task.cancelling() > 0


class _Source:
    """The caller's session ids, drawn one at a time."""

    def __init__(self, session_ids: SessionIds) -> None:
        self._is_async = isinstance(session_ids, AsyncIterable)
        self._draw: Callable[[], Any]
        if isinstance(session_ids, AsyncIterable):
            self._draw = partial(anext, aiter(session_ids), _END)
        else:
            self._draw = partial(next, iter(session_ids), _END)
        self._lock = anyio.Lock()  # an async generator can't be asked by two at once

    async def next(self) -> object:
        """Return the next id, whatever it may be, or ``_END``."""
        if not self._is_async:
            return self._draw()
        async with self._lock:
            return await self._draw()


async def _walk(sender: Sender, session_id: object, limit: int) -> SessionTraces:
    name = sender.mask(str(session_id))
    traces: list[Trace] = []
    try:
        name = session_id_of(session_id, sender.mask)
        walk = PageWalk(name, sender.tally, limit=limit, start_page=1, prefetch=_PREFETCH)
        while not walk.done:
            for page in walk.feed(await sender.window(walk, fatal=_FATAL)):
                traces += page.traces
    except _FATAL:
        raise
    except LyzrTracesError as error:
        if isinstance(error, InvalidArgumentError):
            error.session_id = name
        return SessionTraces(name, error)
    return SessionTraces(name, None, tuple(traces))
