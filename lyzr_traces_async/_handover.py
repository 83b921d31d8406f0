"""The queue between the tasks that read sessions and the consumer. It loses no session."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial

import anyio

from .models import SessionTraces

__all__ = ["Finished"]


class Finished(AsyncIterator[SessionTraces]):
    """The finished sessions, in the order in which they finish. After the last one it raises the reason for the end.

    A consumer may give up at any time. No session is lost then, and none comes twice: a waiting consumer is woken
    without being given a session. It takes one only when it runs again, and nothing is awaited between that and the
    consumer's own code, so no cancellation can come between.

    The finished sessions can't pile up if the consumer is slow: a session needs a permit to begin, and the permit is
    released only when the consumer takes the session.

    :param concurrency: how many sessions may be read, or wait for the consumer, at once.
    :ivar permits: how many more sessions may begin.
    """

    def __init__(self, concurrency: int) -> None:
        self.permits = anyio.Semaphore(concurrency)
        self._sessions: deque[SessionTraces] = deque()
        self._end: Callable[[], BaseException] | None = None
        self._news = anyio.Event()

    async def __anext__(self) -> SessionTraces:
        while not self._sessions:
            if self._end is not None:
                raise self._end()
            await self._news.wait()
        self.permits.release()
        return self._sessions.popleft()

    @property
    def closed(self) -> bool:
        """Whether the queue takes no more sessions."""
        return self._end is not None

    def put(self, session: SessionTraces) -> None:
        """Add a finished session. After :meth:`close` it is dropped."""
        if not self.closed:
            self._sessions.append(session)
            self._wake()

    def close(self, failure: BaseException | None) -> None:
        """Take no more sessions.

        With a failure, the sessions that were not taken yet are dropped, and each further call of the consumer raises
        the failure. A later failure does not replace it.

        :param failure: the error to raise; ``None`` if all sessions have come.
        """
        if self.closed and not self._sessions:
            return
        if isinstance(failure, StopAsyncIteration):  # this would look like the normal end
            cause, failure = failure, RuntimeError("session_ids raised StopAsyncIteration")
            failure.__cause__ = cause
        if failure is None:
            self._end = StopAsyncIteration
        else:
            self._sessions.clear()
            self._end = partial(failure.with_traceback, failure.__traceback__)
        self._wake()

    def _wake(self) -> None:
        """Wake the waiting consumer."""
        self._news.set()
        self._news = anyio.Event()
