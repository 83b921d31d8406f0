"""Whether a pass over a list has met as many traces as the list has. Pure.

A position of the list holds a trace that was not met before, or nothing (a row that the service dropped), or a trace
that was met already. The last happens when the list grows, since an insertion pushes traces on. Where more traces come
again than the list has grown by at that time, its order is not stable, and for each of them another trace was missed.
"""

from __future__ import annotations

__all__ = ["Books"]


class Books:
    """The books of one pass.

    :param start: the position that the pass begins at.
    :ivar read_to: the position up to which each was read once.
    """

    def __init__(self, start: int) -> None:
        self.read_to = start
        self._start = start
        self._hidden = 0
        # In this window, and left over from those before it:
        self._repeats = self._repeats_left = 0
        self._growth = self._growth_left = 0
        self._growth_holds_to = self._page_size = 0
        # What became of them:
        self._explained = self._unexplained = 0

    def expected(self, begin: int) -> int:
        """Return how many traces of a page that begins there were met before, in a list that did not move."""
        return max(0, self.read_to - begin)

    def page(self, begin: int, end: int, *, new: int, repeats: int) -> None:
        """Enter a page.

        :param new: how many of its traces were not met before.
        :param repeats: how many more than expected were.
        """
        self._repeats += repeats
        self._hidden += max(0, end - max(begin, self.read_to) - new - repeats)
        self.read_to = max(self.read_to, end)
        self._page_size = end - begin

    def grown(self, by: int) -> None:
        """Enter that the list has grown."""
        self._growth += by

    def shrunk(self, by: int) -> None:
        """Enter that the list has shrunk."""
        self.read_to = max(0, self.read_to - by)

    def end_window(self) -> None:
        """Explain traces that came again by growth of the same time. Counts may tell of it one window late."""
        if self._growth:  # what a burst has pushed on comes again behind this window and the burst
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

        :param total: how long the list is.
        :param met: how many different traces were met, in all passes.
        """
        self.end_window()
        if not self._unexplained + self._repeats_left:
            return 0
        return max(0, total - self._start - self._hidden - met - self._explained)
