"""Edges of the walk that few lists meet: second passes, counts behind rows, exact numbers of answers."""

from __future__ import annotations

from collections import Counter

import pytest

from lyzr_traces_async._books import Books
from lyzr_traces_async._session_list import SessionWalk
from lyzr_traces_async._siblings import SessionsPage
from lyzr_traces_async._walk import PageWalk
from lyzr_traces_async.errors import PaginationError
from lyzr_traces_async.models import SessionInfo
from tests.helpers.list_server import ListServer, a, failure_of, first, play, walk_of
from tests.walk.test_session_list import info


def test_growth_within_one_window_adds_up() -> None:
    """Two pages of a window may each tell of an arrival; together they explain two traces that came again."""
    books = Books(0)
    books.page(0, 10, new=10, repeats=0)
    books.end_window()
    books.grown(1)
    books.grown(1)
    books.page(10, 20, new=8, repeats=2)
    assert books.missing(20, 18) == 0


def test_a_count_that_is_lower_than_the_rows_met_is_not_believed() -> None:
    """Six traces were read, so a list of four is one that has shrunk: the last two positions are searched."""
    play(
        [
            first(4),
            ([2], [a(2, 3, 4, n=4)], [[3, 4]]),
            ([3], [a(3, 5, 6, n=4)], [[5, 6]]),
            ([4], [a(4, n=4)], []),
        ],
        then=[3],
    )


def test_a_second_pass_begins_with_one_page() -> None:
    """Windows had doubled again by the end of the first pass."""
    play(
        [
            first(13),
            ([2, 3], [a(2, 2, 3, n=13), a(3, 5, 6, n=13)], [[3]]),
            ([3], [a(3, 5, 6, n=13)], [[5, 6]]),
            ([4, 5], [a(4, 7, 8, n=13), a(5, 9, 10, n=13)], [[7, 8], [9, 10]]),
            ([6], [a(6, 11, 12, n=13)], [[11, 12]]),
            ([7], [a(7, 13, n=13)], [[13]]),
        ],
        prefetch=4,
        then=[1],
    )


def test_a_second_pass_reads_the_last_page_alone() -> None:
    """A list without a stable order has moved, also if nothing but its last page has shown that."""
    play(
        [
            first(3),
            ([2], [a(2, 2, n=3)], [[]]),
            ([1], [a(1, 1, 2, n=5)], [[]]),
        ],
        prefetch=4,
        then=[2],
    )


def test_a_second_pass_counts_answers_without_progress_anew() -> None:
    """A list that grows by a page before each answer is given up after a hundred answers of the second pass."""
    walk = walk_of()
    list(walk.feed([a(1, 1, 2, n=3)][: len(walk.window())]))
    list(walk.feed([a(2, 2, n=3)][: len(walk.window())]))
    for answers in range(1, 100):
        (page,) = walk.window()
        assert not any(got.traces for got in walk.feed([a(page, 1, 2, n=2 * answers + 3)]))
    (page,) = walk.window()
    with pytest.raises(PaginationError, match=r"^100 answers in a row"):
        list(walk.feed([a(page, 1, 2, n=203)]))


def test_a_list_that_grows_by_a_page_of_nothing_is_given_up_after_a_hundred_answers() -> None:
    """Also if not one of them has brought a trace."""
    walk = walk_of()
    for page in range(1, 100):
        assert list(walk.window()) == [page]
        assert not any(got.traces for got in walk.feed([a(page, n=2 * page + 10)]))
    assert list(walk.window()) == [100]
    with pytest.raises(PaginationError, match=r"^100 answers in a row"):
        list(walk.feed([a(100, n=210)]))


def test_each_page_of_a_window_needs_an_answer() -> None:
    """A missing one would be taken for a page that holds nothing."""
    walk = walk_of()
    walk.window()
    with pytest.raises(ValueError, match="shorter"):
        list(walk.feed([]))


def heavy(server: ListServer, walk: PageWalk) -> list[tuple[int, list[int]]]:
    """Walk a list of which only the first page comes with the limit 4, and return the windows with their limits."""
    asked = []
    while not walk.done:
        window = list(walk.window())
        asked.append((walk.limit, window))
        too_heavy = walk.limit == 4 and window != [1]
        list(
            walk.feed([failure_of(too_heavy=True) if too_heavy else server.answer(page, walk.limit) for page in window])
        )
    return asked


def test_windows_of_smaller_pages_reach_up_to_where_the_larger_limit_is_tried_again() -> None:
    """At the positions 8, 16 and 32. The windows in between double as others do, and end there."""
    asked = heavy(ListServer(37, 100), walk_of(8, limit=4))
    assert asked[:3] == [(4, [1]), (4, [2, 3]), (2, [3])]
    assert asked[3:] == [
        (2, [4]),
        (4, [3]),
        (2, [5]),
        (2, [6, 7]),
        (2, [8]),
        (4, [5]),
        (2, [9]),
        (2, [10, 11]),
        (2, [12, 13, 14, 15]),
        (2, [16]),
        (4, [9]),
        (2, [17]),
        (2, [18, 19]),
    ]


def test_pages_read_again_are_counted_whole_where_limits_change() -> None:
    """Half a page that is read again, with a larger limit, is none."""
    tally: Counter[str] = Counter()
    heavy(ListServer(37, 100), walk_of(8, limit=4, tally=tally))
    assert {type(count) for count in tally.values()} == {int}


def test_the_duplicates_of_all_pages_are_counted() -> None:
    """Two arrivals, each of which pushes one trace to the next page."""
    tally = play(
        [
            first(4),
            ([2], [a(2, 2, 3, n=5)], [[3]]),
            ([3], [a(3, 3, 4, n=6)], [[4]]),
            ([4], [a(4, n=6)], [[]]),
        ]
    )
    assert tally == {"duplicates_dropped": 2}


# The list of sessions


def sessions(*numbers: int, total: int, offset: int, following: int | None) -> SessionsPage:
    return SessionsPage(tuple(map(info, numbers)), total, offset, following)


def walk_to(covered: int) -> SessionWalk:
    """Return a walk that has met so many sessions."""
    walk = SessionWalk(None, None, None)
    walk.request()
    assert len(walk.feed(sessions(*range(covered), total=9999, offset=0, following=covered))) == covered
    return walk


def test_steps_back_double_and_end_at_the_first_session() -> None:
    """200, 400, 800 positions: wherever a session that was seen should stand, another one does."""
    walk = walk_to(2000)
    asked = []
    for n in range(5):
        asked.append(walk.request().offset)
        assert walk.feed(sessions(5000 + n, total=9999, offset=asked[-1], following=9000)) == (
            [] if n < 4 else [info(5004)]
        )
    assert asked == [1999, 1799, 1399, 599, 0]


def test_a_step_back_to_the_second_session_still_asks_for_one_that_was_seen() -> None:
    """The first one, at position 0."""
    walk = walk_to(201)
    assert walk.request().offset == 200
    assert walk.feed(sessions(5000, total=9999, offset=200, following=400)) == []
    assert walk.request().offset == 0


def test_a_list_without_any_session_is_given_up_after_a_hundred_answers() -> None:
    """Not after 99; the error says what to do."""
    walk = SessionWalk(None, None, None)
    found: list[SessionInfo] = []
    for n in range(99):
        offset = walk.request().offset
        assert offset == n
        found += walk.feed(sessions(total=9999, offset=offset, following=offset + 1))
    offset = walk.request().offset
    with pytest.raises(PaginationError) as caught:
        walk.feed(sessions(total=9999, offset=offset, following=offset + 1))
    assert not found
    assert caught.value.message == (
        "100 answers in a row brought no new session: the list changes faster than it can be read. Try again later"
    )
