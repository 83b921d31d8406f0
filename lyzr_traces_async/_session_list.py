"""Which parts of the list of sessions to ask for next. Pure: no I/O, no clock.

The walk reads the list in the order in which the sessions ended. Sessions that end during the walk are appended to the
list, so they move no other session.

Only deletions can make the walk miss a session: they pull all later sessions forward, to smaller offsets. To notice
this, the walk asks for each part from the last session of the part before it. If the answer does not begin with a
session that the walk knows, sessions in front of it were deleted. The walk then steps back until it meets a session
that it knows, and reads on from there. It yields each session once, because it remembers their ids.

Two parts can't overlap if the earlier one is shorter than it should be, or if sessions are asked for one by one. A
deletion may stay unseen there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ._limits import Limits
from ._requests import SessionsRequest
from ._siblings import SessionsPage
from .errors import LyzrTracesError, PaginationError, ResponseTooLargeError
from .models import SessionInfo

__all__ = ["SessionWalk"]

# The service gives at most so many sessions in one answer.
_LARGEST: Final = 200
# If so many answers in a row bring no new session, the walk gives up.
_MAX_IDLE_ANSWERS: Final = 100


class SessionWalk:
    """The walk of the list of sessions. It yields every session that is in the list during the whole walk exactly once.

    Until the walk is :attr:`done`, make the :meth:`request` and give the answer to :meth:`feed`.

    :param agent_id: only the sessions of this agent, if given.
    :param since: only sessions that ended then or later, if given.
    :param until: only sessions that ended then or earlier, if given.
    :ivar done: whether the walk has reached the end.
    :ivar heavy_attempts: after how many attempts to give up a part that is too heavy, so that the walk can ask for
        smaller parts; ``None`` if there is no smaller limit.
    """

    def __init__(self, agent_id: str | None, since: datetime | None, until: datetime | None) -> None:
        self.done = False
        self.heavy_attempts: int | None = None
        self._filters = (agent_id, since, until)
        self._limits = Limits(_LARGEST)
        self._limit = _LARGEST
        self._seen: set[str] = set()
        self._covered = 0  # the offset to read on from
        self._overlaps = False  # whether the session in front of that offset should be a known one
        self._overlap = 0  # how many known sessions the next part must begin with: 0 or 1
        self._step = _LARGEST  # how far to step back after a deletion
        self._idle = 0

    def request(self) -> SessionsRequest:
        """Return the request to make next."""
        self._limit, _ = self._limits.at(self._covered, 0)
        self.heavy_attempts = self._limits.attempts(self._limit)
        # A part of one session has no room for a known one.
        self._overlap = int(self._overlaps and self._limit > 1)
        return SessionsRequest(*self._filters, self._covered - self._overlap, self._limit)

    def feed(self, answer: SessionsPage | LyzrTracesError) -> list[SessionInfo]:
        """Judge the answer to the request, and return its new sessions.

        :param answer: a part of the list, or the error that the request ended with.
        :raises LyzrTracesError: that error, if the walk can't ask for smaller parts instead.
        :raises PaginationError: if the walk makes no progress.
        """
        if isinstance(answer, LyzrTracesError):
            too_large = answer._too_heavy or isinstance(answer, ResponseTooLargeError)
            if not (too_large and self._limits.failed(self._limit, self._covered)):
                raise answer
            return []
        self._limits.worked(self._limit)
        new: list[SessionInfo] = []
        if self._overlap and not (answer.items and answer.items[0].session_id in self._seen):
            self._step_back()
        else:
            self._go_on(answer)
            for session in answer.items:
                if session.session_id not in self._seen:
                    self._seen.add(session.session_id)
                    new.append(session)
        self._idle = 0 if new else self._idle + 1
        if self._idle >= _MAX_IDLE_ANSWERS:
            raise PaginationError(
                f"{self._idle} answers in a row brought no new session: the list changes faster than it can be read. "
                "Try again later"
            )
        return new

    def _step_back(self) -> None:
        """Go back to look for a known session, twice as far each time."""
        self._covered = max(self._covered - self._step, 0)
        self._overlaps = self._covered > 0
        self._step *= 2

    def _go_on(self, answer: SessionsPage) -> None:
        """Move on to the part behind this answer, or end the walk if there is none."""
        self._step = _LARGEST
        following = answer.next_offset
        reached = answer.offset + len(answer.items)
        if following is None and self._covered < reached < answer.total:
            # The count says that there is more, and this answer brought something: do not believe the end yet.
            following = reached
        if following is None:
            self.done = True
            return
        if following <= answer.offset:
            raise PaginationError(
                f"the answer with the sessions from {answer.offset} on has the nextOffset {following}, "
                "which must be larger"
            )
        self._covered = following
        self._overlaps = len(answer.items) == following - answer.offset
