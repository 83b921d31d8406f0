"""The bookkeeping of one pass over a session's list: how many traces has the pass missed? Pure: no I/O, no clock.

Each offset that a pass reads holds one of three things:

- a trace that the walk had not met before,
- nothing, because the service dropped the row,
- a trace that the walk had met before: a *repeat*.

Repeats are normal while the list grows, because an insertion pushes traces back to offsets that are read later. So
each trace of growth explains one repeat that comes at about the same time. If there are more repeats than growth, the
order of the list is not stable: each unexplained repeat stands at an offset where another trace belongs, and that
trace may have been missed.
"""

from __future__ import annotations

__all__ = ["Books"]


class Books:
    """The bookkeeping of one pass.

    :param start: the offset at which the pass begins.
    :ivar read_to: every offset from the start up to this one has been read in this pass.
    """

    def __init__(self, start: int) -> None:
        self.read_to = start
        self._start = start
        self._hidden = 0  # offsets that held no trace
        # Repeats and growth of the current window, and those of earlier windows that are not matched yet:
        self._repeats = self._repeats_left = 0
        self._growth = self._growth_left = 0
        # Growth that is left explains repeats up to this offset:
        self._growth_holds_to = self._page_size = 0
        # Repeats that growth has explained, and repeats that no growth can explain any more:
        self._explained = self._unexplained = 0

    def expected(self, begin: int) -> int:
        """Return how many traces of a page would be known already if the list had not moved.

        :param begin: the offset of the page's first row.
        """
        return max(0, self.read_to - begin)

    def page(self, begin: int, end: int, *, new: int, repeats: int) -> None:
        """Enter a page that was accepted.

        :param begin: the offset of the page's first row.
        :param end: the offset behind the page's last row.
        :param new: how many of its traces had not been met before.
        :param repeats: how many of its traces had been met before, beyond those that :meth:`expected` returns.
        """
        self._repeats += repeats
        self._hidden += max(0, end - max(begin, self.read_to) - new - repeats)
        self.read_to = max(self.read_to, end)
        self._page_size = end - begin

    def grown(self, by: int) -> None:
        """Enter that the list has grown by so many traces."""
        self._growth += by

    def shrunk(self, by: int) -> None:
        """Enter that the list has shrunk by so many traces, so that what was read now stands further in front."""
        self.read_to = max(0, self.read_to - by)

    def end_window(self) -> None:
        """Match the repeats of a window with the growth of the list.

        The counts may show the growth one window later than the rows, so repeats wait one window for it. Growth that
        explains nothing yet is kept until the walk has read past all traces that it can have pushed back.
        """
        if self._growth:
            # The traces that the growth pushed back stand at most so many offsets behind this window.
            self._growth_holds_to = self.read_to + self._growth_left + self._growth + self._page_size
        late = min(self._repeats_left, self._growth)
        growth = self._growth_left + self._growth - late
        now = min(self._repeats, growth)
        self._explained += late + now
        self._unexplained += self._repeats_left - late
        self._repeats_left = self._repeats - now
        self._growth_left = growth - now if self.read_to <= self._growth_holds_to else 0
        self._repeats = self._growth = 0

    def missing(self, total: int, met: int) -> int:
        """Return how many traces were missed, at the end of the pass.

        The count of the list is compared only if there were repeats that no growth explains. Without them nothing can
        be missing, and a count that is too high means dropped rows.

        :param total: how many traces the list has.
        :param met: how many different traces were met, in all passes.
        """
        self.end_window()
        if not self._unexplained + self._repeats_left:
            return 0
        return max(0, total - self._start - self._hidden - met - self._explained)
