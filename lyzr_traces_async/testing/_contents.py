"""What the server has to show, as its users change it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from ..models import Observation, SessionInfo, Trace
from ._store import Store
from ._transcripts import CHAT_BYTES, Transcripts


class Contents:
    """Sessions with their traces and what is inside those, and transcripts. May be changed from any thread."""

    def __init__(self) -> None:
        self._store = Store()
        self._transcripts = Transcripts()

    def add_session(
        self, session_id: str | UUID, traces: int | Iterable[Trace] = 0, *, observations: bool = False
    ) -> tuple[Trace, ...]:
        """Make a session known. Until then, the answer to its id is 404. From then on, it is among the transcripts.

        :param session_id: the session's id. It is compared letter by letter, as the service does.
        :param traces: the session's traces, newest first, to be served exactly as given, with the fields in their
            ``extra`` beside the known ones or, where the names are the same, in place of them; or how many to make
            up. Made-up traces are the same every time.
        :param observations: make up what was observed within each trace, as many observations as it says it has, the
            same ones every time. Without that, a trace that is asked for on its own has none.
        :return: the traces, newest first.
        :raises InvalidArgumentError: if the id is no UUID or is known already, a number is negative, or a trace
            cannot be sent.
        """
        added = self._store.add_session(session_id, traces, observed=observations)
        self._transcripts.assume(str(session_id), added)
        return added

    def add_traces(
        self, session_id: str | UUID, traces: int | Iterable[Trace] = 1, *, at: int = 0, observations: bool = False
    ) -> tuple[Trace, ...]:
        """Let traces arrive.

        :param traces: as in `add_session`. The timestamps of made-up ones fit the place.
        :param at: how many rows are to stay before them; 0 for the newest place.
        :param observations: as in `add_session`.
        :return: the new traces, newest first.
        :raises InvalidArgumentError: if the session is unknown, or ``at`` lies beyond the end of its list.
        """
        return self._store.add(session_id, traces, at, observed=observations)

    def remove_traces(self, session_id: str | UUID, n: int = 1, *, at: int = 0) -> tuple[Trace, ...]:
        """Delete ``n`` traces, from row ``at`` on.

        :return: the deleted traces.
        :raises InvalidArgumentError: if the session is unknown, or has no such rows.
        """
        return self._store.remove(session_id, n, at)

    def hide_traces(self, session_id: str | UUID, n: int, *, at: int = 0) -> tuple[Trace, ...]:
        """Drop ``n`` rows, from row ``at`` on, from the pages they are on, though they still count.

        The service does that to rows that its store returns without an id. It makes pages short, or empty.

        :return: the traces that are hidden now.
        :raises InvalidArgumentError: if the session is unknown, or has no such rows.
        """
        return self._store.hide(session_id, n, at)

    def traces(self, session_id: str | UUID) -> tuple[Trace, ...]:
        """The session's traces as they are now, newest first, without hidden ones.

        :raises InvalidArgumentError: if the session is unknown.
        """
        return self._store.traces(session_id)

    def set_observations(self, session_id: str | UUID, trace_id: str, observations: Iterable[Observation]) -> None:
        """Say what was observed within a trace.

        :param observations: to be served exactly as given, with the fields in their ``extra`` beside the known ones
            or, where the names are the same, in place of them.
        :raises InvalidArgumentError: if there is no such session or trace, or an observation cannot be sent.

        Example::

            newest, *_ = server.add_session(session_id, traces=3)
            began = datetime(2026, 3, 25, 18, 19, tzinfo=UTC)
            server.set_observations(session_id, newest.trace_id, [Observation("1", "SPAN", began)])
        """
        self._store.set_observations(session_id, trace_id, observations)

    def add_transcripts(
        self, transcripts: int | Iterable[SessionInfo], *, agent_id: str | None = None, chat_bytes: int = CHAT_BYTES
    ) -> tuple[SessionInfo, ...]:
        """Let sessions end: they are listed, though this server need not know their traces.

        :param transcripts: the sessions, to be listed as given, with the fields in their ``extra`` beside the known
            ones or, where the names are the same, in place of them; or how many to make up. Made-up ones are the same
            every time, end some minutes after each other, and after those made up before.
        :param agent_id: the agent of the made-up ones. Without it, they have several.
        :param chat_bytes: how large to make the chat of each, in bytes. A hundred times 200,000 make a page of more
            than 16 MiB.
        :return: the sessions as they are listed, with the small fields that the service has beside the known ones.
        :raises InvalidArgumentError: if a number is negative, a session cannot be sent, or ``agent_id`` is there for
            given ones.
        """
        return self._transcripts.add(transcripts, agent_id, chat_bytes)

    def remove_transcripts(self, n: int = 1, *, at: int = 0) -> tuple[SessionInfo, ...]:
        """Take ``n`` transcripts off the list, from row ``at`` on, in the order in which the sessions ended.

        :return: those that are gone.
        :raises InvalidArgumentError: if there are no such rows.
        """
        return self._transcripts.remove(n, at)

    def transcripts(self) -> tuple[SessionInfo, ...]:
        """The sessions that are listed now, in the order in which they ended."""
        return tuple(row.info for row in self._transcripts.rows())
