"""What is known of a session's list from answers that can't all be believed. Pure: no I/O, no clock.

A list moves while it is read, and the rows and the count of one answer are two queries: each may be a little older or
newer than the other. So little is kept of the list: one position and one count.

    ``covered``: every trace that is still owed stands at or behind this position
    ``total``: the newest count of the list

- **Insertions** push traces back, never forward. So ``covered`` stays true as long as pages are read one after the
  other. The pages of a window are not: page 4 may be read after an insertion and page 5 before it, and the trace that
  went from one to the other is on neither. A lower count than that of the page before shows it: such a page is asked
  for again. Where the counts do not show it, a later page begins with traces that were met already, at the latest the
  first page of the next window. The walk then goes back to the end of the window's first page and reads on from there,
  one page at a time.
- **Deletions** move traces forward. They show in a count that falls by ``d``, and ``covered`` is true again when ``d``
  is taken off it. But that count may be older than the rows of the window before. If it was not, the ``d`` positions in
  front of ``covered`` hold ``d`` traces that are new. If they do not, the walk goes back to where that window began.
- **An order that is not stable**: traces with one timestamp may change places between two answers. Then traces come
  again though the list did not grow, and as many others are missing: see :mod:`._books`.
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
    """An answer, and where it stands in the list.

    :ivar begin: the position of its first row.
    :ivar end: the position behind its last row, were the page full.
    """

    begin: int
    end: int
    answer: TracePage

    @property
    def is_last(self) -> bool:
        """Whether its own count says that it is the last page."""
        return self.answer.pagination.page >= self.answer.pagination.total_pages

    @property
    def is_full(self) -> bool:
        """Whether it has as many rows as a page can hold, or would have, had none been dropped."""
        return max(self.begin + len(self.answer.traces), self.answer.pagination.total_items) >= self.end


@attrs.define
class _Search:
    """The search for what deletions have moved forward.

    If all of them came after the last window was read, so many traces stand in front of its end that are new. If not,
    what has moved is looked for in front of its beginning.

    :ivar fewer: how many traces were deleted.
    :ivar window_begin: where the last window began, before the deletions.
    :ivar window_end: where it ended.
    :ivar pages: how many pages it had; 0 if it shows by itself that they do not fit together.
    :ivar begin: the first position that is searched.
    :ivar end: the position behind the last one.
    :ivar total: the newest count when it began.
    :ivar found: how many traces there are new.
    :ivar is_over: whether it has ended, within the last window. Further deletions then reopen it.
    :ivar steps: the counts before and after each fall. A replica that lags shows the same fall again and again.
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

    :param start: the position to begin at.
    :param seen: the ids of all traces that were yielded, in this pass or one before it.
    :param met: the ids of all traces that were met in this pass; in the first pass it is the same set.
    :param tally: where ``duplicates_dropped`` is counted.
    :ivar covered: every trace that is still owed stands at or behind this position.
    :ivar total: the newest count of the list.
    :ivar drifted: whether the last window has shown that the list moves.
    :ivar agrees: whether the page accepted last has as many rows as its own count leaves for it.
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
        # Of the window that the last accepted page was in: where it began, where its first page ended, and how many
        # pages it had; 0 if it shows by itself that they do not fit together.
        self._window_begin = self._first_end = start
        self._window_pages = 1

    @property
    def safe(self) -> int:
        """The position to resume from, in another walk that knows nothing of this one."""
        if self._search and not self._search.is_over:
            return max(0, self._search.window_begin - self._search.fewer)
        return min(self._first_end, self.covered) if self.drifted else self.covered

    def missing(self) -> int:
        """Return how many traces the pass has missed, at its end."""
        return self._books.missing(self.total, len(self._seen))

    def judge(self, reads: Sequence[Read], behind: Sequence[Read] = ()) -> Iterator[tuple[Read, TracePage]]:
        """Yield the answers of a window that can be believed, with their pages as far as they are new.

        :param reads: the window's answers in order, up to the first page that could not be had.
        :param behind: its answers behind that page. Their counts matter too.
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
        at_least = self.total
        was_drifting, self.drifted = self.drifted, False
        for number, read in enumerate(reads):
            ids = {trace.trace_id for trace in read.answer.traces}
            known = 0 if self._met.isdisjoint(ids) else len(self._met & ids)
            moved = max(0, known - self._books.expected(read.begin))
            count = self._count(read)
            if count is None:
                count = at_least
            self.drifted |= moved > 0 or count != self.total
            # Older than the page before it; or it may be, and nothing comes behind it that would show it.
            if count < at_least or (self.drifted and number and read.is_last):
                return
            lacking = len(read.answer.traces) < min(read.end, count) - read.begin
            # Rows that were dropped may hide that others were met before.
            may_have_moved = moved or (lacking and not number and (was_drifting or self.drifted))
            if may_have_moved and self._first_end < self.covered:
                self.drifted = True  # so that what follows is read one page at a time
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
        """Return the list's length as the answer gives it, or ``None`` where the store has left its numbers out.

        ``totalPages`` is 1 then, whatever there is.
        """
        said = read.answer.pagination
        beyond = read.begin >= (self.total or 1) and read.answer.traces
        return None if said.total_pages == 1 and (not said.total_items or beyond) else said.total_items

    def _accept(self, read: Read, ids: set[str], known: int, moved: int) -> TracePage:
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
        self._go_on_from(end - search.fewer)
        search.begin, search.end, search.total, search.found, search.is_over = self.covered, end, self.total, 0, False
        self._search = search

    def _look_into(self, read: Read, search: _Search) -> None:
        there = read.answer.traces[max(0, search.begin - read.begin) : max(0, search.end - read.begin)]
        search.found += sum(trace.trace_id not in self._met for trace in there)
        if self.covered < min(search.end, self.total):
            return
        search.is_over = True
        has_grown = self.total > search.total  # then insertions may stand where it was searched
        if search.begin and search.end == search.window_end > search.window_begin:
            if search.found >= min(search.end, self.total) - search.begin and not has_grown:
                return
            if search.pages == 1:
                self._search_before(search.window_begin, search)
            else:
                self._search = None
                self._go_on_from(search.window_begin - search.fewer)
        elif not search.found and not has_grown:  # no deletion was in front: the last window was read rightly
            self._go_on_from(max(self.covered, search.window_end))
            self._window_begin = search.window_begin

    def _go_on_from(self, position: int) -> None:
        self.covered = self._window_begin = self._first_end = max(0, position)

    def ask_again(self, read: Read) -> None:
        """Go back to the beginning of a page."""
        self.covered = read.begin


def _agree(read: Read, count: int) -> bool:
    """Say whether a page ends where its count says.

    If not, rows were dropped, or its count is from before a change and its rows from after it. In front of the first
    page there is nothing that a deletion could have moved.
    """
    more = len(read.answer.traces) - max(0, count - read.begin)
    return more == 0 or (more < 0 and not read.begin)
