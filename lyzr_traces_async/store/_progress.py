"""How far a sync has come. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection

import attrs

from .._wire import counted, frozen
from ..errors import LyzrTracesError
from ..models import QuotaState
from ._estimate import seconds_left
from ._rows import Outcome

__all__ = ["SyncProgress"]


@frozen
class SyncProgress:
    """How far a sync has come: what is written in the file by now.

    :ivar done: how many of the sessions that are due were asked for; those that failed or are missing are among them.
    :ivar failed: how many of them could not be read.
    :ivar missing: how many of them the service does not know, or not yet (404).
    :ivar due: how many sessions are due; it does not change during a sync.
    :ivar given: how many sessions were given, each counted once. Those that are not due are final, or were given up.
    :ivar traces: how many traces this sync has written.
    :ivar seconds_left: how long the quota makes the rest take, in seconds, or ``None`` where no quota is known.
    :ivar errors: why the sessions that failed since the progress before did so; each error has a ``session_id``.
    """

    done: int = 0
    failed: int = 0
    missing: int = 0
    due: int = 0
    given: int = 0
    traces: int = 0
    seconds_left: float | None = None
    errors: tuple[LyzrTracesError, ...] = attrs.field(default=(), repr=counted)

    def after(self, outcomes: Collection[Outcome], requests: int, quota: QuotaState | None) -> SyncProgress:
        """Return how far it has come with ``outcomes`` written too, and ``requests`` made for all by now."""
        states = Counter(outcome.state for outcome in outcomes)
        done = self.done + len(outcomes)
        return attrs.evolve(
            self,
            done=done,
            failed=self.failed + states["failed"],
            missing=self.missing + states["missing"],
            traces=self.traces + sum(len(outcome.traces) for outcome in outcomes),
            # The rest is taken to need as many requests a session as those before.
            seconds_left=seconds_left(math.ceil(requests / done * (self.due - done)), quota),
            errors=tuple(outcome.error for outcome in outcomes if outcome.error and outcome.state == "failed"),
        )
