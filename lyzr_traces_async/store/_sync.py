"""Sync: read the sessions that are due from the service, and write them into the file batch by batch.

If a sync ends early, it first writes the sessions that it has read by then. A process that is killed loses the batch
that it was collecting, and the requests in flight.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import anyio
from anyio.to_thread import run_sync

from ..client import TracesClient
from ..errors import LyzrTracesError
from ..models import SessionInfo, SessionTraces
from ._due import is_due
from ._estimate import seconds_left
from ._file import StoreFile
from ._lock import InUseError, lock
from ._progress import SyncProgress
from ._rows import Outcome, encodable, outcome_of

__all__ = ["SessionIds", "sync"]

_T = TypeVar("_T")
_logger: Final = logging.getLogger("lyzr_traces_async")

SessionIds = Iterable[str | UUID | SessionInfo] | AsyncIterable[str | UUID | SessionInfo]

# A batch is written when it has this many traces, or this many seconds after its first session arrived. Batches are
# small enough that a kill loses few requests. They are rare enough that opening the file, about 50 ms each time, does
# not slow down the reading.
BATCH_TRACES: Final = 10_000
BATCH_SECONDS: Final = 0.5
# How many seconds to wait for others who use the file. The first is for another sync, whose loop may have been left a
# moment ago. The other two are for programs that have the file open: before the first request, and with a batch to
# write.
PATIENCE_WITH_SYNCS: Final = 1.0
PATIENCE_AT_FIRST: Final = 5.0
PATIENCE: Final = 120.0
_LOOK_AGAIN: Final = 0.1


async def sync(
    path: Path, client: TracesClient, ids: SessionIds, *, settle: timedelta, refresh: bool
) -> AsyncGenerator[SyncProgress, None]:
    """Bring the file up to date; see :meth:`TraceStore.sync`."""
    file = StoreFile(path)
    release = await _when_free(partial(_lock, path), PATIENCE_WITH_SYNCS)
    try:
        await _when_free(partial(run_sync, file.check), PATIENCE_AT_FIRST)
        given = await _named(ids)
        due = given if refresh else await _due(file, given, settle)
        progress = SyncProgress(due=len(due), given=len(given), seconds_left=seconds_left(len(due), client.quota))
        yield progress
        if not due:
            return
        requests = 0
        asked_at: dict[str, datetime] = {}
        async with client.stream_sessions(_asked(due, asked_at)) as sessions:
            more, failure = True, None
            while more:
                batch: dict[str, Outcome] = {}
                write = partial(run_sync, file.write, batch)
                try:
                    more = await _collect(sessions, batch, asked_at)
                except LyzrTracesError as error:
                    more, failure = False, error
                except BaseException:
                    if batch:
                        with anyio.CancelScope(shield=True):
                            await _when_free(write, PATIENCE_AT_FIRST)
                    raise
                if batch:
                    await _when_free(write, PATIENCE)
                    requests += sum(outcome.requests for outcome in batch.values())
                    progress = progress._after(batch.values(), requests, client.quota)
                    yield progress
        if failure is not None:
            raise failure
    finally:
        release()


async def _lock(path: Path) -> Callable[[], None]:
    # Not in a thread: if the task were cancelled meanwhile, the thread would take a lock that nobody releases.
    return lock(path)


async def _named(ids: SessionIds) -> list[str]:
    """Draw all ids and return each once, as the service and the file spell it."""
    if isinstance(ids, AsyncIterable):
        return list(dict.fromkeys([_name(given) async for given in ids]))
    return list(dict.fromkeys(map(_name, ids)))


def _name(given: object) -> str:
    """Return the id as text. An invalid id gets a text too: ``stream_sessions`` refuses it later."""
    try:
        return given.session_id if isinstance(given, SessionInfo) else encodable(str(given))
    except Exception:  # noqa: BLE001 - `str` of an arbitrary object can raise anything
        return f"<{type(given).__name__}>"


async def _due(file: StoreFile, given: list[str], settle: timedelta) -> list[str]:
    known = await _when_free(partial(run_sync, file.known, given), PATIENCE_AT_FIRST)
    now = _now()
    return [name for name in given if is_due(known.get(name), now, settle)]


def _asked(due: Iterable[str], asked_at: dict[str, datetime]) -> Iterator[str]:
    """Yield the ids, and note the time of each: the stream draws an id when it begins to read the session."""
    for name in due:
        asked_at[name] = _now()
        yield name


async def _collect(
    sessions: AsyncIterator[SessionTraces], batch: dict[str, Outcome], asked_at: dict[str, datetime]
) -> bool:
    """Put sessions into ``batch`` until it must be written. Return whether there are more sessions."""
    traces, deadline = 0, math.inf
    while traces < BATCH_TRACES:
        with anyio.CancelScope(deadline=deadline) as scope:
            session = await anext(sessions, None)
        if scope.cancelled_caught:
            break
        if session is None:
            return False
        outcome = outcome_of(session, asked_at.pop(session.session_id, _now()))
        batch[outcome.session_id] = outcome
        traces += len(outcome.traces)
        deadline = min(deadline, anyio.current_time() + BATCH_SECONDS)
    return True


async def _when_free(work: Callable[[], Awaitable[_T]], patience: float) -> _T:
    """Run ``work``, which needs the file. While others use the file, try again, for up to ``patience`` seconds."""
    until = anyio.current_time() + patience
    logged = False
    while True:
        try:
            return await work()
        except InUseError as error:
            if anyio.current_time() >= until:
                raise
            if not logged:
                logged = True
                _logger.info("waiting up to %.0f s until the file is free: %s", patience, error)
            await anyio.sleep(_LOOK_AGAIN)


def _now() -> datetime:
    return datetime.now(UTC)
