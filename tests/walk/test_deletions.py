"""How far the walk trusts answers: tables of lists that lose traces within windows and between them."""

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
    """The search never begins before page 1. Its positions hold as many new traces, since the last window is older."""
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
    """A search that has ended is not repeated."""
    server = ListServer(80, 2)
    walk = walk_of()
    walk_on(walk, server, 5)
    for page in (6, 16, 26):
        server.asked.clear()
        server.delete(0, 1)
        walk_on(walk, server, 12)
        assert server.asked == [page, page - 1, *range(page, page + 10)]


def test_the_search_begins_in_front_of_the_last_window_if_a_count_was_older_than_its_rows() -> None:
    """Page 3 was read after the deletion. Position 3 has a new trace, and the walk continues behind page 3."""
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


def test_the_walk_goes_on_behind_the_last_window_if_both_places_have_nothing_new() -> None:
    """No deletion was in front of that window, so no trace has moved."""
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
    """Growth may have pushed the moved trace on, so its absence proves nothing."""
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


def test_an_arrival_within_the_search_is_not_taken_for_the_moved_trace() -> None:
    """Trace 12 is new, and the list has grown by it. Trace 5 is further in front."""
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


def test_a_window_of_several_pages_is_read_again_if_the_search_does_not_find_all() -> None:
    """It is not known where in the window the deletion came."""
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
    """The walk searches for it in front of the pages that were read again."""
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


def test_a_search_that_has_found_all_is_over_even_if_the_list_grows() -> None:
    """The next page has one more behind it, and that is no reason to search again."""
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
    """Page 2 is short, as after a deletion that its count does not include yet."""
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
    """Page 3 has fewer items than the list had when the window was requested, so a second request would not help."""
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


def test_the_smallest_count_of_a_window_is_the_length_of_the_list() -> None:
    """This holds if refused answers precede it, and if the list has grown again by the next answer."""
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
    """The search covers the range of the window that was read before the first of them."""
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


def test_the_same_deletion_reported_by_a_lagging_replica_counts_once() -> None:
    """A count that falls from 11 to 10 several times is one deletion, despite other answers in between."""
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
    """The search finds nothing, and the walk ends at the new last page."""
    play([first(6), ([2], [a(2, n=1)], []), ([1], [a(1, 1, n=1)], [[]])])


def test_a_count_of_one_page_is_a_deletion_if_more_pages_were_known() -> None:
    """The walk does not take the count for missing. The rows on page 2 are older than the deletion."""
    play([first(3), ([2], [a(2, 3, n=2)], [])], then=[1])
