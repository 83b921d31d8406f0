"""The accounts of a pass: which repeated traces are explained by growth, and how many traces were missed."""

from __future__ import annotations

import random

import pytest

from lyzr_traces_async._books import Books
from lyzr_traces_async.errors import PaginationError
from tests.helpers.list_server import Change, ListServer, ids, walk_of, walk_on, walk_through


def read_pages(books: Books, *repeats: int, begin: int = 0, size: int = 10) -> None:
    """Record full pages, one a window, each with so many traces that were met before."""
    for number, known in enumerate(repeats):
        books.end_window()
        books.page(begin + number * size, begin + (number + 1) * size, new=size - known, repeats=known)


def test_a_list_that_does_not_move_is_whole_even_with_dropped_rows() -> None:
    """A short page is no reason to read it again: without repeats, no trace can be missing."""
    books = Books(0)
    read_pages(books, 0, 0)
    books.page(20, 30, new=4, repeats=0)
    assert books.missing(30, 24) == 0
    assert books.missing(300, 24) == 0


def test_a_repeated_trace_without_growth_stands_for_a_missed_one() -> None:
    """The repeat took the place of another trace."""
    books = Books(0)
    read_pages(books, 0, 1, 2)
    assert books.missing(30, 27) == 3
    assert books.missing(30, 29) == 1
    assert books.missing(30, 30) == 0
    assert books.missing(30, 31) == 0
    books = Books(0)
    read_pages(books, 0, 1, 1)
    assert books.missing(30, 28) == 2


def test_places_in_front_of_the_start_are_not_missed() -> None:
    """A pass that begins at position 20 does not have to yield those before it."""
    books = Books(20)
    read_pages(books, 1, begin=20)
    assert books.missing(30, 9) == 1


def test_places_without_a_trace_are_not_missed() -> None:
    """Each such position counts once, even if it is read several times."""
    books = Books(0)
    books.page(0, 10, new=7, repeats=1)
    books.page(0, 10, new=0, repeats=0)
    books.page(5, 15, new=4, repeats=0)
    assert books.missing(15, 11) == 15 - 2 - 1 - 11


def test_repeats_are_expected_where_positions_are_read_again() -> None:
    """This covers the positions that were read before, minus those that deletions have moved."""
    books = Books(20)
    assert books.expected(20) == 0
    read_pages(books, 0, begin=20)
    assert [books.expected(begin) for begin in (20, 25, 30, 35)] == [10, 5, 0, 0]
    books.shrunk(3)
    assert books.expected(20) == 7
    books.shrunk(100)
    assert books.expected(0) == 0


@pytest.mark.parametrize(
    ("growth", "repeats", "missing"),
    [
        pytest.param([0, 2, 0], [0, 2, 0], 0, id="in the same window"),
        pytest.param([0, 0, 2], [0, 2, 0], 0, id="the count came a window late"),
        pytest.param([0, 2, 0], [0, 0, 2], 0, id="the count came a window early"),
        pytest.param([0, 0, 0, 2], [0, 2, 0, 0], 2, id="two windows late is another matter"),
        pytest.param([0, 1, 0], [0, 2, 0], 1, id="less growth than repeats"),
        pytest.param([0, 1, 1], [0, 2, 0], 0, id="half at once, half late"),
        pytest.param([0, 0, 1], [0, 1, 1], 1, id="growth explains one repeat once"),
        pytest.param([0, 1, 0], [0, 1, 1], 1, id="also where both repeats come with it or behind it"),
        pytest.param([0, 2, 0, 0], [0, 1, 1, 0], 0, id="what is left explains the next"),
    ],
)
def test_growth_explains_repeats_of_the_same_window(growth: list[int], repeats: list[int], missing: int) -> None:
    """It pushed as many traces on, and the pass never had to yield the ones in front of them."""
    books = Books(0)
    for number, (grown, known) in enumerate(zip(growth, repeats, strict=True)):
        books.end_window()
        if grown:
            books.grown(grown)
        books.page(number * 10, number * 10 + 10, new=10 - known, repeats=known)
    length = 10 * len(growth)
    assert books.missing(length, length - sum(repeats)) == missing
    # If all repeats are explained, any further items of the count are dropped rows.
    assert bool(books.missing(length + 100, length - sum(repeats))) == bool(missing)


@pytest.mark.parametrize(("pages_between", "missing"), [(0, 0), (1, 0), (2, 0), (3, 1)])
def test_growth_explains_repeats_as_far_as_it_has_pushed_traces_on(pages_between: int, missing: int) -> None:
    """That is 10 arrivals and the 10 positions of a page beyond the window in which it came."""
    books = Books(100)
    read_pages(books, 0, begin=100)
    books.grown(10)
    read_pages(books, *[0] * pages_between, 1, begin=110)
    length = 20 + 10 * pages_between
    assert books.missing(100 + length, length - 1) == missing


def test_remaining_growth_reaches_further_after_another_burst() -> None:
    """Two bursts push traces on as far as the sum of both."""
    books = Books(0)
    read_pages(books, 0)
    books.grown(10)
    read_pages(books, 0, begin=10)
    books.grown(10)
    read_pages(books, 0, 0, 0, 5, begin=20)
    assert books.missing(60, 55) == 0


# Shown by whole walks


@pytest.mark.parametrize("prefetch", [1, 8])
def test_traces_of_one_millisecond_that_are_shuffled_between_queries_come_whole_or_not_without_an_error(
    prefetch: int,
) -> None:
    """200 such traces, in pages of 10, 25 times. The first pass alone would miss a third."""
    whole = 0
    for seed in range(25):
        server = ListServer(200, 100)
        try:
            outcome = walk_through(
                server, limit=10, prefetch=prefetch, order=seed, two_queries=True, before_query=ListServer.shuffle
            )
        except PaginationError as error:
            assert "no stable order" in str(error)  # noqa: PT017
            continue
        found = ids(outcome.pages)
        assert len(found) == len(set(found))
        assert outcome.owed == set(found)
        whole += 1
    assert whole > 20


@pytest.mark.parametrize("moment", range(1, 12))
@pytest.mark.parametrize("prefetch", [1, 2, 8])
def test_a_pair_that_changes_places_at_a_page_boundary_comes_whole(moment: int, prefetch: int) -> None:
    """The walk takes one more pass for it, and no further one."""

    def swap(server: ListServer, _: random.Random) -> None:
        swap.queries += 1  # type: ignore[attr-defined]
        if swap.queries == moment:  # type: ignore[attr-defined]
            server.swap(19)

    for order in range(5):
        swap.queries = 0  # type: ignore[attr-defined]
        server = ListServer(45, 100)
        outcome = walk_through(server, limit=10, prefetch=prefetch, order=order, two_queries=True, before_query=swap)
        assert sorted(map(int, ids(outcome.pages))) == list(range(45))
        assert len(server.asked) <= 10


def test_earlier_growth_does_not_explain_a_pair_that_changes_places() -> None:
    """A trace arrives at the end. Much later and further on, two traces change places at a page boundary."""
    server = ListServer(100, 100)
    walk = walk_of(limit=10)
    found = walk_on(walk, server, 1)
    server.insert(95)
    found += walk_on(walk, server, 6)
    server.swap(69)
    while not walk.done:
        found += walk_on(walk, server, 1)
    assert sorted(map(int, found)) == list(range(101))


@pytest.mark.parametrize("prefetch", [1, 2, 8])
def test_arrivals_are_no_reason_to_walk_twice(prefetch: int) -> None:
    """Five bursts at the front cost no second pass: the walk reads only the pages of a moved window again."""
    server = ListServer(300, 100)
    outcome = walk_through(server, [Change(2, 0.0, k) for k in range(1, 6)], limit=10, prefetch=prefetch, order=1)
    found = ids(outcome.pages)
    assert len(found) == len(set(found))
    assert outcome.owed <= set(found)
    assert len(server.asked) <= 32 + 2 + 5 * prefetch
