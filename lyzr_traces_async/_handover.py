"""How finished sessions come from the tasks that read them to the consumer, and none is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial

import anyio

from .models import SessionTraces

__all__ = ["Finished"]


class Finished(AsyncIterator[SessionTraces]):
    """Sessions in the order in which they finish, on their way to the consumer; then why no more will come.

    None is lost and none comes twice, whenever a consumer gives up: one that waits has been given nothing yet, since
    all that wakes it is that there is news. It takes a session only when it is running again, and from there to its own
    code nothing is awaited, so that no cancellation can come between.

    And they can't pile up: every session needs a turn to begin with, and gives it back when it is taken from here.

    :ivar turns: how many more sessions may begin.
    """

    def __init__(self, concurrency: int) -> None:
        self.turns = anyio.Semaphore(concurrency)
        self._sessions: deque[SessionTraces] = deque()
        self._end: Callable[[], BaseException] | None = None
        self._news = anyio.Event()

    async def __anext__(self) -> SessionTraces:
        while not self._sessions:
            if self._end is not None:
                raise self._end()
            await self._news.wait()
        self.turns.release()
        return self._sessions.popleft()

    @property
    def closed(self) -> bool:
        """Whether no more will come."""
        return self._end is not None

    def put(self, session: SessionTraces) -> None:
        """Add a session that has finished; one that finishes too late is dropped."""
        if not self.closed:
            self._sessions.append(session)
            self._tell()

    def close(self, failure: BaseException | None) -> None:
        """Add no more. The first failure is raised to whoever asks, again and again; it drops what was not taken.

        :param failure: ``None`` where all sessions have come.
        """
        if self.closed and not self._sessions:
            return
        if isinstance(failure, StopAsyncIteration):  # it would look like the end
            cause, failure = failure, RuntimeError("session_ids raised StopAsyncIteration")
            failure.__cause__ = cause
        if failure is None:
            self._end = StopAsyncIteration
        else:
            self._sessions.clear()
            self._end = partial(failure.with_traceback, failure.__traceback__)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()
