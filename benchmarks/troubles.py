"""What a service may suffer from, and which requests meet it. Pure: the time is passed in."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import attrs


class Trouble(Protocol):
    """Why some requests time out.

    :ivar wait: after how many seconds they are told so.
    """

    wait: float

    def strikes(self, session: str, page: int, limit: int, now: float) -> bool:
        """Say whether a request times out. Each is asked about once, as it arrives."""


@attrs.define
class BrownOut:
    """For a while everything times out: from the middle of a session on, for each session on its own.

    :ivar after: how many requests for a session are answered before.
    :ivar seconds: how long it lasts.
    """

    wait: float
    after: int
    seconds: float
    _asked: Counter[str] = attrs.field(factory=Counter, init=False)
    _began: dict[str, float] = attrs.field(factory=dict, init=False)

    def strikes(self, session: str, page: int, limit: int, now: float) -> bool:  # noqa: ARG002 - it hits every page
        """Say whether a request times out."""
        self._asked[session] += 1
        return self._asked[session] > self.after and now - self._began.setdefault(session, now) < self.seconds


@attrs.define
class HeavyTrace:
    """One trace is so large that only small pages with it are assembled in time.

    :ivar row: its place in the list, from 0.
    :ivar fits: the largest limit that does.
    """

    wait: float
    row: int
    fits: int

    def strikes(self, session: str, page: int, limit: int, now: float) -> bool:  # noqa: ARG002 - everywhere and always
        """Say whether a request times out."""
        return limit > self.fits and (page - 1) * limit <= self.row < page * limit


KINDS: dict[str, type[BrownOut | HeavyTrace]] = {"brownout": BrownOut, "heavy": HeavyTrace}
