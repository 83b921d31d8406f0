"""Which parts of the list of sessions to ask for. Pure: no I/O, no clock.

The list is read with the session first that ended first, so that those that end meanwhile stand at its end. Each part
begins with the last session of the part before. Where it does not, sessions have been deleted in front of it, and the
others have moved up: the walk steps back until it meets a session that it has seen. (Behind a part that is shorter than
it should be, and where sessions are asked for one by one, there is no such session, and a deletion may stay unseen.)
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

# The most that the service gives at once.
_LARGEST: Final = 200
# So many answers in a row without a new session, and the walk is not getting anywhere.
_MAX_IDLE_ANSWERS: Final = 100


class SessionWalk:
    """The walk of the list of sessions: yields every one that exists throughout, exactly once.

    Ask for :meth:`request`, give the answer to :meth:`feed`, until it is :attr:`done`.

    :ivar done: whether the end has been reached.
    :ivar heavy_attempts: after how many attempts a part that is too heavy is asked for in smaller ones; ``None`` where
        it can't be.
    """

    def __init__(self, agent_id: str | None, since: datetime | None, until: datetime | None) -> None:
        self.done = False
        self.heavy_attempts: int | None = None
        self._filters = (agent_id, since, until)
        self._limits = Limits(_LARGEST)
        self._limit = _LARGEST
        self._seen: set[str] = set()
        self._covered = 0  # positions
        self._is_last_known = False  # whether the session at the last of them is one that was seen
        self._overlap = 0
        self._step = _LARGEST
        self._idle = 0

    def request(self) -> SessionsRequest:
        """Return what to ask for next."""
        self._limit, _ = self._limits.at(self._covered, 0)
        self.heavy_attempts = self._limits.attempts(self._limit)
        # Where sessions come one by one there is no room for one that is known.
        self._overlap = int(self._is_last_known and self._limit > 1)
        return SessionsRequest(*self._filters, self._covered - self._overlap, self._limit)

    def feed(self, answer: SessionsPage | LyzrTracesError) -> list[SessionInfo]:
        """Judge the answer and return the sessions that are new.

        :raises LyzrTracesError: of an answer that the walk can't go on without, and can't ask for in smaller parts.
        :raises PaginationError: if the walk is not getting anywhere.
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
                f"{self._idle} answers in a row brought no new session: the list keeps changing faster than it can be "
                "read. Try again later"
            )
        return new

    def _step_back(self) -> None:
        self._covered = max(self._covered - self._step, 0)
        self._is_last_known = self._covered > 0
        self._step *= 2

    def _go_on(self, answer: SessionsPage) -> None:
        self._step = _LARGEST
        following = answer.next_offset
        reached = answer.offset + len(answer.items)
        if following is None and self._covered < reached < answer.total:
            following = reached  # the count says that there is more, and something came: the end is not believed yet
        if following is None:
            self.done = True
            return
        if following <= answer.offset:
            raise PaginationError(f"the answer from {answer.offset} on names {following} as the place to go on from")
        self._covered = following
        self._is_last_known = len(answer.items) == following - answer.offset
