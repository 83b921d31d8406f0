"""How many traces to ask for in one request if some pages are too heavy for the service. Pure: no I/O, no clock.

If a page fails because it is too heavy, the walk asks for it in smaller pages. Behind that page the walk tries larger
limits again, one step at a time: one bad minute of the service, or one heavy trace, must not make the rest of the list
cost a hundred times the requests. Each time that a limit fails again, the distance to the next try doubles, so that a
list that is heavy throughout is not probed at every page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["HEAVY_ATTEMPTS", "Limits"]

# The first time-out may be chance. A second one means that the page is too heavy.
HEAVY_ATTEMPTS: Final = 2


class Limits:
    """The limits of one walk. Each one divides the next larger one: 100, 50, 25, 5, 1.

    :param limit: the largest one, as the caller has chosen it.
    """

    def __init__(self, limit: int) -> None:
        self._steps = list(_steps_from(limit))
        self._step = 0  # the index of the limit that worked last, or that comes next after one that failed
        self._not_before: dict[int, int] = {}  # for each limit that failed: the offset from which to try it again
        self._distance: dict[int, int] = {}  # for each limit that failed: how far behind the failure that offset is

    def at(self, offset: int, total: int) -> tuple[int, int | None]:
        """Return the limit to ask with at an offset, and the offset up to which to keep it, or ``None`` for no end.

        This is the limit that worked last, or the next larger one if it may be tried again here. The larger one is not
        tried if the rest of the list fits into one page anyway.

        :param total: how many traces the list has; 0 if not known.
        """
        limit = self._steps[self._step]
        if not self._step or 0 < total - offset <= limit:
            return limit, None
        larger = self._steps[self._step - 1]
        again_from = self._not_before[larger]
        return (larger, None) if offset >= again_from else (limit, again_from)

    def attempts(self, limit: int) -> int | None:
        """Return after how many attempts to give up a page that is too heavy, and to ask for smaller pages.

        One attempt is enough for a limit larger than the one that worked last. ``None`` for a limit of 1, as there is
        no smaller one.
        """
        if limit == 1:
            return None
        return 1 if limit > self._steps[self._step] else HEAVY_ATTEMPTS

    def worked(self, limit: int) -> None:
        """Take note that a page with this limit has come."""
        self._step = self._steps.index(limit)
        self._distance.pop(limit, None)

    def failed(self, limit: int, offset: int) -> bool:
        """Take note that a page with this limit is too heavy, and return whether there is a smaller limit.

        :param offset: the offset of the page's first row.
        """
        step = self._steps.index(limit) + 1
        if step == len(self._steps):
            return False
        self._step = step
        self._distance[limit] = distance = 2 * self._distance.get(limit, 0) or limit
        self._not_before[limit] = offset + distance
        return True

    def cap(self, limit: int) -> None:
        """Take note that the server gives no more traces than this in one answer."""
        self._steps = list(_steps_from(limit))
        self._step = 0


def _steps_from(limit: int) -> Iterator[int]:
    """Yield a limit, its largest divisor, the largest divisor of that one, and so on down to 1."""
    yield limit
    while limit > 1:
        limit = max(divisor for divisor in range(1, limit) if limit % divisor == 0)
        yield limit
