"""How far a walk has read a session's list, judged from answers that may contradict each other. Pure: no I/O, no clock.

The list moves while the walk reads it: traces arrive and traces are deleted. And the service makes the rows and the
count (``totalItems``) of one answer with two queries, so each may be a little older or newer than the other. The walk
therefore keeps only two numbers:

    ``covered``: an offset. Every trace that the walk still owes stands at this offset or behind it.
    ``total``: the newest count of the list.

A trace is owed if it exists during the whole walk and has not been yielded yet. "Behind" means towards the end of the
list, at a larger offset. The walk always reads on from ``covered``, so it loses no trace as long as the sentence about
``covered`` is true. Three kinds of change could make that sentence false:

- **Insertions** push traces back, to larger offsets, and never to the front. If the pages are read one after the
  other, a trace that leaves a page before it is read stands on a later page, so ``covered`` stays true. But the pages
  of a window are read at the same time. The service may read page 5 before an insertion and page 4 after it: the trace
  that the insertion has pushed from page 4 to page 5 is then in neither answer. There are two signs of this:

  - Page 5 has a lower count than page 4, so it is the older answer. The walk asks for page 5 again.
  - If the counts do not show it, a later page holds traces that the walk knows already. This happens at the latest on
    the first page of the next window. The walk goes back to the end of the first page of the window in question, and
    reads on from there one page at a time.

- **Deletions** pull traces forward, to smaller offsets, and the count falls. If ``d`` traces are deleted after the last
  window was read, ``covered - d`` is the new ``covered``. But the answers of the last window may have rows from after
  the deletions and a count from before them. Then the traces in question stand in front of the *beginning* of that
  window. The walk finds out by reading the ``d`` offsets in front of ``covered`` again. If they hold ``d`` new traces,
  all deletions came after the window. Otherwise the walk goes back to ``d`` offsets in front of the beginning of that
  window. If there is no new trace there either, no deletion was in front, so nothing has moved across the window, and
  the walk goes on behind it. (A window of several pages is read again as a whole: a deletion may have come between any
  two of its pages.)

- **An order that is not stable**: traces with the same timestamp may change places between two answers. Then some
  traces come twice although the list did not grow, and as many others are missing. The offsets can't show this:
  :mod:`._books` compares the numbers at the end of a pass.

Two cases stay invisible, and a trace may be missed:

- An insertion *and* a deletion fall between the same two answers, so that the count does not change. The answers of one
  window count as one answer here.
- While the last window is read, traces are inserted in the middle of the list, or more than a page of them at once. No
  page comes behind this window that would show what has moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import attrs

from ._books import Books
from .models import TracePage

__all__ = ["Coverage", "Read"]


@attrs.frozen
class Read:
    """An answer with its place in the list.

    :ivar begin: the offset of its first row.
    :ivar end: the offset behind its last row, if the page is full.
    """

    begin: int
    end: int
    answer: TracePage

    @property
    def is_last(self) -> bool:
        """Whether this is the last page, by the answer's own count."""
        return self.answer.pagination.page >= self.answer.pagination.total_pages

    @property
    def is_full(self) -> bool:
        """Whether the page is full, or would be full if the service had dropped no rows."""
        return max(self.begin + len(self.answer.traces), self.answer.pagination.total_items) >= self.end


@attrs.define
class _Search:
    """The search for traces that deletions have pulled forward.

    First the walk reads the offsets in front of the end of the last window again. If they hold as many new traces as
    were deleted, the search is over. Otherwise the walk searches in front of the beginning of that window.

    :ivar window_begin: the offset at which the last window began, before the deletions.
    :ivar window_end: the offset at which it ended.
    :ivar pages: how many pages the window had; 0 if its own answers show that they do not fit together.
    :ivar fewer: how many traces were deleted.
    :ivar begin: the first offset to search.
    :ivar end: the offset behind the last one to search.
    :ivar total: the newest count when the search of this range began.
    :ivar found: how many new traces this range has held so far.
    :ivar is_over: whether the search has ended. If the next window shows further deletions, they reopen it.
    :ivar steps: the count before and after each fall. A replica that lags behind may show the same fall repeatedly, and
        it must count only once.
    """

    window_begin: int
    window_end: int
    pages: int
    fewer: int = 0
    begin: int = 0
    end: int = 0
    total: int = 0
    found: int = 0
    is_over: bool = False
    steps: set[tuple[int, int]] = attrs.field(factory=set)


class Coverage:
    """One pass over a list.

    :param start: the offset to begin at.
    :param seen: the ids of all traces that were yielded, in this pass or an earlier one.
    :param met: the ids of all traces that were met in this pass; in the first pass this is the same set as ``seen``.
    :param tally: the counter of ``duplicates_dropped``.
    :ivar covered: every trace that the walk still owes stands at this offset or behind it.
    :ivar total: the newest count of the list.
    :ivar drifted: whether the last window has shown that the list moves.
    :ivar agrees: whether the last accepted page has as many rows as its own count leaves for it.
    """

    def __init__(self, start: int, seen: set[str], met: set[str], tally: Counter[str]) -> None:
        self.covered = start
        self.total = 0
        self.drifted = False
        self.agrees = True
        self._begun = False
        self._seen = seen
        self._met = met
        self._tally = tally
        self._books = Books(start)
        self._search: _Search | None = None
        # About the window of the last accepted page: the offset at which it began, the offset at which its first page
        # ended, and how many pages it had (0 if its own answers show that they do not fit together).
        self._window_begin = self._first_end = start
        self._window_pages = 1

    @property
    def safe(self) -> int:
        """The offset from which another walk, which knows nothing of this one, can resume without losing a trace."""
        if self._search and not self._search.is_over:
            return max(0, self._search.window_begin - self._search.fewer)
        return min(self._first_end, self.covered) if self.drifted else self.covered

    def missing(self) -> int:
        """Return how many traces the pass has missed. Call this at the end of the pass."""
        return self._books.missing(self.total, len(self._seen))

    def judge(self, reads: Sequence[Read], behind: Sequence[Read] = ()) -> Iterator[tuple[Read, TracePage]]:
        """Yield the answers of a window that can be trusted, each with a page of those of its traces that are new.

        :param reads: the window's answers in order, up to the first page that failed.
        :param behind: the answers behind the failed page. Only their counts are used.
        """
        counts = [count for read in (*reads, *behind) if (count := self._count(read)) is not None]
        if not self._begun:
            self._begun = True
            self.total = counts[0] if counts else 0
        asked_at = self.total
        was_over = self._search is not None and self._search.is_over
        self._books.end_window()
        yield from self._accepted(reads)
        self.drifted |= any(count != asked_at for count in counts)
        if min(counts, default=asked_at) < asked_at:
            self._shrink_to(min(counts))
            return
        if counts:
            self._grow_to(max(counts))
        if was_over:
            self._search = None

    def _accepted(self, reads: Sequence[Read]) -> Iterator[tuple[Read, TracePage]]:
        """Yield the answers up to the first one that must be asked for again, and set ``covered`` accordingly."""
        at_least = self.total  # an answer with a lower count is older than the page before it
        was_drifting, self.drifted = self.drifted, False
        for number, read in enumerate(reads):
            ids = {trace.trace_id for trace in read.answer.traces}
            known = 0 if self._met.isdisjoint(ids) else len(self._met & ids)
            moved = max(0, known - self._books.expected(read.begin))
            count = self._count(read)
            if count is None:
                count = at_least
            self.drifted |= moved > 0 or count != self.total
            # This answer is older than the page before it. Or it may be older, and as the last page it has no page
            # behind it that would show this.
            if count < at_least or (self.drifted and number and read.is_last):
                return
            lacking = len(read.answer.traces) < min(read.end, count) - read.begin
            # If the service has dropped rows, those may be traces that were known already.
            may_have_moved = moved or (lacking and not number and (was_drifting or self.drifted))
            if may_have_moved and self._first_end < self.covered:
                self.drifted = True  # the walk then reads on one page at a time
                self.covered = self._first_end
                return
            at_least = max(count, self.total + moved)
            if not number:
                self._window_begin, self._first_end, self._window_pages = self.covered, read.end, 0
            fits = not lacking and not (number and (moved or not self._window_pages))
            self._window_pages = self._window_pages + 1 if fits else 0
            yield read, self._accept(read, ids, known, moved)
            if self.covered < read.end:
                return

    def _count(self, read: Read) -> int | None:
        """Return the length of the list as the answer gives it, or ``None`` if the trace store has not counted it.

        ``totalPages`` is then 1, however long the list is.
        """
        said = read.answer.pagination
        beyond = read.begin >= (self.total or 1) and read.answer.traces
        return None if said.total_pages == 1 and (not said.total_items or beyond) else said.total_items

    def _accept(self, read: Read, ids: set[str], known: int, moved: int) -> TracePage:
        """Take a page into account, and return it with only the traces that were not yielded before."""
        rows = read.answer.traces
        count = self._count(read)
        self.agrees = count is None or _agree(read, count)
        self._grow_to(max(count or 0, read.begin + len(rows)))
        self._books.page(read.begin, min(read.end, self.total), new=len(ids) - known, repeats=moved)
        self.covered = max(self.covered, read.end)
        if self._search and not self._search.is_over:
            self._look_into(read, self._search)
        is_new = len(ids) == len(rows) and self._seen.isdisjoint(ids)  # as on nearly every page
        traces = {} if is_new else {trace.trace_id: trace for trace in rows if trace.trace_id not in self._seen}
        self._seen |= ids
        self._met |= ids
        if is_new:
            return read.answer
        self._tally["duplicates_dropped"] += len(rows) - len(traces)
        return TracePage(tuple(traces.values()), read.answer.pagination)

    def _grow_to(self, total: int) -> None:
        if total > self.total:
            self._books.grown(total - self.total)
            self.total = total

    def _shrink_to(self, total: int) -> None:
        """Reduce ``covered`` after deletions, and begin the search for the traces that they have pulled forward."""
        search = self._search or _Search(self._window_begin, self.covered, self._window_pages)
        step = self.total, total
        if step not in search.steps:
            search.steps.add(step)
            search.fewer += self.total - total
            self._books.shrunk(self.total - total)
        self.total = total
        if search.pages:
            self._search_before(search.window_end, search)
        else:
            self._go_on_from(search.window_begin - search.fewer)

    def _search_before(self, end: int, search: _Search) -> None:
        """Read as many offsets in front of ``end`` again as traces were deleted."""
        self._go_on_from(end - search.fewer)
        search.begin, search.end, search.total, search.found, search.is_over = self.covered, end, self.total, 0, False
        self._search = search

    def _look_into(self, read: Read, search: _Search) -> None:
        """Count the new traces of a page in the searched range. When the range is read, decide where to go on."""
        there = read.answer.traces[max(0, search.begin - read.begin) : max(0, search.end - read.begin)]
        search.found += sum(trace.trace_id not in self._met for trace in there)
        if self.covered < min(search.end, self.total):
            return
        search.is_over = True
        has_grown = self.total > search.total  # the new traces may then be insertions
        # The range was in front of the window's end, and there is something in front of the range.
        if search.begin and search.end == search.window_end > search.window_begin:
            if search.found >= min(search.end, self.total) - search.begin and not has_grown:
                return  # all deletions came after the last window was read
            if search.pages == 1:
                self._search_before(search.window_begin, search)
            else:  # read the whole window again
                self._search = None
                self._go_on_from(search.window_begin - search.fewer)
        elif not search.found and not has_grown:  # no deletion was in front, so nothing has moved across the window
            self._go_on_from(max(self.covered, search.window_end))
            self._window_begin = search.window_begin

    def _go_on_from(self, offset: int) -> None:
        self.covered = self._window_begin = self._first_end = max(0, offset)

    def ask_again(self, read: Read) -> None:
        """Go back to the beginning of a page."""
        self.covered = read.begin


def _agree(read: Read, count: int) -> bool:
    """Say whether a page has exactly the rows that its count leaves for it.

    If not, the service has dropped rows, or the count is from before a change and the rows from after it. A first page
    that is too short agrees, because no deletion can have moved a trace in front of it.
    """
    more = len(read.answer.traces) - max(0, count - read.begin)
    return more == 0 or (more < 0 and not read.begin)
