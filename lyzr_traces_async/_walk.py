"""Which pages of a session's list to ask for next. Pure: no I/O, no clock.

The walk thinks in offsets, not in pages. :mod:`._coverage` judges the answers and keeps the offset ``covered``: every
trace that the walk still owes stands at this offset or behind it. That module explains why this stays true while the
list moves. The walk does three things with it:

- It asks for the page that holds ``covered`` and for the pages behind it, all pages of a window at once. It goes on
  until the last page is accepted. A last page that is full does not end the walk: insertions may have pushed a trace
  to the page behind it after the service had counted the list.
- It yields each trace once. The walk often reads a trace twice, so it remembers the ids of all traces that it yielded.
- At the end of the list it asks :mod:`._books` how many traces are missing. None are missing unless the order of the
  list was not stable. If some are, the walk reads the whole list again, in another *pass*. If traces are still missing
  after the last pass, the walk raises an error, so it never ends early in silence.

A request is an offset and a limit, written as ``page`` (counted from 1) and ``limit``: the page's first row stands at
the offset ``(page - 1) * limit``. The limit may change in the middle of a walk: the server may give fewer traces than
asked for, and :mod:`._limits` picks a smaller limit if pages are too heavy for the service. Offsets stay the same then,
and the walk asks for the page that holds ``covered`` in the new limit. ``start_page`` and ``page`` of an error are
always counted in the limit of the caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from ._coverage import Coverage, Read
from ._limits import Limits
from .errors import LyzrTracesError, PaginationError
from .models import TracePage

__all__ = ["PageWalk"]

# If so many answers in a row bring neither a new trace nor the end nearer, the walk gives up.
MAX_IDLE_ANSWERS: Final = 100
# If so many offsets in a row hold no trace, the length that the service gives for the list makes no sense.
MAX_EMPTY_POSITIONS: Final = 10_000
# How often the walk reads a list whose order is not stable, before it gives up.
MAX_PASSES: Final = 10


class PageWalk:
    """The walk of one session's list. It yields every trace that exists during the whole walk exactly once.

    Until the walk is :attr:`done`, ask for the pages of :meth:`window` and give the answers to :meth:`feed`.

    :param session_id: the session, for the texts of errors.
    :param tally: the counters; the walk adds to ``duplicates_dropped`` and ``pages_reread``.
    :param limit: how many traces to ask for in one request.
    :param start_page: the page to begin with, from 1.
    :param prefetch: how many pages to ask for at once, at most.
    :ivar done: whether the walk has reached the end.
    :ivar limit: how many traces to ask for in one request, in this window.
    :ivar heavy_attempts: after how many attempts to give up a page that is too heavy, so that the walk can ask for
        smaller pages; ``None`` if there is no smaller limit.
    """

    def __init__(self, session_id: str, tally: Counter[str], *, limit: int, start_page: int, prefetch: int) -> None:
        self.session_id = session_id
        self.done = False
        self.limit = limit
        self.heavy_attempts: int | None = None
        self._tally = tally
        self._callers_limit = limit
        self._start = (start_page - 1) * limit
        self._prefetch = prefetch
        self._limits = Limits(limit)
        self._seen: set[str] = set()
        self._pass = 1
        self._list = Coverage(self._start, self._seen, self._seen, tally)
        self._asked_to = self._start  # the offset behind the last page that was asked for
        self._largest = 0  # the largest limit of an accepted page
        self._size = 1  # how many pages the next window has
        self._window = range(start_page, start_page)
        self._pages = 0  # how many pages the list has, counted in `limit`
        self._has_moved = False  # whether the list has moved at any time
        self._idle = 0
        self._most = 0  # the largest count so far
        self._nearest = 0  # the smallest distance to the end since that count
        self._empty_from = self._start  # from this offset on no trace has come
        self._doubted: tuple[int, int] | None = None  # offset and count of a last page whose rows do not fit its count

    def window(self) -> range:
        """Return the pages to ask for next, all at once: one page at first, then 2, 4 ... up to ``prefetch``."""
        covered = self._list.covered
        limit, until = self._limits.at(covered, self._list.total)
        self.heavy_attempts = self._limits.attempts(limit)
        if limit != self.limit:
            self.limit = limit
            self._size = 1
        first = covered // limit + 1
        # If the list moves, the last page is read alone, after all others: its rows then show what the others missed.
        stop = min(first + self._size, self._pages + (not self._has_moved))
        if until is not None:
            stop = min(stop, until // limit + 1)
        self._window = range(first, max(first + 1, stop))
        end = (self._window.stop - 1) * limit
        self._tally["pages_reread"] += max(0, min(end, self._asked_to) - (first - 1) * limit) // limit
        self._asked_to = max(self._asked_to, end)
        return self._window

    def feed(self, answers: Sequence[TracePage | LyzrTracesError]) -> Iterator[TracePage]:
        """Judge the answers to the pages of the window, and yield the accepted pages with only their new traces.

        :param answers: one for each page of the window, in order: the page, or the error that it ended with.
        :raises LyzrTracesError: the error of a page, if the walk can neither go on without this page nor ask for it in
            smaller pages.
        :raises PaginationError: if an answer does not belong to this list, or if the walk makes no progress. All pages
            that were accepted before have been yielded then.
        """
        reads: list[Read] = []
        behind: list[Read] = []
        stopped: tuple[int, LyzrTracesError] | None = None
        for page, got in zip(self._window, answers, strict=True):
            answer = self._in_this_limit(page, got)
            if answer is None:
                return
            if isinstance(answer, LyzrTracesError):
                stopped = stopped or (page, answer)
            else:
                read = Read((page - 1) * self.limit, page * self.limit, answer)
                (behind if stopped else reads).append(read)
        if reads or behind:
            yield from self._judge(reads, behind)
        # After a step back the failed page is not the next one, and its failure does not matter yet.
        if self.done or stopped is None or stopped[0] != self._list.covered // self.limit + 1:
            return
        page, failure = stopped
        if not (failure._too_heavy and self._limits.failed(self.limit, (page - 1) * self.limit)):
            if failure._is_about_page:
                failure.page = self._resume_page()
            raise failure

    def _judge(self, reads: Sequence[Read], behind: Sequence[Read]) -> Iterator[TracePage]:
        list_, accepted = self._list, 0
        for read, page in list_.judge(reads, behind):
            accepted += 1
            self._limits.worked(self.limit)
            self._largest = max(self._largest, self.limit)
            self._pages = page.pagination.total_pages
            yield page
            # A full page does not end the walk, whatever its count says: its rows may have pushed a trace behind it.
            if read.is_last and not read.is_full and list_.covered >= read.end:
                said = (read.begin, page.pagination.total_items)
                if list_.agrees or said == self._doubted:
                    self._end_pass()
                    return
                # The rows do not fit the count. If the same page says the same again, the service has dropped rows.
                self._doubted = said
                list_.ask_again(read)
            self._note_progress(came=bool(page.traces), empty=not read.answer.traces)
        self._has_moved |= list_.drifted
        self._size = 1 if list_.drifted else min(self._size * 2, self._prefetch)
        if accepted < len(reads):
            self._note_progress(came=False, empty=False)

    def _end_pass(self) -> None:
        """End the walk, or begin another pass if traces are missing."""
        missing = self._list.missing()
        self.done = not missing
        if missing and self._pass == MAX_PASSES:
            raise self._error(
                f"{missing} of {self._list.total} traces are missing after {MAX_PASSES} passes over the list: it has "
                "no stable order, so that some traces come twice and others not at all. Try again later"
            )
        if missing:
            self._pass += 1
            self._list = Coverage(self._start, self._seen, set(), self._tally)
            self._has_moved = True
            self._size = 1
            self._idle = self._most = 0

    def _note_progress(self, *, came: bool, empty: bool) -> None:
        """Take note of an answer, and give up if there is no progress.

        :param came: whether it brought a new trace.
        :param empty: whether it was accepted and has no traces at all.
        """
        total, covered = self._list.total, self._list.covered
        left = max(0, total - covered)
        if total > self._most:
            self._most, self._nearest = total, left
        elif left < self._nearest:
            came, self._nearest = True, left
        self._idle = 0 if came else self._idle + 1
        if not empty:
            self._empty_from = covered
        if self._idle >= MAX_IDLE_ANSWERS:
            raise self._error(
                f"{self._idle} answers in a row brought neither a new trace nor the end nearer: the list changes "
                "faster than it can be read. Try again later, or with a larger limit"
            )
        if covered - self._empty_from >= MAX_EMPTY_POSITIONS:
            raise self._error(
                f"{covered - self._empty_from} positions of the list in a row have no trace: its totalItems and "
                "totalPages make no sense"
            )

    def _in_this_limit(self, page: int, answer: TracePage | LyzrTracesError) -> TracePage | LyzrTracesError | None:
        """Return an answer as it counts for the walk, and adopt the server's limit if it is smaller.

        A page in another limit has other offsets than those asked for, except page 1. For other pages this returns
        ``None``, and the walk asks again in the new limit.
        """
        if isinstance(answer, LyzrTracesError) or answer.pagination.limit == self.limit:
            return answer
        limit = answer.pagination.limit
        if not self._largest <= limit < self.limit:
            return self._error(
                f"the limit changed in the middle of the walk, from {self.limit} to {limit}: the pages do not make up "
                "one list"
            )
        self._limits.cap(limit)
        self.limit = limit
        if page == 1:
            return answer
        list(self._list.judge((), [Read(0, 0, answer)]))  # only the count of this answer can be used
        return None

    def _resume_page(self) -> int:
        """Return the page from which the caller can resume the walk, counted in the caller's limit."""
        offset = self._list.safe if self._pass == 1 else self._start
        return offset // self._callers_limit + 1

    def _error(self, message: str) -> PaginationError:
        return PaginationError(message, session_id=self.session_id, page=self._resume_page())
