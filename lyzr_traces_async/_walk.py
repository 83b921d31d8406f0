"""Which pages to ask for. Pure: no I/O, no clock.

What the answers are worth is settled in :mod:`._coverage`; from there comes the position to go on from. A request is an
offset and a limit that divides it. ``page`` and ``start_page``, a server that gives fewer traces than asked for, and a
smaller limit for pages that are too heavy are spellings of that.
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

# So many answers in a row that bring neither a new trace nor the end nearer, and the walk is not getting anywhere.
MAX_IDLE_ANSWERS: Final = 100
# So many positions in a row without a trace, and the list's length makes no sense.
MAX_EMPTY_POSITIONS: Final = 10_000
# How often a list is walked from the top because its order was not stable.
MAX_PASSES: Final = 10


class PageWalk:
    """The walk of one session's list: yields every trace that exists throughout, exactly once.

    Ask for the pages of :meth:`window`, give the answers to :meth:`feed`, until it is :attr:`done`.

    :param session_id: named in errors.
    :param tally: where ``duplicates_dropped`` and ``pages_reread`` are counted.
    :param limit: how many traces to ask for in one request.
    :param start_page: the page to begin with.
    :param prefetch: how many pages to ask for at once, at most.
    :ivar done: whether the end has been reached.
    :ivar limit: how many traces to ask for in one request, in this window.
    :ivar heavy_attempts: after how many attempts a page that is too heavy is asked for in parts; ``None`` for the
        smallest limit, which leaves no parts.
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
        self._last_asked = self._start
        self._largest = 0  # the largest limit of an answer
        self._size = 1
        self._window = range(start_page, start_page)
        self._pages = 0  # in the list, counted in `limit`
        self._restless = False
        self._idle = 0
        self._most = 0  # the largest count, and how near the end was since
        self._nearest = 0
        self._empty_from = self._start
        self._doubted: tuple[int, int] | None = None  # the last page and its count, where its rows are fewer or more

    def window(self) -> range:
        """Return the pages to ask for next, all at once: 1, 2, 4 ... up to ``prefetch``."""
        position = self._list.covered
        limit, until = self._limits.at(position, self._list.total)
        self.heavy_attempts = self._limits.attempts(limit)
        if limit != self.limit:
            self.limit = limit
            self._size = 1
        first = position // limit + 1
        # Once the list was seen to move, its last page is read after all others: it tells what they have missed.
        stop = min(first + self._size, self._pages + (not self._restless))
        if until is not None:
            stop = min(stop, until // limit + 1)
        self._window = range(first, max(first + 1, stop))
        end = (self._window.stop - 1) * limit
        self._tally["pages_reread"] += max(0, min(end, self._last_asked) - (first - 1) * limit) // limit
        self._last_asked = max(self._last_asked, end)
        return self._window

    def feed(self, answers: Sequence[TracePage | LyzrTracesError]) -> Iterator[TracePage]:
        """Judge the answers to the window's pages and yield those accepted, with only the traces that are new.

        :param answers: one for each page of the window, in order: the page, or why it could not be had.
        :raises LyzrTracesError: of a page that the walk can't go on without, and can't ask for in parts.
        :raises PaginationError: if an answer does not belong to the list that is being read, or the walk is not
            getting anywhere. The pages before have been yielded by then.
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
        if self.done or stopped is None or stopped[0] != self._list.covered // self.limit + 1:
            return
        page, failure = stopped
        if not (failure._too_heavy and self._limits.failed(self.limit, (page - 1) * self.limit)):
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
            # A full page is not the end, whatever its count says: what its rows have pushed on stands behind it.
            if read.is_last and not read.is_full and list_.covered >= read.end:
                said = (read.begin, page.pagination.total_items)
                if list_.agrees or said == self._doubted:
                    self._end_pass()
                    return
                self._doubted = said
                list_.ask_again(read)
            self._note_progress(came=bool(page.traces), empty=not read.answer.traces)
        self._restless |= list_.drifted
        self._size = 1 if list_.drifted else min(self._size * 2, self._prefetch)
        if accepted < len(reads):
            self._note_progress(came=False, empty=False)

    def _end_pass(self) -> None:
        missing = self._list.missing()
        self.done = not missing
        if missing and self._pass == MAX_PASSES:
            raise self._error(
                f"{missing} of {self._list.total} traces are missing after {MAX_PASSES} walks: the list has no stable "
                "order, so that some traces come twice and others not at all. Try again later"
            )
        if missing:
            self._pass += 1
            self._list = Coverage(self._start, self._seen, set(), self._tally)
            self._restless = True
            self._size = 1
            self._idle = self._most = 0

    def _note_progress(self, *, came: bool, empty: bool) -> None:
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
                f"{self._idle} answers in a row brought neither a new trace nor the end nearer: the list keeps "
                "changing faster than it can be read. Try again later, or with a larger limit"
            )
        if covered - self._empty_from >= MAX_EMPTY_POSITIONS:
            raise self._error(
                f"{covered - self._empty_from} places of the list in a row have no trace: its totalItems and "
                "totalPages make no sense"
            )

    def _in_this_limit(self, page: int, answer: TracePage | LyzrTracesError) -> TracePage | LyzrTracesError | None:
        """Return what an answer is to the walk: ``None`` where the server's limit makes it one for other positions."""
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
        list(self._list.judge((), [Read(0, 0, answer)]))  # only its count is of use
        return None

    def _resume_page(self) -> int:
        """Return the page to resume from, counted in the caller's limit."""
        position = self._list.safe if self._pass == 1 else self._start
        return position // self._callers_limit + 1

    def _error(self, message: str) -> PaginationError:
        return PaginationError(message, session_id=self.session_id, page=self._resume_page())
