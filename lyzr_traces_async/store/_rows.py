"""What was read as columns for the tables. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import frozen

from .._arguments import MAX_LIMIT
from ..errors import LyzrTracesError, NotFoundError, StorageError
from ..models import SessionTraces, Trace
from ._due import State

__all__ = ["Outcome", "encodable", "moment", "outcome_of", "session_columns", "trace_columns"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# The largest integer of a column, BIGINT.
_LARGEST: Final = 2**63 - 1


@frozen
class Outcome:
    """What became of asking for one session.

    :ivar asked_at: when it was begun to ask for it.
    :ivar error: why it could not be read, or ``None``.
    :ivar traces: what was read of it.
    """

    session_id: str
    asked_at: datetime
    error: LyzrTracesError | None
    traces: Sequence[Trace]

    @property
    def state(self) -> State:
        """What the table of sessions says of it. Only the service's own 404 may be given up one day."""
        if self.error is None:
            return "read"
        return "missing" if isinstance(self.error, NotFoundError) and self.error._by_service else "failed"

    @property
    def requests(self) -> int:
        """How many requests it took, retries aside: behind a last page that is full another is looked for."""
        return len(self.traces) // MAX_LIMIT + 1


def outcome_of(session: SessionTraces, asked_at: datetime) -> Outcome:
    """Return what became of a session; a failure where a trace of it fits into no table."""
    if session.error is not None:
        return Outcome(session.session_id, asked_at, session.error, ())
    for trace in session:
        if trace.observation_count > _LARGEST:
            error = StorageError(
                f"trace {trace.trace_id!r} has {trace.observation_count} observations, more than a column can hold",
                session_id=session.session_id,
            )
            return Outcome(session.session_id, asked_at, error, ())
    return Outcome(session.session_id, asked_at, None, session.traces)


def trace_columns(outcomes: Iterable[Outcome]) -> dict[str, list[Any]]:
    """Return the columns of the table of traces, by name; times in microseconds since 1970, ``extra`` as JSON."""
    named = [(outcome.session_id, trace) for outcome in outcomes for trace in outcome.traces]
    traces = [trace for _, trace in named]
    return {
        "session_id": [session_id for session_id, _ in named],
        "trace_id": [trace.trace_id for trace in traces],
        "name": [trace.name for trace in traces],
        "timestamp": [microseconds(trace.timestamp) for trace in traces],
        "latency_seconds": [trace.latency_seconds for trace in traces],
        "total_cost_usd": [trace.total_cost_usd for trace in traces],
        "observation_count": [trace.observation_count for trace in traces],
        "html_path": [trace.html_path for trace in traces],
        "extra": [json.dumps(trace.extra, ensure_ascii=False) if trace.extra else None for trace in traces],
    }


def session_columns(outcomes: Iterable[Outcome]) -> list[list[Any]]:
    """Return the columns of the table of sessions, in its order; times in microseconds since 1970."""
    rows = []
    for outcome in outcomes:
        asked_at = microseconds(outcome.asked_at)
        read = outcome.error is None
        newest = max((microseconds(trace.timestamp) for trace in outcome.traces), default=None)
        rows.append(
            (
                outcome.session_id,
                outcome.state,
                None if read else encodable(f"{type(outcome.error).__name__}: {outcome.error}"),
                asked_at,
                asked_at if read else None,
                newest,
                len(outcome.traces),
                asked_at if outcome.state == "missing" else None,
            )
        )
    return [list(column) for column in zip(*rows, strict=True)]


def microseconds(moment: datetime) -> int:
    """Return a moment as a table has it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int | None) -> datetime | None:
    """Return a moment of a table."""
    return None if microseconds is None else _EPOCH + microseconds * _MICROSECOND


def encodable(text: str) -> str:
    """Replace what UTF-8 has no code for: half of a surrogate pair, in what was given as an id or said in an error."""
    return text.encode("utf-8", "replace").decode()
