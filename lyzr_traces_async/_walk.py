"""Which pages to ask for, and which traces of the answers are new. Pure: no I/O, no clock.

A list read page by page moves while it is read. Its order does not change (newest first), so what is known of it can
be kept in two numbers: ``covered``, a position that every trace not yet yielded stands at or behind, and ``total``,
the list's ``totalItems`` at the moment for which that was true.

- An insertion pushes traces back, never forward: ``covered`` stays true. What comes a second time is known by its id.
- A deletion moves traces forward: of an answer with ``d`` items fewer, ``covered`` is true again when ``d`` is taken
  off it. If the answer then begins behind ``covered`` it leaves a gap, and the walk goes back to the page before.
- Answers of one window have no order among themselves. One with fewer items than the page before it, but not fewer
  than when the window was asked for, may be the older of the two: it is asked for again, alone.

An answer that was refused for a gap, or that stands behind one, is kept: as long as the list has moved one way only
since it was read, it fits as soon as it has at least ``total`` items and begins at ``covered`` or before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from .errors import LyzrTracesError, PaginationError
from .models import TracePage

__all__ = ["PageWalk"]

# So many answers in a row without a new trace, and the walk is not getting anywhere.
MAX_IDLE_ANSWERS: Final = 100


class PageWalk:
    """The walk of one session's list: yields every trace that exists throughout, exactly once.

    Ask for the pages of :meth:`window`, give the answers to :meth:`feed`, until it is :attr:`done`.

    :param session_id: named in errors.
    :param tally: where ``duplicates_dropped`` and ``pages_reread`` are counted.
    :param limit: how many traces to ask for in one request.
    :param start_page: the page to begin with.
    :param prefetch: how many pages to ask for at once, at most.
    :ivar done: whether the end has been reached.
    :ivar limit: how many traces to ask for in one request, for now.
    """

    def __init__(self, session_id: str, tally: Counter[str], *, limit: int, start_page: int, prefetch: int) -> None:
        self.session_id = session_id
        self.limit = limit
        self._tally = tally
        self._prefetch = prefetch
        self._size = 1
        self._window = range(start_page, start_page)
        self._start_page = start_page
        self._next = start_page
        self._last_asked = start_page - 1
        self.done = False
        self._seen: set[str] = set()
        self._idle = 0
        self._unit = 0  # the answers' `limit`, that pages are counted in; 0 until there is one
        self._total_pages = 0
        self._total = 0
        self._covered = 0
        self._counted_in = limit  # what `start_page` counts in: the caller's limit, or a server's own
        self._begun = False
        self._kept: dict[int, TracePage] = {}
        self._trend = 0  # which way the list has moved since the kept answers were read: 1 it grew, -1 it shrank

    def window(self) -> range:
        """Return the pages to ask for next, all at once: 1, 2, 4 ... up to ``prefetch``."""
        size = 1 if self._kept else self._size
        stop = max(self._next + 1, min(self._next + size, self._total_pages + 1))
        self._tally["pages_reread"] += max(0, min(stop, self._last_asked + 1) - self._next)
        self._last_asked = max(self._last_asked, stop - 1)
        self._window = range(self._next, stop)
        return self._window

    def feed(self, answers: Sequence[TracePage], failure: LyzrTracesError | None = None) -> Iterator[TracePage]:
        """Judge the answers to the window's pages and yield those accepted, with only the traces that are new.

        :param answers: one for each page of the window, in order; fewer where a page could not be had.
        :param failure: why the page after them could not be had.
        :raises LyzrTracesError: ``failure``, if the walk can't go on without that page and can't ask for less.
        :raises PaginationError: if an answer does not belong to the list that is being read, or the walk is not
            getting anywhere. The pages before have been yielded by then.
        """
        if answers:
            yield from self._judge(answers)
        if failure is None or self.done or self._next != self._window.start + len(answers):
            return
        if not (failure._too_heavy and self._ask_for_less()):
            failure.page = self._resume_page()
            raise failure

    def _judge(self, answers: Sequence[TracePage]) -> Iterator[TracePage]:
        if not self._unit:
            self._begin(answers[0])
        totals = [answer.pagination.total_items for answer in answers]
        if self._kept and (totals[0] - self._total) * self._trend < 0:
            self._kept.clear()
        asked_at = self._total
        fresh = dict(zip(self._window, answers, strict=False))
        self._kept |= fresh
        drifted = False
        while not self.done and (answer := self._kept.pop(self._next, None)) is not None:
            self._check_limit(answer)
            total = answer.pagination.total_items
            drifted |= total != self._total
            if total < self._total and (total >= asked_at or self._next not in fresh):
                self._trend = 1  # perhaps it was read before the page that precedes it; only asking again can tell
                self._count_idle()
                break
            end = self._next * self._unit
            if self._next in fresh:
                self._covered = max(0, self._covered - max(0, self._total - total))
                self._total = total
            else:
                end -= total - self._total  # it was read before that many were deleted
            if (self._next - 1) * self._unit > self._covered:
                self._trend = -1
                self._kept[self._next] = answer
                self._next = self._covered // self._unit + 1
                self._count_idle()
                break
            self._covered = max(self._covered, end)
            new = self._accept(answer)
            yield new
            if new or self.done:
                self._idle = 0
            else:
                self._count_idle()
        self._catch_up(min(totals) if min(totals) < asked_at else max(totals))
        self._size = 1 if drifted else min(self._size * 2, self._prefetch)

    def _catch_up(self, newest: int) -> None:
        """Go by a window's newest answer, which need not be its last: later growth must not hide its deletions."""
        self._covered = max(0, self._covered - max(0, self._total - newest))
        self._total = newest
        self._next = self._covered // self._unit + 1

    def _begin(self, first: TracePage) -> None:
        self._unit = first.pagination.limit
        if not self._begun:
            self._begun = True
            if self._unit != self.limit:
                self._counted_in = self._unit
            self._covered = (self._start_page - 1) * self._counted_in
            self._total = first.pagination.total_items

    def _ask_for_less(self) -> bool:
        """Go on from the same position with a limit that divides the one so far: 100, 50, 25, 5, 1."""
        before = min(self._unit or self.limit, self.limit)
        if before == 1:
            return False
        self.limit = max(divisor for divisor in range(1, before) if before % divisor == 0)
        position = self._covered if self._begun else (self._next - 1) * before
        self._next = position // self.limit + 1
        self._last_asked = self._next - 1
        self._size = 1
        self._unit = 0
        self._kept.clear()
        return True

    def _resume_page(self) -> int:
        """Return the page to resume from, as the caller counts pages."""
        return (self._next - 1) * (self._unit or self.limit) // self._counted_in + 1

    def _check_limit(self, answer: TracePage) -> None:
        limit = answer.pagination.limit
        if limit != self._unit:
            raise PaginationError(
                f"the limit changed in the middle of the walk, from {self._unit} to {limit}: the pages do not make up "
                "one list",
                session_id=self.session_id,
                page=self._resume_page(),
            )

    def _accept(self, answer: TracePage) -> TracePage:
        said = answer.pagination
        self._total_pages = said.total_pages
        self.done = said.page >= said.total_pages
        self._next = self._covered // self._unit + 1
        ids = {trace.trace_id for trace in answer.traces}
        if len(ids) == len(answer.traces) and self._seen.isdisjoint(ids):
            self._seen |= ids  # as on nearly every page
            return answer
        traces = {trace.trace_id: trace for trace in answer.traces if trace.trace_id not in self._seen}
        self._seen.update(traces)
        self._tally["duplicates_dropped"] += len(answer.traces) - len(traces)
        return TracePage(tuple(traces.values()), said)

    def _count_idle(self) -> None:
        self._idle += 1
        if self._idle >= MAX_IDLE_ANSWERS:
            raise PaginationError(
                f"{self._idle} answers in a row brought no new trace: the list keeps changing faster than it can be "
                "read, or its totalPages makes no sense. Try again later, or with a larger limit",
                session_id=self.session_id,
                page=self._resume_page(),
            )
