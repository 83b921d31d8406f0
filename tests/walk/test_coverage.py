"""How far the walk trusts answers: tables of lists that grow within windows and between them, and of their end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.helpers.list_server import Change, ListServer, a, first, ids, play, second, walk_through

# Insertions


def test_traces_that_arrive_between_windows_repeat_others_which_are_dropped() -> None:
    """After a repeat the next window is one page, and windows double from there. The last page is read alone."""
    tally = play(
        [
            first(18),
            ([2, 3], [a(2, 2, 3, n=19), a(3, 4, 5, n=19)], [[3], [4, 5]]),
            ([4], [a(4, 6, 7, n=19)], [[6, 7]]),
            ([5, 6], [a(5, 8, 9, n=19), a(6, 10, 11, n=19)], [[8, 9], [10, 11]]),
            ([7, 8, 9], [a(p, p * 2 - 2, p * 2 - 1, n=19) for p in (7, 8, 9)], [[12, 13], [14, 15], [16, 17]]),
            ([10], [a(10, 18, n=19)], [[18]]),
        ],
        prefetch=4,
    )
    assert tally == {"duplicates_dropped": 1}


def test_an_answer_that_is_older_than_the_page_before_it_is_asked_for_again() -> None:
    """Page 3 was read before an arrival and page 2 after it, so the trace that moved between them is on neither."""
    tally = play(
        [
            first(10),
            ([2, 3], [a(2, 2, 3, n=11), a(3, 5, 6, n=10)], [[3]]),
            ([3], [a(3, 4, 5, n=11)], [[4, 5]]),
        ],
        prefetch=2,
        then=[4, 5],
    )
    assert tally == {"duplicates_dropped": 1, "pages_reread": 1}


def test_answers_behind_one_that_is_asked_for_again_are_dropped() -> None:
    """This holds even if they are newer."""
    play(
        [
            first(15),
            second(15),
            (
                [4, 5, 6, 7],
                [a(4, 7, 8, n=16), a(5, 9, 10, n=15), a(6, 11, 12, n=16), a(7, 13, 14, n=16)],
                [[7, 8]],
            ),
            ([5], [a(5, 9, 10, n=16)], [[9, 10]]),
        ],
        prefetch=4,
        then=[6, 7],
    )


def test_rows_tell_more_than_counts() -> None:
    """Page 2 begins with a known trace, so the list has grown, even if page 3 does not report it."""
    play(
        [
            first(10),
            ([2, 3], [a(2, 2, 3, n=10), a(3, 5, 6, n=10)], [[3]]),
            ([3], [a(3, 4, 5, n=11)], [[4, 5]]),
        ],
        prefetch=2,
        then=[4],
    )


@pytest.mark.parametrize(("n", "then"), [(10, [4]), (11, [4, 5])])
def test_rows_that_only_the_next_window_shows_to_have_moved_lead_back_into_the_last_one(
    n: int, then: list[int]
) -> None:
    """Page 3 was read before page 2, and page 4 shows it. The walk returns to the end of page 2, with one page."""
    tally = play(
        [
            first(10),
            ([2, 3], [a(2, 11, 3, n=10), a(3, 5, 6, n=10)], [[11, 3], [5, 6]]),
            ([4, 5], [a(4, 6, 7, n=n), a(5, 8, 9, n=n)], []),
            ([3], [a(3, 4, 5, n=n)], [[4]]),
        ],
        prefetch=2,
        then=then,
    )
    assert tally == {"pages_reread": 1 + len(then), "duplicates_dropped": 1}


def test_one_of_45_that_slid_within_a_window_is_found() -> None:
    """Page 2 was counted before an arrival and read after it, and page 3 was read before it. Page 4 has a repeat."""
    tens = [list(range(n, n + 10)) for n in range(-1, 49, 10)]
    play(
        [
            ([1], [a(1, *range(10), n=45, limit=10)], [range(10)]),
            (
                [2, 3],
                [a(2, *tens[1], n=45, limit=10), a(3, *range(20, 30), n=45, limit=10)],
                [range(10, 19)],
            ),
            ([3], [a(3, *tens[2], n=46, limit=10)], [range(19, 29)]),
            ([4], [a(4, *tens[3], n=46, limit=10)], [range(29, 39)]),
            ([5], [a(5, *range(39, 45), n=46, limit=10)], [range(39, 45)]),
        ],
        prefetch=2,
        limit=10,
    )


@pytest.mark.parametrize(("length", "limit"), [(10, 10), (200, 100), (45, 10)])
@pytest.mark.parametrize("prefetch", [1, 2, 8])
def test_one_arrival_between_any_two_queries_loses_nothing(length: int, limit: int, prefetch: int) -> None:
    """Rows and count of an answer are two queries. The arrival may push a trace on from a full last page."""
    for moment in range(14):
        for order in range(12):
            server = ListServer(length, 100)
            outcome = walk_through(
                server, [Change(moment, 0.0, 1)], limit=limit, prefetch=prefetch, order=order, two_queries=True
            )
            found = ids(outcome.pages)
            assert outcome.owed <= set(found)
            assert len(found) == len(set(found))
            # If the count of the first answer includes it and the rows do not, the walk reads the list twice.
            assert moment == 1 or len(server.asked) <= length // limit + 1 + 2 * prefetch


def test_a_last_page_of_a_window_that_moves_is_asked_for_again_alone() -> None:
    """No page behind it could show that it was read before the page in front of it."""
    play(
        [
            first(5),
            ([2, 3], [a(2, 6, 3, n=6), a(3, 5, n=6, pages=3)], [[6, 3]]),
            ([3], [a(3, 4, 5, n=6)], [[4, 5]]),
            ([4], [a(4, n=6)], [[]]),
        ],
        prefetch=2,
    )


def test_dropped_rows_may_hide_repeats() -> None:
    """Page 4 is short and the list has grown, so the row that it repeats of page 3 may be the dropped one."""
    play(
        [
            first(10),
            ([2, 3], [a(2, 11, 3, n=10), a(3, 5, n=10)], [[11, 3], [5]]),
            ([4, 5], [a(4, 7, n=11), a(5, 8, 9, n=11)], []),
            ([3], [a(3, 4, 5, n=11)], [[4]]),
        ],
        prefetch=2,
        then=[4, 5],
    )


def test_dropped_rows_may_hide_repeats_if_only_the_window_before_shows_that_the_list_moves() -> None:
    """Page 3 already had the row that page 4 may repeat."""
    play(
        [
            first(10),
            ([2, 3], [a(2, 11, 3, n=10), a(3, 5, n=11)], [[11, 3], [5]]),
            ([4], [a(4, 7, n=11)], []),
        ],
        prefetch=2,
        then=[3],
    )


def test_dropped_rows_of_a_list_that_does_not_move_hide_nothing() -> None:
    """Such a list is not read twice."""
    play(
        [
            first(10),
            ([2, 3], [a(2, 3, n=10), a(3, 5, n=10)], [[3], [5]]),
            ([4, 5], [a(4, n=10), a(5, 9, n=10)], [[], [9]]),
        ],
        prefetch=2,
        then=[6],
    )


def test_a_burst_of_arrivals_is_read_through() -> None:
    """The walk accepts a page without a new trace and yields it empty."""
    tally = play(
        [
            first(5),
            ([2], [a(2, 1, 2, n=7)], [[]]),
            ([3], [a(3, 3, 4, n=7)], [[3, 4]]),
            ([4], [a(4, 5, n=7)], [[5]]),
        ]
    )
    assert tally == {"duplicates_dropped": 2}


def test_repeats_within_one_answer_are_dropped_too() -> None:
    """If a server lists a trace twice on one page, the walk yields it once."""
    tally = play([([1], [a(1, 1, 1, n=3)], [[1]]), ([2], [a(2, 3, n=3)], [[3]])])
    assert tally == {"duplicates_dropped": 1}


def test_a_page_of_which_something_was_dropped_keeps_its_pagination() -> None:
    """The pagination stays as the server sent it."""
    server = ListServer(3, 2)
    outcome = walk_through(server, [Change(1, 0.0, 1)], limit=2)
    assert [page.pagination for page in outcome.pages] == [a(p, n=3 + (p > 1)).pagination for p in (1, 2, 3)]
    assert ids(outcome.pages) == list("012")


# The last page


def test_a_last_page_with_fewer_rows_than_its_count_says_is_asked_for_once_more() -> None:
    """Its rows may be newer than a deletion and its count older. The second count tells."""
    play(
        [
            first(5),
            ([2], [a(2, 3, 4, n=5)], [[3, 4]]),
            ([3], [a(3, n=5)], [[]]),
            ([3], [a(3, n=4)], []),
            ([2], [a(2, 4, 5, n=4)], [[5]]),
        ],
        then=[3],
    )


def test_a_row_dropped_from_the_last_page_costs_one_request() -> None:
    """The walk trusts two equal answers."""
    tally = play([first(5), ([2], [a(2, 3, 4, n=5)], [[3, 4]]), ([3], [a(3, n=5)], [[]]), ([3], [a(3, n=5)], [[]])])
    assert tally == {"pages_reread": 1}


def test_a_last_page_with_more_rows_than_its_count_says_is_asked_for_once_more_too() -> None:
    """It has grown since the count. This holds for the first page too."""
    play([([1], [a(1, 1, 2, n=2, limit=3)], [[1, 2]])], limit=3)
    play([([1], [a(1, 1, 2, n=1, limit=3)], [[1, 2]])], limit=3, then=[1])
    play([first(4), ([2], [a(2, 3, 4, n=4)], [[3, 4]]), ([3], [a(3, 5, n=4)], [[5]])], then=[3])


def test_rows_dropped_from_the_only_page_cost_nothing() -> None:
    """No page in front of it could have moved by a deletion."""
    play([([1], [a(1, 1, n=2, limit=3)], [[1]])], limit=3)


def test_an_empty_page_far_behind_the_end_does_not_lengthen_the_list() -> None:
    """A walk that began there does not step back in front of it either."""
    assert not play([([9], [a(9, n=4)], [[]])], start_page=9)


# The store has left out its counts: totalPages is always 1 then


@pytest.mark.parametrize("totals", [(0, 0, 0), (2, 2, 1)])
@pytest.mark.parametrize("start_page", [1, 4])
def test_without_counts_a_full_page_means_that_there_is_more(totals: Sequence[int], start_page: int) -> None:
    """TotalItems is then 0, or the length of the page."""
    pages = range(start_page, start_page + 3)
    rows = [(1, 2), (3, 4), (5,)]
    play(
        [([p], [a(p, *r, n=n, pages=1)], [r]) for p, r, n in zip(pages, rows, totals, strict=True)],
        start_page=start_page,
        prefetch=8,
    )


def test_counts_of_other_answers_hold_if_one_answer_has_none() -> None:
    """The missing count is no deletion, and the walk still knows of the pages behind."""
    play(
        [
            first(7),
            ([2, 3], [a(2, 3, 4, n=0, pages=1), a(3, 5, 6, n=7)], [[3, 4], [5, 6]]),
            ([4], [a(4, 7, n=7)], [[7]]),
        ],
        prefetch=2,
    )
