"""What is believed of answers: tables of a list that loses traces within windows and between them."""

from __future__ import annotations

import pytest

from tests.helpers.list_server import ListServer, Step, a, first, play, second, walk_of, walk_on


@pytest.mark.parametrize(
    ("deleted", "asked"),
    [
        (1, [4, 5]),
        (2, [4, 5]),
        (3, [3, 4, 5]),
        (4, [3, 4, 5]),
        (5, [2, 3, 4, 5]),
        (8, [1, 2, 3, 4, 5]),
        (9, [1, 2, 3, 4, 5]),
    ],
)
def test_after_deletions_as_many_positions_in_front_are_searched(deleted: int, asked: list[int]) -> None:
    """Never before page 1. They hold as many new traces: the last window was read before the deletions."""
    server = ListServer(40, 2)
    walk = walk_of()
    found = walk_on(walk, server, 4)
    server.delete(0, deleted)
    server.asked.clear()
    while not walk.done:
        found += walk_on(walk, server, 1)
    assert server.asked[: len(asked) + 1] == [5, *asked]
    assert found == [str(i) for i in (*range(8), *range(max(8, deleted), 40))]


def test_a_later_deletion_is_searched_for_where_the_walk_is_then() -> None:
    """A search that is over does not come back."""
    server = ListServer(80, 2)
    walk = walk_of()
    walk_on(walk, server, 5)
    for page in (6, 16, 26):
        server.asked.clear()
        server.delete(0, 1)
        walk_on(walk, server, 12)
        assert server.asked == [page, page - 1, *range(page, page + 10)]


def test_where_the_count_was_older_than_the_rows_the_search_begins_in_front_of_the_last_window() -> None:
    """Page 3 was read after the deletion: position 5 holds nothing new, position 3 does; then on behind page 3."""
    play(
        [
            first(11),
            ([2], [a(2, 3, 4, n=11)], [[3, 4]]),
            ([3], [a(3, 6, 7, n=11)], [[6, 7]]),
            ([4], [a(4, 8, 9, n=10)], []),
            ([3], [a(3, 6, 7, n=10)], [[]]),
            ([2], [a(2, 4, 5, n=10)], [[5]]),
            ([3], [a(3, 6, 7, n=10)], [[]]),
            ([4], [a(4, 8, 9, n=10)], [[8, 9]]),
        ],
        then=[5],
    )


def test_where_nothing_new_stands_in_either_place_the_walk_goes_on_behind_the_last_window() -> None:
    """None of the deletions was in front of it, so nothing has moved."""
    play(
        [
            first(11),
            ([2], [a(2, 3, 4, n=11)], [[3, 4]]),
            ([3], [a(3, 5, 6, n=11)], [[5, 6]]),
            ([4], [a(4, 7, 8, n=10)], []),
            ([3], [a(3, 5, 6, n=10)], [[]]),
            ([2], [a(2, 3, 4, n=10)], [[]]),
        ],
        then=[4],
    )


def test_a_list_that_grows_during_the_search_is_read_on_from_there() -> None:
    """What is searched for may have been pushed on: that it is not there tells nothing."""
    play(
        [
            first(11),
            ([2], [a(2, 3, 4, n=11)], [[3, 4]]),
            ([3], [a(3, 6, 7, n=11)], [[6, 7]]),
            ([4], [a(4, 8, 9, n=10)], []),
            ([3], [a(3, 6, 7, n=10)], [[]]),
            ([2], [a(2, 2, 3, n=12)], [[]]),
            ([3], [a(3, 4, 5, n=12)], [[5]]),
        ],
        then=[4],
    )


def test_a_trace_that_arrives_where_it_is_searched_is_not_taken_for_what_has_moved() -> None:
    """Trace 12 is new, but the list has grown by it: trace 5 stands further in front."""
    play(
        [
            first(11),
            ([2], [a(2, 3, 4, n=11)], [[3, 4]]),
            ([3], [a(3, 6, 7, n=11)], [[6, 7]]),
            ([4], [a(4, 8, 9, n=10)], []),
            ([3], [a(3, 6, 12, n=11)], [[12]]),
            ([2], [a(2, 4, 5, n=11)], [[5]]),
        ],
        then=[3],
    )


def test_of_a_window_of_several_pages_all_is_read_again_where_the_search_does_not_find_all() -> None:
    """Where in it the deletion came is not known."""
    play(
        [
            first(11),
            ([2, 3], [a(2, 3, 4, n=11), a(3, 6, 7, n=11)], [[3, 4], [6, 7]]),
            ([4, 5], [a(4, 8, 9, n=10), a(5, 10, 11, n=10)], []),
            ([3], [a(3, 6, 7, n=10)], [[]]),
            ([1], [a(1, 2, 3, n=10)], [[]]),
            ([2, 3], [a(2, 4, 5, n=10), a(3, 6, 7, n=10)], [[5], []]),
        ],
        prefetch=2,
        then=[4],
    )


def test_a_deletion_while_such_a_window_is_read_again_does_not_lead_back_into_it() -> None:
    """It is searched for in front of what has been read again by then."""
    play(
        [
            first(11),
            ([2, 3], [a(2, 3, 4, n=11), a(3, 6, 7, n=11)], [[3, 4], [6, 7]]),
            ([4, 5], [a(4, 8, 9, n=10), a(5, 10, 11, n=10)], []),
            ([3], [a(3, 6, 7, n=10)], [[]]),
            ([1], [a(1, 3, 4, n=9)], []),
            ([1], [a(1, 3, 4, n=9)], [[]]),
        ],
        prefetch=2,
        then=[2, 3],
    )


def test_a_search_that_has_found_all_is_over_also_where_the_list_grows_then() -> None:
    """The next page has one more behind it: that is no reason to search again."""
    play(
        [
            first(11),
            ([2], [a(2, 3, 4, n=11)], [[3, 4]]),
            ([3], [a(3, 5, 6, n=11)], [[5, 6]]),
            ([4], [a(4, 8, 9, n=10)], []),
            ([3], [a(3, 6, 7, n=10)], [[7]]),
            ([4], [a(4, 8, 9, n=11)], [[8, 9]]),
        ],
        then=[5],
    )


def test_a_window_whose_pages_do_not_fit_together_is_not_searched_but_read_again() -> None:
    """Page 2 is short, as by a deletion that its count does not know yet."""
    play(
        [
            first(11),
            ([2, 3], [a(2, 3, n=11), a(3, 6, 7, n=11)], [[3], [6, 7]]),
            ([4, 5], [a(4, 8, 9, n=10), a(5, 10, 11, n=10)], []),
            ([1], [a(1, 2, 3, n=10)], [[]]),
        ],
        prefetch=2,
        then=[2, 3],
    )


def test_a_deletion_within_a_window_is_told_from_an_answer_that_is_older() -> None:
    """Page 3 has fewer items than there were when the window was asked for, so asking again would not help."""
    play(
        [
            first(9),
            ([2, 3], [a(2, 3, 4, n=9), a(3, 6, 7, n=8)], [[3, 4]]),
            ([2], [a(2, 4, 5, n=8)], [[5]]),
            ([3], [a(3, 6, 7, n=8)], [[6, 7]]),
        ],
        prefetch=4,
        then=[4],
    )


def test_the_least_count_of_a_window_is_what_has_become_of_the_list() -> None:
    """Also where it comes behind answers that are refused, and where the next answer has grown again."""
    play(
        [
            first(20),
            second(20),
            ([4, 5], [a(4, 9, 10, n=18), a(5, 15, 16, n=14)], []),
            ([1], [a(1, 7, 8, n=18)], [[7, 8]]),
        ],
        prefetch=2,
        then=[2],
    )


def test_further_deletions_during_the_search_are_added_up() -> None:
    """Where the window began and ended before the first of them is what counts."""
    play(
        [
            first(12),
            ([2], [a(2, 3, 4, n=12)], [[3, 4]]),
            ([3], [a(3, 5, 6, n=12)], [[5, 6]]),
            ([4], [a(4, 8, 9, n=11)], []),
            ([3], [a(3, 7, 8, n=9)], []),
            ([2], [a(2, 6, 7, n=9)], [[7]]),
            ([3], [a(3, 8, 9, n=9)], [[8, 9]]),
        ],
        then=[4],
    )


def test_the_same_fall_of_a_replica_that_lags_is_not_added_up() -> None:
    """From 11 to 10 again and again is one deletion, whatever answers came in between."""
    again: list[Step] = [([3], [a(3, 6, 7, n=11)], [[]]), ([2], [a(2, 3, 4, n=10)], [])]
    play(
        [
            first(11),
            ([2], [a(2, 3, 4, n=11)], [[3, 4]]),
            ([3], [a(3, 5, 6, n=11)], [[5, 6]]),
            ([4], [a(4, 8, 9, n=10)], []),
            ([3], [a(3, 5, 6, n=11)], [[]]),
            *again[1:],
            ([3], [a(3, 6, 7, n=10)], [[7]]),
        ],
        then=[4],
    )


def test_a_list_that_lost_its_tail_ends_where_it_ends_now() -> None:
    """The search finds nothing, and the walk is done at the new last page."""
    play([first(6), ([2], [a(2, n=1)], []), ([1], [a(1, 1, n=1)], [[]])])


def test_a_count_that_makes_one_page_of_the_list_is_one_where_more_was_known() -> None:
    """It is not taken for left out, though there are rows on page 2: they are from before the deletion."""
    play([first(3), ([2], [a(2, 3, n=2)], [])], then=[1])
