"""Reading many sessions concurrently, with an error message for each that fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from lyzr_traces_async import SessionTraces, TracesClient

from ._errors import text_of
from ._ids import SessionIds
from ._numbers import counted
from ._output import Progress
from ._statuses import DONE, FAILED

__all__ = ["Sweep"]


class Sweep:
    """Reads sessions concurrently. If one fails, its error is printed on standard error and the others continue.

    :ivar done: how many sessions have finished, including those that failed.
    :ivar failed: how many sessions failed.
    """

    def __init__(self, client: TracesClient, ids: SessionIds, progress: Progress, *, limit: int = 100) -> None:
        self._client = client
        self._ids = ids
        self._progress = progress
        self._limit = limit
        self.done = 0
        self.failed = 0

    @property
    def status(self) -> int:
        """The exit status: failure if a session failed or a line was not an id."""
        return FAILED if self.failed or self._ids.malformed else DONE

    async def sessions(self, *, failed: bool = False) -> AsyncGenerator[SessionTraces, None]:
        """Yield sessions in the order in which they finish. The progress line is cleared before each.

        :param failed: whether to yield failed sessions too.
        """
        async with self._client.stream_sessions(self._ids, limit=self._limit) as found:
            self._progress.show(self._status_line)
            async for session in found:
                self.done += 1
                self._progress.clear()
                if session.error is not None:
                    self.failed += 1
                    self._progress.complain(text_of(session.error))
                if session.error is None or failed:
                    yield session
                self._progress.show(self._status_line)
        self._progress.clear()

    def _status_line(self) -> str:
        total = self._ids.total
        text = counted(self.done, "session") if total is None else f"{self.done:,} of {counted(total, 'session')}"
        held_back = round(self._client.stats.seconds_paced)
        return f"{text}, {held_back:,} s held back by the quota" if held_back else text
