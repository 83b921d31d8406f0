"""The sessions with their lists of traces, and the pages of these lists. Knows nothing of HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from uuid import UUID

import attrs

from .._arguments import check_count, check_flag, session_id_of
from ..errors import InvalidArgumentError
from ..models import Observation, Trace
from ._observations import check_number, encode_detail, make_up
from ._traces import encode, generate


@attrs.define
class Row:
    """A row of a list: a trace. It is encoded once, when it is added, and not for each page with it.

    :ivar observed: whether observations are made up for the trace.
    :ivar detail: the encoded trace with its observations; ``None`` until they are set or first asked for.
    """

    trace: Trace
    encoded: bytes
    observed: bool
    hidden: bool = False
    detail: bytes | None = None


@attrs.define
class Session:
    """The rows of a session, newest first.

    :ivar generated: the number of traces that were made up for it so far.
    """

    rows: list[Row] = attrs.field(factory=list)
    generated: int = 0

    def row(self, trace_id: str) -> Row | None:
        """Return the first row with this trace; ``None`` if there is none."""
        return next((row for row in self.rows if row.trace.trace_id == trace_id), None)


class Store:
    """All sessions. Any thread can read and change them: a page always shows its list at one point in time."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def page(self, session_id: str, page: int, limit: int) -> tuple[list[bytes], int] | None:
        """Return the encoded traces of a page and the length of the list; ``None`` for an unknown session.

        Hidden rows are left out after paging, so a page can be short or empty.
        """
        start = (page - 1) * limit
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                return None
            return [row.encoded for row in session.rows[start : start + limit] if not row.hidden], len(session.rows)

    def traces(self, session_id: str | UUID) -> tuple[Trace, ...]:
        """Return the traces of a session that are not hidden."""
        with self._lock:
            return tuple(row.trace for row in self._session(session_id).rows if not row.hidden)

    def knows(self, session_id: str) -> bool:
        """Return whether the session exists."""
        with self._lock:
            return session_id in self._sessions

    def detail(self, session_id: str, trace_id: str) -> bytes | None:
        """Return the encoded trace with its observations, hidden or not; ``None`` if the session has no such trace."""
        with self._lock:
            session = self._sessions.get(session_id)
            row = None if session is None else session.row(trace_id)
            if row is None:
                return None
            if row.detail is None:
                row.detail = encode_detail(row.trace, make_up(row.trace) if row.observed else ())
            return row.detail

    def has_trace(self, trace_id: str) -> bool:
        """Return whether any session has this trace."""
        with self._lock:
            return any(session.row(trace_id) for session in self._sessions.values())

    def set_observations(self, session_id: str | UUID, trace_id: str, observations: Iterable[Observation]) -> None:
        """Set the observations of a trace."""
        observations = list(observations)
        with self._lock:
            row = self._session(session_id).row(trace_id)
            if row is None:
                raise InvalidArgumentError(f"session {session_id} has no trace {trace_id!r}")
            row.detail = encode_detail(row.trace, observations)

    def add_session(
        self, session_id: str | UUID, traces: int | Iterable[Trace], *, observed: bool
    ) -> tuple[Trace, ...]:
        """Add a session with traces."""
        session_id = session_id_of(session_id)
        given = _given(traces, observed=observed)
        session = Session()
        rows = _new_rows(session, session_id, given, 0, observed=observed)
        with self._lock:
            if session_id in self._sessions:
                raise InvalidArgumentError(f"session {session_id} is already there: use add_traces()")
            self._sessions[session_id] = session
        return rows

    def add(
        self, session_id: str | UUID, traces: int | Iterable[Trace], at: int, *, observed: bool
    ) -> tuple[Trace, ...]:
        """Insert traces so that the first of them becomes row ``at``."""
        # Draw from the iterable without the lock, because it may be code that calls the server.
        given = _given(traces, observed=observed)
        with self._lock:
            session = self._session(session_id)
            check_count("at", at, len(session.rows), minimum=0)
            return _new_rows(session, session_id_of(session_id), given, at, observed=observed)

    def remove(self, session_id: str | UUID, n: int, at: int) -> tuple[Trace, ...]:
        """Remove ``n`` rows, beginning with row ``at``."""
        with self._lock:
            rows = self._session(session_id).rows
            removed = _slice(rows, n, at)
            del rows[at : at + n]
        return tuple(row.trace for row in removed)

    def hide(self, session_id: str | UUID, n: int, at: int) -> tuple[Trace, ...]:
        """Hide ``n`` rows, beginning with row ``at``."""
        with self._lock:
            hidden = _slice(self._session(session_id).rows, n, at)
            for row in hidden:
                row.hidden = True
        return tuple(row.trace for row in hidden)

    def _session(self, session_id: str | UUID) -> Session:
        session = self._sessions.get(session_id_of(session_id))
        if session is None:
            raise InvalidArgumentError(f"this server has no session {session_id}: add it with add_session()")
        return session


def _given(traces: int | Iterable[Trace], *, observed: bool) -> int | list[Row]:
    check_flag("observations", observed)
    if isinstance(traces, Iterable):
        return [_row(trace, observed=observed) for trace in traces]
    check_count("traces, if it is not iterable,", traces, minimum=0)
    return traces


def _row(trace: Trace, *, observed: bool) -> Row:
    encoded = encode(trace)
    if observed:
        check_number(trace)
    return Row(trace, encoded, observed)


def _new_rows(
    session: Session, session_id: str, given: int | list[Row], at: int, *, observed: bool
) -> tuple[Trace, ...]:
    rows = session.rows
    if isinstance(given, int):
        newer = rows[at - 1].trace if at > 0 else None
        older = rows[at].trace if at < len(rows) else None
        made = generate(session_id, session.generated, given, newer=newer, older=older)
        session.generated += given
        given = [_row(trace, observed=observed) for trace in made]
    rows[at:at] = given
    return tuple(row.trace for row in given)


def _slice(rows: list[Row], n: int, at: int) -> list[Row]:
    check_count("at", at, len(rows), minimum=0)
    check_count("n", n, minimum=0)
    if at + n > len(rows):
        raise InvalidArgumentError(f"at + n must be at most {len(rows)}, the number of rows, not {at + n}")
    return rows[at : at + n]
