"""How many traces to ask for at once, where some pages are too heavy for the service. Pure.

A limit that failed is not asked for again in the page that it failed for, and where it fails again, only at distances
that double: a list that is heavy throughout is not probed at every page. But it is asked for again, one step at a
time: one bad minute, or one heavy trace, does not make all the rest of a list cost a hundred times the requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["HEAVY_ATTEMPTS", "Limits"]

# One time-out may be chance; one that repeats means that the page is too heavy.
HEAVY_ATTEMPTS: Final = 2


class Limits:
    """The limits to ask with, each of which divides the one above it: 100, 50, 25, 5, 1.

    :param limit: the caller's.
    """

    def __init__(self, limit: int) -> None:
        self._steps = list(_steps_from(limit))
        self._step = 0  # the smallest limit that worked where the last page was, as an index
        self._not_before: dict[int, int] = {}
        self._distance: dict[int, int] = {}

    def at(self, position: int, total: int) -> tuple[int, int | None]:
        """Return the limit to ask with, and the position up to which it holds, if there is one.

        It is one step above the limit that worked last where that may be tried again, and is of use.

        :param total: how long the list is.
        """
        limit = self._steps[self._step]
        if not self._step or 0 < total - position <= limit:
            return limit, None
        above = self._steps[self._step - 1]
        again_from = self._not_before[above]
        return (above, None) if position >= again_from else (limit, again_from)

    def attempts(self, limit: int) -> int | None:
        """Return after how many attempts a page that is too heavy is asked for in parts.

        One is enough for a limit larger than the one that worked last. ``None`` for the smallest, which has no parts.
        """
        if limit == 1:
            return None
        return 1 if limit > self._steps[self._step] else HEAVY_ATTEMPTS

    def worked(self, limit: int) -> None:
        """Take note that a page of this limit came."""
        self._step = self._steps.index(limit)
        self._distance.pop(limit, None)

    def failed(self, limit: int, position: int) -> bool:
        """Take note that a page of this limit is too heavy, and say whether there is a smaller one."""
        step = self._steps.index(limit) + 1
        if step == len(self._steps):
            return False
        self._step = step
        self._distance[limit] = distance = 2 * self._distance.get(limit, 0) or limit
        self._not_before[limit] = position + distance
        return True

    def cap(self, limit: int) -> None:
        """Take note that the server gives no more than this at once."""
        self._steps = list(_steps_from(limit))
        self._step = 0


def _steps_from(limit: int) -> Iterator[int]:
    yield limit
    while limit > 1:
        limit = max(divisor for divisor in range(1, limit) if limit % divisor == 0)
        yield limit
