"""How many requests the service can bear at once, as its refusals (429) show. Pure: no I/O, no clock.

After a refusal the client must not only wait, it must also send fewer requests at once. The requests in flight at the
first refusal form one *burst*. The limit is lowered once for a burst, however many of its requests are refused: to half
if the answer says that the quota is used up, else to 1. The requests of the burst that are served all the same show how
many at once are not too many, so the limit goes up to their number.

Later the limit grows again. After a certain number of requests that were served while all slots were taken (the
*distance*), one slot is added on trial. If the next burst comes while the slot is on trial, only this slot is taken
back. Each burst doubles the distance, unless the quota was the reason. A slot that passes its trial resets it.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Capacity"]

# How many requests are served with all slots taken before a slot is added: at first, and at most.
FIRST_DISTANCE: Final = 8
LONGEST_DISTANCE: Final = 1024


class Capacity:
    """The limit on requests in flight.

    :param most: the highest limit.
    :ivar limit: how many requests may be in flight now.
    :ivar in_vain: how many bursts in a row were refused; 0 again when a request that was sent after a burst is served.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = most
        self.in_vain = 0
        self._burst = -math.inf  # when the last burst was noticed; requests sent before belong to it
        self._served = 0  # requests served since then, or since the last slot was added
        self._distance = FIRST_DISTANCE
        self._on_trial = False  # whether the last slot that was added may still prove to be too many

    def refused(self, sent: float, now: float, *, by_quota: bool) -> None:
        """Take note of a 429.

        :param sent: when the request was sent.
        :param now: the time, on the same clock.
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
        """Take note of an answer other than a 429.

        :param sent: when the request was sent.
        :param in_flight: how many requests were in flight until now, including this one.
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
