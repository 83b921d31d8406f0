"""The troubles of a service: which requests time out. Pure: the time is passed in."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import attrs


class Trouble(Protocol):
    """A reason why some requests time out.

    :ivar wait: the seconds after which the server answers such a request.
    """

    wait: float

    def strikes(self, session: str, page: int, limit: int, now: float) -> bool:
        """Say whether a request times out. This is called once for each request, when it arrives."""


@attrs.define
class BrownOut:
    """All requests time out for some seconds. This begins in the middle of each session.

    :ivar after: the number of requests of a session that are answered before.
    :ivar seconds: how long the requests of a session time out, from the first that does.
    """

    wait: float
    after: int
    seconds: float
    _asked: Counter[str] = attrs.field(factory=Counter, init=False)
    _began: dict[str, float] = attrs.field(factory=dict, init=False)

    def strikes(self, session: str, page: int, limit: int, now: float) -> bool:  # noqa: ARG002 - all pages time out
        """Say whether a request times out."""
        self._asked[session] += 1
        return self._asked[session] > self.after and now - self._began.setdefault(session, now) < self.seconds


@attrs.define
class HeavyTrace:
    """One trace is so large that only small pages with it are assembled in time.

    :ivar row: the trace's offset in the list, from 0.
    :ivar fits: the largest limit with which a page with the trace does not time out.
    """

    wait: float
    row: int
    fits: int

    def strikes(self, session: str, page: int, limit: int, now: float) -> bool:  # noqa: ARG002 - in all sessions, at all times
        """Say whether a request times out."""
        return limit > self.fits and (page - 1) * limit <= self.row < page * limit


KINDS: dict[str, type[BrownOut | HeavyTrace]] = {"brownout": BrownOut, "heavy": HeavyTrace}
