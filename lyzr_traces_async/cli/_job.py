"""A sync while it is under way: how far it is, what fails, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from lyzr_traces_async import LyzrTracesError, SessionInfo, TracesClient
from lyzr_traces_async.store import SyncProgress, TraceStore

from ._output import Progress, complain, make_console, room_for_progress
from ._statuses import DONE, FAILED
from ._sync_words import how_far, what_became
from ._text import encodable, visible

__all__ = ["EVERY", "Job"]

# In seconds, between two lines where there is no terminal: a night's log is to be short enough to be read.
EVERY: Final = 30.0
# What may stand behind the line on a terminal, in cells: " (123 s)".
_COUNTED: Final = 8


class Job:
    """Tells people of a sync.

    On a terminal one line stays, and is drawn anew; elsewhere, such as in the log of a nightly job, there is a whole
    line now and then.

    :param file: the file to bring up to date.
    :raises InvalidArgumentError: if it can't be one.
    """

    def __init__(self, client: TracesClient, progress: Progress, file: str) -> None:
        self._client = client
        self._progress = progress
        self._store = TraceStore(file)
        self._file = visible(file)
        self._told_at = time.monotonic()

    async def run(self, sessions: AsyncIterable[str | SessionInfo], *, settle: timedelta, refresh: bool) -> int:
        """Do it; return the exit status."""
        async with aclosing(self._store.sync(self._client, sessions, settle=settle, refresh=refresh)) as steps:
            # Before the first, the file was looked at and nothing was read: an error of that needs no more words.
            last = await anext(steps)
            try:
                self._take(last)
                async for last in steps:
                    self._take(last)
            except asyncio.CancelledError:
                # Ctrl-C. Whoever presses it wants to know whether hours are lost.
                self._stopped("stopped")
                raise
            except LyzrTracesError as error:
                self._stopped(str(error))
                return FAILED
        self._progress.clear()
        console = make_console()
        console.print(encodable(what_became(self._file, last), console.encoding), soft_wrap=True)
        return FAILED if last.failed else DONE

    def _stopped(self, why: str) -> None:
        self._progress.clear()
        complain(why, hint=f"What was written stays in {self._file}. The same command goes on from there.")

    def _take(self, step: SyncProgress) -> None:
        """Show how far it is, and tell of each session that failed.

        Those that are missing are only counted: a call that has not ended is missing, and at night there may be many.
        """
        for error in step.errors:
            self._progress.complain(str(error))
        if self._progress.enabled:
            self._progress.show(lambda: how_far(step, self._client.quota, room_for_progress() - _COUNTED))
        elif (now := time.monotonic()) - self._told_at >= EVERY and step.done < step.due:
            self._told_at = now
            self._progress.complain(how_far(step, self._client.quota))
