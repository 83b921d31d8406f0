"""A running sync: its progress, its failures and its end."""

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

# In seconds: the time between lines of progress without a terminal. A night's log must stay short enough to read.
EVERY: Final = 30.0
# The room for the seconds behind a line on a terminal, in cells: " (123 s)".
_COUNTED: Final = 8


class Job:
    """Runs a sync and reports its progress.

    On a terminal, one line is redrawn in place. Otherwise, such as in the log of a nightly job, a new line is written
    every ``EVERY`` seconds.

    :param file: the DuckDB file to bring up to date.
    :raises InvalidArgumentError: if the name cannot be that of a file.
    """

    def __init__(self, client: TracesClient, progress: Progress, file: str) -> None:
        self._client = client
        self._progress = progress
        self._store = TraceStore(file)
        self._file = visible(file)
        self._reported_at = time.monotonic()

    async def run(self, sessions: AsyncIterable[str | SessionInfo], *, settle: timedelta, refresh: bool) -> int:
        """Run the sync and return the exit status."""
        async with aclosing(self._store.sync(self._client, sessions, settle=settle, refresh=refresh)) as steps:
            # Until the first step, only the file is checked. An error there needs no hint to run the command again.
            last = await anext(steps)
            try:
                self._take(last)
                async for last in steps:
                    self._take(last)
            except asyncio.CancelledError:
                # Ctrl-C. The user wants to know whether the work so far is lost.
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
        complain(
            why, hint=f"{self._file} keeps what has been written. Run the same command again to continue from there."
        )

    def _take(self, step: SyncProgress) -> None:
        """Show the progress, and print the error of each session that failed.

        Missing sessions are only counted: a call that has not ended is missing, and there can be many of those.
        """
        for error in step.errors:
            self._progress.complain(text_of(error))
        if self._progress.enabled:
            self._progress.show(lambda: how_far(step, self._client.quota, room_for_progress() - _COUNTED))
        elif (now := time.monotonic()) - self._reported_at >= EVERY and step.done < step.due:
            self._reported_at = now
            self._progress.complain(how_far(step, self._client.quota))


def how_far(step: SyncProgress, quota: QuotaState | None, room: int | None = None) -> str:
    """Describe the progress: the sessions done, the traces read, the quota and the time left.

    :param quota: the last known state of the quota.
    :param room: the most terminal cells to take. If there are more, the least important parts are left out.
    """
    # Each part has a weight. The lightest part is left out first, and the heaviest always stays.
    parts = [(9, f"{step.done:,} of {counted(step.due, 'session')}")]
    if step.failed:
        parts.append((4, f"{step.failed:,} failed"))
    if step.missing:
        parts.append((3, f"{step.missing:,} missing"))
    parts.append((2, counted(step.traces, "trace")))
    if quota is not None and quota.resets_in > 0:
        parts.append((1, _left(quota)))
    # Below a second, the quota is not what limits the speed.
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
    """Describe a sync that has ended."""
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
