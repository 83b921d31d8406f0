"""How long a job takes that nothing but the quota holds up. Pure."""

from __future__ import annotations

import math

from .. import QuotaState

__all__ = ["seconds_left"]


def seconds_left(requests_to_go: int, quota: QuotaState | None) -> float | None:
    """Return how many seconds the quota keeps the last of so many requests waiting.

    What is left in the running window takes no time. The rest waits for the next window, and for whole windows from
    there on. It is infinity where a float can't hold it, and ``None`` where no quota is known, or too little of it.
    """
    if requests_to_go <= 0:
        return 0.0
    if quota is None:
        return None
    beyond = requests_to_go - quota.remaining
    if beyond <= 0:
        return 0.0
    if not quota.requests or quota.window_seconds is None:
        return None
    # A window that is over does not run: the next one begins with the first request, and lasts for all of its length.
    next_begins = quota.window_seconds if quota.remaining and not quota.resets_in else quota.resets_in
    windows_before_the_last = (beyond - 1) // quota.requests
    try:
        return next_begins + windows_before_the_last * quota.window_seconds
    except OverflowError:  # an integer that is too large for a float
        return math.inf
