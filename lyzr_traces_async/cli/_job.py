"""A sync while it is under way: how far it is, what fails, and how it ends."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterable
from contextlib import aclosing
from datetime import timedelta
from typing import Final

from rich.cells import cell_len

from lyzr_traces_async import LyzrTracesError, QuotaState, SessionInfo, TracesClient
from lyzr_traces_async.store import SyncProgress, TraceStore

from ._errors import text_of
from ._numbers import counted, rough
from ._output import Progress, complain, make_console, room_for_progress
from ._statuses import DONE, FAILED
from ._text import encodable, visible

__all__ = ["EVERY", "Job", "how_far", "what_became"]

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
                self._stopped(text_of(error))
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
            self._progress.complain(text_of(error))
        if self._progress.enabled:
            self._progress.show(lambda: how_far(step, self._client.quota, room_for_progress() - _COUNTED))
        elif (now := time.monotonic()) - self._told_at >= EVERY and step.done < step.due:
            self._told_at = now
            self._progress.complain(how_far(step, self._client.quota))


def how_far(step: SyncProgress, quota: QuotaState | None, room: int | None = None) -> str:
    """Tell how much is done, what it brought, and what is to come.

    :param quota: what is known of the quota by now.
    :param room: how many terminal cells the text should take at most; what matters least is left out.
    """
    # With its weight: the lightest goes first, the heaviest stays in any case.
    parts = [(9, f"{step.done:,} of {counted(step.due, 'session')}")]
    if step.failed:
        parts.append((4, f"{step.failed:,} failed"))
    if step.missing:
        parts.append((3, f"{step.missing:,} missing"))
    parts.append((2, counted(step.traces, "trace")))
    if quota is not None and quota.resets_in > 0:
        parts.append((1, _left(quota)))
    # Below a second it is not the quota that takes the time.
    if step.seconds_left is not None and 1 <= step.seconds_left < math.inf:
        parts.append((5, f"{rough(step.seconds_left)} to go"))
    while room is not None and len(parts) > 1 and cell_len(_joined(parts)) > room:
        parts.remove(min(parts))
    return _joined(parts)


def _joined(parts: list[tuple[int, str]]) -> str:
    return ", ".join(text for _, text in parts)


def _left(quota: QuotaState) -> str:
    if quota.remaining:
        return f"{counted(quota.remaining, 'request')} left in this window"
    return f"more requests in {rough(quota.resets_in)}"


def what_became(file: str, step: SyncProgress) -> str:
    """Sum a sync up that has come to its end."""
    if not step.given:
        return f"{file}: there are no sessions to read"
    if not step.due:
        return f"{file}: nothing is due of {counted(step.given, 'session')}"
    facts = [
        f"{counted(step.due - step.failed - step.missing, 'session')} read",
        f"{step.failed:,} failed",
        f"{step.missing:,} missing",
        f"{step.given - step.due:,} not due",
        counted(step.traces, "trace"),
    ]
    return f"{file}: {', '.join(facts)}"
