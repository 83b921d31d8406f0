"""Reads many sessions at once. Only here do tasks live longer than a call, inside an async context manager.

One task draws the ids and starts another task for each session. The consumer runs in its own task: it takes the
finished sessions, and waits if there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final
from uuid import UUID

import anyio

from ._arguments import session_id_of
from ._handover import Finished
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
from .models import SessionInfo, SessionTraces, Trace

__all__ = ["Stream"]

# Errors that every other session would meet too, so that they end the stream.
_FATAL: Final = (
    AuthenticationError,
    PermissionDeniedError,
    ServiceNotConfiguredError,
    ClientClosedError,
    WrongEventLoopError,
)
# How many pages of one session are asked for at once. This helps if few sessions are left; many share the slots anyway.
_PREFETCH: Final = 8

SessionIds = Iterable[str | UUID | SessionInfo] | AsyncIterable[str | UUID | SessionInfo]


class Stream(AbstractAsyncContextManager[AsyncIterator[SessionTraces]]):
    """Walks many sessions at once, and hands them to the consumer one by one, each one whole.

    A stream never ends early in silence: each task reports its end, however it ended, even if it was cancelled before
    its first step. The last task to end reports that all sessions have come, unless a task was cancelled or failed.

    The tasks do not form a task group, neither of anyio nor of asyncio, for two reasons. A cancelled task leaves a
    group in silence. And a group must be left in the task that entered it, but the block of this stream is left in
    another task if it stands in an async generator that is dropped.

    The stream is a class and not an async generator, because in such a dropped generator it would need finalising too.

    :param sender: makes the requests.
    :param session_ids: the ids of the sessions.
    :param limit: how many traces to ask for in one request.
    :param concurrency: how many sessions to read at once.
    """

    def __init__(self, sender: Sender, session_ids: SessionIds, *, limit: int, concurrency: int) -> None:
        self._sender = sender
        self._session_ids = session_ids
        self._limit = limit
        self._finished = Finished(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelled: set[asyncio.Task[None]] = set()
        self._late_error: BaseException | None = None  # an error of the ids after the end

    async def __aenter__(self) -> AsyncIterator[SessionTraces]:
        self._sender.check_open()
        self._sender.check_loop()
        self._sender.calls.add(self)
        self._start(self._draw())
        return self._finished

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sender.calls.remove(self)
        left = ClientClosedError("the `async with` block of this stream was left: ask for sessions within it")
        self._finished.close(left)
        self._cancel_others()
        await self._wait_for_tasks()
        if exc is None and self._late_error is not None:
            raise self._late_error

    def cancel(self) -> None:
        """End the stream, because the client is being closed."""
        self._end(ClientClosedError("the client was closed while this stream was under way"))

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        """Start a task of this stream."""
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.remove(task)
        if task.cancelled():
            self._end(asyncio.CancelledError("a task of this stream was cancelled"))
        elif not self._tasks:
            self._end(None)

    def _end(self, failure: BaseException | None) -> None:
        """End the stream and cancel its other tasks. A second call does nothing.

        :param failure: the error for the consumer, which replaces the sessions not taken yet; ``None`` if all sessions
            have come.
        """
        if not self._finished.closed:
            self._finished.close(failure)
            self._cancel_others()

    def _cancel_others(self) -> None:
        """Cancel each other task once, in the way of asyncio.

        A cancel scope of anyio would cancel a task again at each ``await``, also while the ids clean up.
        """
        others = self._tasks - self._cancelled - {asyncio.current_task()}
        self._cancelled |= others
        for task in others:
            task.cancel()

    async def _wait_for_tasks(self) -> None:
        """Wait until all tasks have ended, even if this is cancelled. Then raise the cancellation."""
        cancelled: asyncio.CancelledError | None = None
        while self._tasks:
            try:
                with anyio.CancelScope(shield=True):
                    await asyncio.wait(self._tasks)
            except asyncio.CancelledError as exc:
                cancelled = exc
        if cancelled is not None:
            raise cancelled

    async def _draw(self) -> None:
        """Draw the ids, and start a task for each session as soon as it may begin."""
        given = self._session_ids
        try:
            ids = aiter(given) if isinstance(given, AsyncIterable) else _each(given)
            try:
                await self._draw_from(ids)
            except StopAsyncIteration:
                pass
            finally:
                if isinstance(ids, AsyncGenerator):  # in this task, where its scopes and context variables are
                    await ids.aclose()
        except BaseException as failure:  # noqa: BLE001 - the caller's ids may raise anything
            if self._finished.closed and not isinstance(failure, asyncio.CancelledError):
                self._late_error = failure
            self._end(failure)

    async def _draw_from(self, ids: AsyncIterator[object]) -> None:
        """Draw ids until there are no more, or the stream has ended.

        This task may be cancelled while it waits until another session may begin. The cancellation is then meant for
        the ids: it comes from a time-out, a cancel scope or a task group around their `yield`, or from :meth:`_end`. So
        it is raised inside the ids, at the place where they are suspended.
        """
        cancelled = await self._acquire_permit()
        while cancelled is not None or not self._finished.closed:
            if cancelled is None:
                session_id = await anext(ids)
            else:
                session_id = await _throw(ids, cancelled)
                # The ids have handled the cancellation and given another id. It is kept until its session may begin. A
                # cancellation in the meantime is kept too.
                cancelled, has_permit = None, False
                while not (has_permit or self._finished.closed):
                    again = await self._acquire_permit(shield=True)
                    has_permit = again is None
                    cancelled = again or cancelled
            if not self._finished.closed:
                self._start(self._read(session_id))
                cancelled = cancelled or await self._acquire_permit()

    async def _acquire_permit(self, *, shield: bool = False) -> asyncio.CancelledError | None:
        """Wait until another session may begin. If the wait is cancelled, return the cancellation."""
        try:
            with anyio.CancelScope(shield=shield):
                await self._finished.permits.acquire()
        except asyncio.CancelledError as cancelled:
            return cancelled
        return None

    async def _read(self, session_id: object) -> None:
        try:
            self._finished.put(await _walk(self._sender, session_id, self._limit))
        except BaseException as failure:  # noqa: BLE001 - also a cancellation from outside
            self._end(failure)


async def _each(session_ids: Iterable[object]) -> AsyncGenerator[object, None]:
    for session_id in session_ids:
        yield session_id


async def _throw(ids: AsyncIterator[object], cancelled: asyncio.CancelledError) -> object:
    """Raise a cancellation inside the ids, and return the id that they give then. Only a generator can handle it."""
    if isinstance(ids, AsyncGenerator):
        return await ids.athrow(cancelled)
    raise cancelled


async def _walk(sender: Sender, given: object, limit: int) -> SessionTraces:
    session_id = given.session_id if type(given) is SessionInfo else given
    name = _shown(session_id, sender.mask)
    traces: list[Trace] = []
    try:
        name = _checked(session_id, sender.mask)
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


# The two functions below take any object that a caller may pass as an id. Its own methods may raise anything.


def _shown(session_id: object, mask: Callable[[str], str]) -> str:
    try:
        return mask(str(session_id))
    except Exception:  # noqa: BLE001
        return f"<{type(session_id).__name__}>"


def _checked(session_id: object, mask: Callable[[str], str]) -> str:
    try:
        return session_id_of(session_id, mask)
    except InvalidArgumentError:
        raise
    except Exception as exc:
        raise InvalidArgumentError(
            f"session_id must be a UUID, not a {type(session_id).__name__}, whose text can't be shown"
        ) from exc
