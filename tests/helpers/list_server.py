"""A list of traces that changes while it is read, for the tests of the walk: no sockets, no clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from lyzr_traces_async._walk import PageWalk
from lyzr_traces_async.errors import LyzrTracesError, ServerError
from lyzr_traces_async.models import Pagination, Trace, TracePage

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def trace(number: int | str) -> Trace:
    """Return a trace that differs from others by its id."""
    return Trace(str(number), None, None, MOMENT, None, None, 0, None)


def page_of(number: int, traces: Iterable[int | str], *, limit: int, total: int, pages: int | None = None) -> TracePage:
    """Return an answer: these traces as page ``number`` of a list of ``total``."""
    total_pages = -(-total // limit) if pages is None else pages
    return TracePage(tuple(map(trace, traces)), Pagination(number, limit, total, total_pages))


def a(page: int, *traces: int, n: int, pages: int | None = None, limit: int = 2) -> TracePage:
    """Return an answer with two traces a page, of a list of ``n`` traces."""
    return page_of(page, traces, limit=limit, total=n, pages=pages)


def ids(pages: Iterable[TracePage]) -> list[str]:
    """Return the ids of the traces of these pages."""
    return [trace.trace_id for page in pages for trace in page]


@dataclass(frozen=True)
class Change:
    """A change of the list, just before an answer is made or just before one of its two queries.

    :ivar after: how many answers, or queries, come between the last change and this one.
    :ivar where: the place in the list: 0 is the front, 1 the end.
    :ivar count: how many traces arrive; a negative number of traces is deleted.
    """

    after: int
    where: float
    count: int


class ListServer:
    """A session's list, newest first, of which any page can be asked for at any time.

    :param cap: how many traces a page holds at most, whatever limit is asked for.
    :param hidden: rows that are counted, but are removed from pages.
    """

    def __init__(self, length: int, cap: int, hidden: Iterable[int] = ()) -> None:
        self.items = list(range(length))
        self.cap = cap
        self.hidden = set(hidden)
        self.deleted: set[int] = set()
        self.asked: list[int] = []
        self.lag = 0  # how many changes the answering replica is behind
        self._past = [self.items]
        self._arrived = length

    def __repr__(self) -> str:
        return f"ListServer({len(self.items)}, {self.cap}, {self.hidden}) after {self.asked}"

    def answer(self, page: int, limit: int = 10**9) -> TracePage:
        """Return the page as it is now."""
        self.asked.append(page)
        return self.made_of(page, limit, self.rows(page, limit), self.count())

    def made_of(self, page: int, limit: int, rows: Iterable[int], count: int) -> TracePage:
        """Return the answer that is made of the two queries."""
        return page_of(page, rows, limit=min(limit, self.cap), total=count)

    def rows(self, page: int, limit: int) -> list[int]:
        """Answer the query for the rows."""
        limit = min(limit, self.cap)
        return [row for row in self._seen_by_replica[(page - 1) * limit : page * limit] if row not in self.hidden]

    def count(self) -> int:
        """Answer the query for the count."""
        return len(self._seen_by_replica)

    @property
    def _seen_by_replica(self) -> list[int]:
        return self.items if not self.lag else self._past[max(-len(self._past), -1 - self.lag)]

    def insert(self, at: int, count: int = 1) -> None:
        """Let traces arrive at a place of the list."""
        self.items = [*self.items[:at], *range(self._arrived, self._arrived + count), *self.items[at:]]
        self._arrived += count
        self._past.append(self.items)

    def delete(self, at: int, count: int = 1) -> None:
        """Delete traces from a place of the list on."""
        self.deleted.update(self.items[at : at + count])
        self.items = [*self.items[:at], *self.items[at + count :]]
        self._past.append(self.items)

    def swap(self, at: int) -> None:
        """Let two neighbours change places, as traces with the same timestamp may."""
        self.items = list(self.items)
        self.items[at : at + 2] = reversed(self.items[at : at + 2])

    def shuffle(self, chance: random.Random) -> None:
        """Shuffle the list, as if all traces had the same timestamp."""
        self.items = chance.sample(self.items, len(self.items))

    def apply(self, change: Change) -> None:
        """Make a change."""
        if change.count > 0:
            self.insert(round(change.where * len(self.items)), change.count)
        else:
            self.delete(round(change.where * max(0, len(self.items) + change.count)), -change.count)


@dataclass
class Outcome:
    """The result of a walk.

    :ivar pages: the pages that it yielded.
    :ivar owed: the ids of all traces that existed throughout, from the first page's position on.
    :ivar failures: how often the walk failed and was resumed.
    :ivar requests: how many requests it took, each attempt counted.
    """

    pages: list[TracePage] = field(default_factory=list)
    owed: set[str] = field(default_factory=set)
    tally: Counter[str] = field(default_factory=Counter)
    windows: list[range] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    failures: int = 0
    requests: int = 0


def steps_of(changes: Sequence[Change]) -> Iterator[Change | None]:
    """Yield, for each answer, the change just before it, or ``None``."""
    for change in changes:
        yield from [None] * change.after
        yield change
    while True:
        yield None


def walk_of(prefetch: int = 1, *, limit: int = 2, start_page: int = 1, tally: Counter[str] | None = None) -> PageWalk:
    """Return a walk that has not begun."""
    tally = Counter() if tally is None else tally
    return PageWalk("the-session", tally, limit=limit, start_page=start_page, prefetch=prefetch)


# A window's pages, the answers to them, and the traces of each page that is then yielded.
Step = tuple[Sequence[int], Sequence[TracePage | LyzrTracesError], Sequence[Sequence[int]]]


def first(n: int) -> Step:
    """Return the first step of most tables: page 1 of a list that has not changed yet."""
    return [1], [a(1, 1, 2, n=n)], [[1, 2]]


def second(n: int) -> Step:
    """Return the second step: pages 2 and 3."""
    return [2, 3], [a(2, 3, 4, n=n), a(3, 5, 6, n=n)], [[3, 4], [5, 6]]


def play(
    steps: Sequence[Step], *, prefetch: int = 1, limit: int = 2, start_page: int = 1, then: Sequence[int] = ()
) -> Counter[str]:
    """Take a walk step by step.

    :param then: the window after the last step; empty if the walk is done.
    """
    tally: Counter[str] = Counter()
    walk = walk_of(prefetch, limit=limit, start_page=start_page, tally=tally)
    for window, answers, yielded in steps:
        assert not walk.done
        assert list(walk.window()) == list(window)
        assert [[int(trace.trace_id) for trace in page] for page in walk.feed(answers)] == [list(y) for y in yielded]
    assert walk.done == (not then)
    if then:
        assert list(walk.window()) == list(then)
    return +tally


def walk_on(walk: PageWalk, server: ListServer, windows: int) -> list[str]:
    """Answer so many windows, and return the ids that the walk yields."""
    found = []
    for _ in range(windows):
        found += ids(walk.feed([server.answer(page, walk.limit) for page in walk.window()]))
    return found


def failure_of(*, too_heavy: bool = False) -> ServerError:
    """Return the error of a page that could not be read."""
    error = ServerError("no", status=502)
    error._too_heavy = too_heavy
    return error


def _queries_of(window: range, chance: random.Random, *, two_queries: bool) -> list[tuple[str, int]]:
    if not two_queries:
        return [(what, page) for page in chance.sample(window, len(window)) for what in ("rows", "count")]
    queries = [(what, page) for what in ("rows", "count") for page in window]
    chance.shuffle(queries)
    return queries


def walk_through(
    server: ListServer,
    changes: Sequence[Change] = (),
    *,
    limit: int = 100,
    prefetch: int = 1,
    start_page: int = 1,
    order: int = 0,
    two_queries: bool = False,
    lagging: float = 0.0,
    failing: float = 0.0,
    too_heavy: float = 1.0,
    brown_out: range = range(0),
    one_kind_a_window: bool = False,
    before_query: Callable[[ListServer, random.Random], None] = lambda *_: None,
) -> Outcome:
    """Walk the list to its end while it changes. After an error, resume from the page that the error names.

    :param order: seeds the order in which the answers of a window are made, and the failures.
    :param two_queries: whether rows and count are separate queries, with changes in between.
    :param lagging: the probability that an answer comes from a replica that has not seen the last changes.
    :param failing: the probability that a page cannot be read.
    :param too_heavy: the probability that such a page can be read with a smaller limit.
    :param brown_out: the numbers of the requests that fail as too heavy at any limit.
    :param one_kind_a_window: whether all changes during a window are of one kind, arrivals or deletions.
    :param before_query: called before each query.
    """
    chance = random.Random(order)
    outcome = Outcome()
    steps = steps_of(changes)
    owed: list[int] | None = None
    walk = PageWalk("s", outcome.tally, limit=limit, start_page=start_page, prefetch=prefetch)
    while not walk.done:
        window = walk.window()
        outcome.windows.append(window)
        outcome.limits.append(walk.limit)
        rows: dict[int, list[int]] = {}
        counts: dict[int, int] = {}
        numbers = dict(zip(window, range(outcome.requests, outcome.requests + len(window)), strict=True))
        outcome.requests += len(window)
        kind = chance.choice((1, -1)) if one_kind_a_window else None
        lags = {page: chance.randint(1, 3) if chance.random() < lagging else 0 for page in window}
        for what, page in _queries_of(window, chance, two_queries=two_queries):
            if two_queries or what == "rows":
                change = next(steps)
                if change is not None:
                    server.apply(change if kind is None else replace(change, count=kind * abs(change.count)))
                before_query(server, chance)
            if owed is None:
                owed = server.items[(start_page - 1) * limit :]
            server.lag = lags[page]
            if what == "rows":
                server.asked.append(page)
                rows[page] = server.rows(page, walk.limit)
            else:
                counts[page] = server.count()
        server.lag = 0
        answers: list[TracePage | LyzrTracesError] = [
            failure_of(too_heavy=chance.random() < too_heavy or numbers[page] in brown_out)
            if chance.random() < failing or numbers[page] in brown_out
            else server.made_of(page, walk.limit, rows[page], counts[page])
            for page in window
        ]
        try:
            for accepted in walk.feed(answers):
                outcome.pages.append(accepted)
        except ServerError as error:
            if error.page is None:
                raise
            outcome.failures += 1
            walk = PageWalk("s", outcome.tally, limit=limit, start_page=error.page, prefetch=prefetch)
    outcome.owed = {str(item) for item in owed or () if item not in server.deleted and item not in server.hidden}
    return outcome
