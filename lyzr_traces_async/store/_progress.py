"""The progress of a sync. Pure."""

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
    """The progress of a sync: the counts of the sessions and traces that are in the file by now."""

    done: int = 0
    """How many of the due sessions were asked for, including those that failed or are missing."""
    failed: int = 0
    """How many of them could not be read."""
    missing: int = 0
    """How many of them the service does not know, or does not know yet (404)."""
    due: int = 0
    """How many sessions are due. The number does not change during a sync."""
    given: int = 0
    """How many different sessions were given. Those that are not due are final, or were given up as missing."""
    traces: int = 0
    """How many traces this sync has written."""
    seconds_left: float | None = None
    """How long the remaining sessions take because of the quota, in seconds.

    0 if no session remains, ``None`` if the quota, its size or its window is not known.
    """
    errors: tuple[LyzrTracesError, ...] = attrs.field(default=(), repr=counted)
    """The errors of the sessions that failed since the previous progress. Each error has a ``session_id``."""

    def _after(self, outcomes: Collection[Outcome], requests: int, quota: QuotaState | None) -> SyncProgress:
        """Return the progress after ``outcomes`` were written, with ``requests`` made since the start of the sync."""
        states = Counter(outcome.state for outcome in outcomes)
        done = self.done + len(outcomes)
        return attrs.evolve(
            self,
            done=done,
            failed=self.failed + states["failed"],
            missing=self.missing + states["missing"],
            traces=self.traces + sum(len(outcome.traces) for outcome in outcomes),
            # The estimate assumes that the remaining sessions need as many requests each as those so far.
            seconds_left=seconds_left(math.ceil(requests / done * (self.due - done)), quota),
            errors=tuple(outcome.error for outcome in outcomes if outcome.error and outcome.state == "failed"),
        )
