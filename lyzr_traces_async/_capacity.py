"""How many requests at once the service bears, as its refusals show. Pure: no I/O, no clock.

A refusal means fewer at once, not only later. The requests that were in flight when the first of them was refused
are one burst, and one piece of news: those of them that are served in spite of it show how many are not too many. Where
it is a quota that was used up, and no lack of room, half of them is enough.

After enough requests that were served with all slots taken there is one slot more. If that one is refused, it is taken
back, and tried again after twice as many.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Capacity"]

# So many requests are served, with all slots taken, before there is another slot.
FIRST_DISTANCE: Final = 8
LONGEST_DISTANCE: Final = 1024


class Capacity:
    """How many requests may be in flight.

    :param most: never more than these.
    :ivar limit: how many, for now.
    :ivar in_vain: how many bursts of refusals there were since anything got through that was sent after the one before.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = most
        self.in_vain = 0
        self._burst = -math.inf  # when the last burst was noticed: what was sent until then belongs to it
        self._served = 0  # since that, or since the last slot was added
        self._distance = FIRST_DISTANCE
        self._on_trial = False  # whether the last slot that was added may prove to be too many

    def refused(self, sent: float, now: float, *, by_quota: bool) -> None:
        """Take note of a 429.

        :param sent: when the request was sent.
        :param by_quota: whether the answer says that the quota is used up.
        """
        if sent <= self._burst:
            return
        self.in_vain += 1
        if self._on_trial:
            self.limit -= 1
        else:
            self.limit = -(-self.limit // 2) if by_quota else 1
        if not by_quota:
            self._distance = min(2 * self._distance, LONGEST_DISTANCE)
        self._burst, self._served, self._on_trial = now, 0, False

    def served(self, sent: float, in_flight: int) -> None:
        """Take note of any other answer.

        :param in_flight: how many were in flight until now, this one included.
        """
        if sent <= self._burst:
            self._served += 1
            self.limit = min(self._most, max(self.limit, self._served))
            return
        self.in_vain = 0
        if in_flight < self.limit:
            return
        self._served += 1
        if self._on_trial and self._served >= FIRST_DISTANCE:
            self._distance, self._on_trial = FIRST_DISTANCE, False
        if self._served >= self._distance and self.limit < self._most:
            self.limit += 1
            self._served, self._on_trial = 0, True
