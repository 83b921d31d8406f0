"""The sessions and transcripts of the server, and the methods that change them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from ..models import Observation, SessionInfo, Trace
from ._store import Store
from ._transcripts import CHAT_BYTES, Transcripts


class Contents:
    """Sessions with their traces and observations, and transcripts. All methods can be called from any thread."""

    def __init__(self) -> None:
        self._store = Store()
        self._transcripts = Transcripts()

    def add_session(
        self, session_id: str | UUID, traces: int | Iterable[Trace] = 0, *, observations: bool = False
    ) -> tuple[Trace, ...]:
        """Add a session. Before this, the server answers 404 for its id. The session is also listed as a transcript.

        :param session_id: the session's id. The server compares ids letter by letter, as the service does.
        :param traces: the session's traces, newest first, or the number of traces to make up. Given traces are served
            exactly as they are. Fields of their ``extra`` are added, or replace known fields of the same name. Made-up
            traces are the same every time.
        :param observations: make up the observations of each trace, as many as its ``observation_count``. They are the
            same every time. Without this, :meth:`TracesClient.get_trace` finds no observations.
        :return: the traces, newest first.
        :raises InvalidArgumentError: if the id is not a UUID or is added already, a number is negative, or a trace
            can't be sent.
        """
        added = self._store.add_session(session_id, traces, observed=observations)
        self._transcripts.assume(str(session_id), added)
        return added

    def add_traces(
        self, session_id: str | UUID, traces: int | Iterable[Trace] = 1, *, at: int = 0, observations: bool = False
    ) -> tuple[Trace, ...]:
        """Add traces to a session, as when new traces arrive.

        :param traces: as in `add_session`. Made-up traces get timestamps that fit their position.
        :param at: the number of rows before the new traces; 0 adds them as the newest.
        :param observations: as in `add_session`.
        :return: the new traces, newest first.
        :raises InvalidArgumentError: if the session is unknown, or ``at`` is beyond the end of its list.
        """
        return self._store.add(session_id, traces, at, observed=observations)

    def remove_traces(self, session_id: str | UUID, n: int = 1, *, at: int = 0) -> tuple[Trace, ...]:
        """Delete ``n`` traces, beginning with row ``at``.

        :return: the deleted traces.
        :raises InvalidArgumentError: if the session is unknown, or has no such rows.
        """
        return self._store.remove(session_id, n, at)

    def hide_traces(self, session_id: str | UUID, n: int, *, at: int = 0) -> tuple[Trace, ...]:
        """Leave ``n`` rows, beginning with row ``at``, out of their pages. They still count in the totals.

        The service leaves out rows that its store returns without an id. Such pages are short or empty.

        :return: the traces that this call has hidden.
        :raises InvalidArgumentError: if the session is unknown, or has no such rows.
        """
        return self._store.hide(session_id, n, at)

    def traces(self, session_id: str | UUID) -> tuple[Trace, ...]:
        """Return the session's current traces, newest first, without hidden ones.

        :raises InvalidArgumentError: if the session is unknown.
        """
        return self._store.traces(session_id)

    def set_observations(self, session_id: str | UUID, trace_id: str, observations: Iterable[Observation]) -> None:
        """Set the observations of a trace.

        :param observations: the observations, which are served exactly as they are. Fields of their ``extra`` are
            added, or replace known fields of the same name.
        :raises InvalidArgumentError: if there is no such session or trace, or an observation can't be sent.

        Example::

            newest, *_ = server.add_session(session_id, traces=3)
            began = datetime(2026, 3, 25, 18, 19, tzinfo=UTC)
            server.set_observations(session_id, newest.trace_id, [Observation("1", "SPAN", began)])
        """
        self._store.set_observations(session_id, trace_id, observations)

    def add_transcripts(
        self, transcripts: int | Iterable[SessionInfo], *, agent_id: str | None = None, chat_bytes: int = CHAT_BYTES
    ) -> tuple[SessionInfo, ...]:
        """Add sessions to the list of transcripts, as when sessions end. The server need not know their traces.

        :param transcripts: the sessions, or the number of sessions to make up. Given sessions are listed exactly as
            they are. Fields of their ``extra`` are added, or replace known fields of the same name. Made-up sessions
            are the same every time. They end some minutes after each other, and after those made up before.
        :param agent_id: the agent of the made-up sessions. Without it, they have several agents.
        :param chat_bytes: the size of each session's chat in bytes. A page of 100 sessions with 200,000 bytes each has
            more than 16 MiB.
        :return: the listed sessions, with the small further fields that the service sends.
        :raises InvalidArgumentError: if a number is negative, a session can't be sent, or ``agent_id`` is passed with
            given sessions.
        """
        return self._transcripts.add(transcripts, agent_id, chat_bytes)

    def remove_transcripts(self, n: int = 1, *, at: int = 0) -> tuple[SessionInfo, ...]:
        """Remove ``n`` transcripts, beginning with row ``at``, counted in the order in which the sessions ended.

        :return: the removed transcripts.
        :raises InvalidArgumentError: if there are no such rows.
        """
        return self._transcripts.remove(n, at)

    def transcripts(self) -> tuple[SessionInfo, ...]:
        """Return the listed sessions, in the order in which they ended."""
        return tuple(row.info for row in self._transcripts.rows())
