"""Many sessions at once. The one place with tasks that outlive a call, inside an async context manager.

One task draws the ids, and starts one for each session. The consumer's own task is none of these: it takes what is
finished, and waits for news where nothing is.
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

SessionIds = Iterable[str | UUID | SessionInfo] | AsyncIterable[str | UUID | SessionInfo]


class Stream(AbstractAsyncContextManager[AsyncIterator[SessionTraces]]):
    """Walks many sessions at once, and hands them over one by one, each whole.

    The consumer learns of every end, since each task reports its own, in whatever way it came: also one that somebody
    has cancelled before its first step. That all sessions have come is said by the last task, and only where none has
    ended otherwise.

    Neither is known of the tasks of a group, anyio's or asyncio's: one that is cancelled leaves it in silence. And a
    group has to be left in the task that entered it, while this block is left in another where it stands in an async
    generator that somebody drops. (It is no generator itself, so that it needs no finalising beside that one.)
    """

    def __init__(self, sender: Sender, session_ids: SessionIds, *, limit: int, concurrency: int) -> None:
        self._sender = sender
        self._session_ids = session_ids
        self._limit = limit
        self._finished = Finished(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelled: set[asyncio.Task[None]] = set()
        self._unheard: BaseException | None = None  # what the ids raised when it could not be handed over any more

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
        await self._over()
        if exc is None and self._unheard is not None:
            raise self._unheard

    def cancel(self) -> None:
        """End because the client is closed."""
        self._end(ClientClosedError("the client was closed while this stream was under way"))

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a task of this stream."""
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
        """Hand nothing over from now on but ``failure``, and cancel what is left: the first time this is called."""
        if not self._finished.closed:
            self._finished.close(failure)
            self._cancel_others()

    def _cancel_others(self) -> None:
        """Cancel each other task once, as asyncio does it.

        A cancelled scope of anyio's would raise in it at each ``await``, also at those that the ids clean up with.
        """
        others = self._tasks - self._cancelled - {asyncio.current_task()}
        self._cancelled |= others
        for task in others:
            task.cancel()

    async def _over(self) -> None:
        """Wait until all tasks have ended, even when cancelled; that is raised afterwards."""
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
        """Start the sessions, each as it comes to its turn."""
        given = self._session_ids
        try:
            ids = aiter(given) if isinstance(given, AsyncIterable) else _each(given)
            try:
                await self._draw_from(ids)
            except StopAsyncIteration:
                pass
            finally:
                if isinstance(ids, AsyncGenerator):  # here, where it has its scopes and context variables
                    await ids.aclose()
        except BaseException as failure:  # noqa: BLE001 - the caller's ids may raise anything
            if self._finished.closed and not isinstance(failure, asyncio.CancelledError):
                self._unheard = failure
            self._end(failure)

    async def _draw_from(self, ids: AsyncIterator[object]) -> None:
        # What cancels the waiting for a turn is meant for the ids: by a time-out, a scope or a group that they are in
        # the middle of, or by `_end`. So it is raised where they wait themselves.
        cancelled = await self._turn()
        while cancelled is not None or not self._finished.closed:
            if cancelled is None:
                session_id = await anext(ids)
            else:
                session_id = await _throw(ids, cancelled)
                # They go on all the same. This id is kept until its turn, and so is what cancels them meanwhile.
                cancelled, in_turn = None, False
                while not (in_turn or self._finished.closed):
                    again = await self._turn(shield=True)
                    in_turn = again is None
                    cancelled = again or cancelled
            if not self._finished.closed:
                self._start(self._read(session_id))
                cancelled = cancelled or await self._turn()

    async def _turn(self, *, shield: bool = False) -> asyncio.CancelledError | None:
        """Wait until another session may begin. Return what cancelled that."""
        try:
            with anyio.CancelScope(shield=shield):
                await self._finished.turns.acquire()
        except asyncio.CancelledError as cancelled:
            return cancelled
        return None

    async def _read(self, session_id: object) -> None:
        try:
            self._finished.put(await _walk(self._sender, session_id, self._limit))
        except BaseException as failure:  # noqa: BLE001 - a cancellation from outside is one too
            self._end(failure)


async def _each(session_ids: Iterable[object]) -> AsyncGenerator[object, None]:
    for session_id in session_ids:
        yield session_id


async def _throw(ids: AsyncIterator[object], cancelled: asyncio.CancelledError) -> object:
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


# What is no id may be anything, and its own code may do anything when it is looked at.


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
            f"session_id must be a UUID, not a {type(session_id).__name__} that can't be shown"
        ) from exc
