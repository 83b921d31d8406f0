"""Many sessions at once. The one place with a task group that outlives a call, inside an async context manager."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

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

    def __init__(self, results: MemoryObjectReceiveStream[SessionTraces]) -> None:
        self.failure: Exception | None = None
        self._results = results

    async def __anext__(self) -> SessionTraces:
        try:
            return await self._results.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            pass
        if self.failure is not None:
            raise self.failure
        raise StopAsyncIteration


@asynccontextmanager
async def stream(
    sender: Sender, session_ids: SessionIds, *, limit: int, concurrency: int
) -> AsyncGenerator[AsyncIterator[SessionTraces], None]:
    """Walk many sessions at once, and hand them over one by one, each whole."""
    # No room to pile up: a worker that has finished a session keeps it until it is taken, and draws no other.
    give, take = anyio.create_memory_object_stream[SessionTraces](0)
    results = _Stream(take)
    source = _Source(session_ids)
    left_with: BaseException | None = None

    async def run() -> None:
        with give:  # so that the consumer learns that no more will come
            with anyio.CancelScope() as scope:
                sender.calls.add(scope)
                try:
                    async with anyio.create_task_group() as workers:
                        for _ in range(concurrency):
                            workers.start_soon(work, workers.cancel_scope)
                finally:
                    sender.calls.remove(scope)
            if scope.cancelled_caught and results.failure is None:
                results.failure = ClientClosedError("the client was closed while this stream was under way")

    async def work(everybody: anyio.CancelScope) -> None:
        try:
            sender.check_open()
            while (session_id := await source.next()) is not _END:
                await give.send(await _walk(sender, session_id, limit))
        except Exception as failure:  # noqa: BLE001 - the caller's iterable may raise anything; it is handed on
            results.failure = results.failure or failure
            everybody.cancel()

    with give, take:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            try:
                yield results
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as exc:  # noqa: BLE001 - raised again below, where no group wraps it
                left_with = exc
            finally:
                tasks.cancel_scope.cancel()
    if left_with is not None:
        raise left_with


class _Source:
    """The caller's session ids, drawn one at a time."""

    def __init__(self, session_ids: SessionIds) -> None:
        self._ids: Iterator[str | UUID] | AsyncIterator[str | UUID]
        if isinstance(session_ids, AsyncIterable):
            self._ids = aiter(session_ids)
        else:
            self._ids = iter(session_ids)
        self._lock = anyio.Lock()  # an async generator can't be asked by two at once

    async def next(self) -> object:
        """Return the next id, whatever it may be, or ``_END``."""
        if isinstance(self._ids, Iterator):
            return next(self._ids, _END)
        async with self._lock:
            return await anext(self._ids, _END)


async def _walk(sender: Sender, session_id: object, limit: int) -> SessionTraces:
    name = str(session_id)
    traces: list[Trace] = []
    try:
        name = session_id_of(session_id)
        walk = PageWalk(name, sender.tally, limit=limit, start_page=1, prefetch=_PREFETCH)
        while not walk.done:
            for page in walk.feed(*await sender.window(walk)):
                traces += page.traces
    except _FATAL:
        raise
    except LyzrTracesError as error:
        if isinstance(error, InvalidArgumentError):
            error.session_id = name
        return SessionTraces(name, error)
    return SessionTraces(name, None, tuple(traces))
