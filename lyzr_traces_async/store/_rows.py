"""Turn sessions that were read into columns of the tables. Pure."""

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
# The largest integer of a BIGINT column.
_LARGEST: Final = 2**63 - 1


@frozen
class Outcome:
    """The result of an attempt to read one session.

    :ivar asked_at: the time at which the attempt began.
    :ivar error: the reason why the session could not be read, or ``None``.
    :ivar traces: the traces of the session; none if there is an error.
    """

    session_id: str
    asked_at: datetime
    error: LyzrTracesError | None
    traces: Sequence[Trace]

    @property
    def state(self) -> State:
        """The state for the table of sessions. A session is missing only if the service itself answered 404."""
        if self.error is None:
            return "read"
        return "missing" if isinstance(self.error, NotFoundError) and self.error._by_service else "failed"

    @property
    def requests(self) -> int:
        """The number of requests without retries. After a full last page the walk asks for one more page."""
        return len(self.traces) // MAX_LIMIT + 1


def outcome_of(session: SessionTraces, asked_at: datetime) -> Outcome:
    """Return the outcome of a session. If a trace does not fit into the table, the outcome is a failure."""
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
    """Return the columns of the table of traces by name. Times are microseconds since 1970, ``extra`` is JSON text."""
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
    """Return the columns of the table of sessions, in the table's order. Times are microseconds since 1970."""
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
    """Return a time as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int | None) -> datetime | None:
    """Return the time of so many microseconds since 1970."""
    return None if microseconds is None else _EPOCH + microseconds * _MICROSECOND


def encodable(text: str) -> str:
    """Replace characters that UTF-8 can't encode. An id or an error text can contain half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
