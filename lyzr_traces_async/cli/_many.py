"""Many sessions at once, with a word about each that fails."""

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
    """Sessions as they finish. One that fails is told of on standard error, and the others go on.

    :ivar done: how many sessions have been read so far, those that failed among them.
    :ivar failed: how many of them failed.
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
        """The exit status that the failures make."""
        return FAILED if self.failed or self._ids.malformed else DONE

    async def sessions(self, *, failed: bool = False) -> AsyncGenerator[SessionTraces, None]:
        """Yield each session that could be read. The line of progress is gone meanwhile.

        :param failed: whether to yield those that failed too.
        """
        async with self._client.stream_sessions(self._ids, limit=self._limit) as found:
            self._progress.show(self._told)
            async for session in found:
                self.done += 1
                self._progress.clear()
                if session.error is not None:
                    self.failed += 1
                    self._progress.complain(text_of(session.error))
                if session.error is None or failed:
                    yield session
                self._progress.show(self._told)
        self._progress.clear()

    def _told(self) -> str:
        total = self._ids.total
        text = counted(self.done, "session") if total is None else f"{self.done:,} of {counted(total, 'session')}"
        held_back = round(self._client.stats.seconds_paced)
        return f"{text}, {held_back:,} s held back by the quota" if held_back else text
