"""Estimate how long the quota makes a job take. Pure."""

from __future__ import annotations

import math

from .. import QuotaState

__all__ = ["seconds_left"]


def seconds_left(requests_to_go: int, quota: QuotaState | None) -> float | None:
    """Return the seconds until the quota allows the last of ``requests_to_go`` requests.

    Requests that the current window still allows do not wait. The others wait for the next window, and then for one
    whole window after another. The result is infinity if a float can't hold it. It is ``None`` if the quota, or a
    number of it that is needed, is not known.
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
    # If the last window is over, no window is open: the next one begins with the first request and has its full length.
    next_begins = quota.window_seconds if quota.remaining and not quota.resets_in else quota.resets_in
    windows_before_the_last = (beyond - 1) // quota.requests
    try:
        return next_begins + windows_before_the_last * quota.window_seconds
    except OverflowError:  # an integer that is too large for a float
        return math.inf
