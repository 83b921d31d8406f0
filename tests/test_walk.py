"""The walk: which pages it asks for, and what it yields of a list that moves meanwhile."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listsim import Change, ListServer, Outcome, failure_of, ids, page_of, walk_through

from lyzr_traces_async._walk import MAX_IDLE_ANSWERS, PageWalk
from lyzr_traces_async.errors import PaginationError, ServerError
from lyzr_traces_async.models import TracePage

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
walking = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# The pages of a window, the answers to them, and the traces of each page that is then yielded.
Step = tuple[Sequence[int], Sequence[TracePage], Sequence[Sequence[int]]]


def a(page: int, *traces: int, n: int, pages: int | None = None, limit: int = 2) -> TracePage:
    """Return an answer of a list of ``n`` traces, two on a page."""
    return page_of(page, traces, limit=limit, total=n, pages=pages)


def walk_of(prefetch: int = 1, start_page: int = 1, limit: int = 2, tally: Counter[str] | None = None) -> PageWalk:
    """Return a walk that has not begun."""
    tally = Counter() if tally is None else tally
    return PageWalk("the-session", tally, limit=limit, start_page=start_page, prefetch=prefetch)


def play(steps: Sequence[Step], *, prefetch: int = 1, start_page: int = 1, then: Sequence[int] = ()) -> Counter[str]:
    """Take a walk step by step; ``then`` is the window after the last one, if that is not the end."""
    tally: Counter[str] = Counter()
    walk = walk_of(prefetch, start_page, tally=tally)
    for window, answers, yielded in steps:
        assert not walk.done
        assert list(walk.window()) == list(window)
        assert [[int(trace.trace_id) for trace in page] for page in walk.feed(answers)] == [list(y) for y in yielded]
    assert walk.done == (not then)
    if then:
        assert list(walk.window()) == list(then)
    return +tally


def test_a_single_page_is_the_whole_walk() -> None:
    """The answer itself is yielded, and nothing more is asked for."""
    walk = walk_of(limit=50)
    assert (walk.session_id, walk.limit, walk.done) == ("the-session", 50, False)
    assert walk.window() == range(1, 2)
    answer = a(1, 1, 2, n=2)
    (page,) = walk.feed([answer])
    assert page is answer
    assert walk.done


@pytest.mark.parametrize("prefetch", [1, 2, 8])
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([([1], [a(1, n=0)], [[]])], id="totalPages is 0"),
        pytest.param([([1], [a(1, n=0, pages=1)], [[]])], id="totalPages is 1"),
        pytest.param([([1], [a(1, 1, n=2)], [[1]])], id="a row was dropped"),
        pytest.param([([1], [a(1, n=2)], [[]])], id="all rows were dropped"),
    ],
)
def test_a_session_without_a_second_page_yields_one_page(steps: list[Step], prefetch: int) -> None:
    """Also an empty one, whose pagination then says so."""
    assert not play(steps, prefetch=prefetch)


@pytest.mark.parametrize("prefetch", [1, 2, 8])
def test_short_and_empty_pages_in_the_middle_do_not_end_the_walk(prefetch: int) -> None:
    """Only totalPages says where the end is; every accepted page is yielded, the empty ones too."""
    server = ListServer(12, 2, hidden=[1, 2, 3, 4, 8, 9, 10])
    outcome = walk_through(server, prefetch=prefetch)
    assert [ids([page]) for page in outcome.pages] == [["0"], [], ["5"], ["6", "7"], [], ["11"]]


@pytest.mark.parametrize(
    ("prefetch", "pages", "sizes"),
    [
        (1, 4, [1, 1, 1, 1]),
        (2, 7, [1, 2, 2, 2]),
        (3, 9, [1, 2, 3, 3]),
        (4, 12, [1, 2, 4, 4, 1]),
        (8, 1, [1]),
        (8, 2, [1, 1]),
        (8, 3, [1, 2]),
        (8, 6, [1, 2, 3]),
        (8, 7, [1, 2, 4]),
        (8, 8, [1, 2, 4, 1]),
        (8, 23, [1, 2, 4, 8, 8]),
        (8, 25, [1, 2, 4, 8, 8, 2]),
        (100, 64, [1, 2, 4, 8, 16, 32, 1]),
    ],
)
def test_windows_double_up_to_prefetch_and_stop_at_the_last_page(prefetch: int, pages: int, sizes: list[int]) -> None:
    """On a quiet list every page is asked for exactly once, in order."""
    server = ListServer(pages * 3, 3)
    outcome = walk_through(server, prefetch=prefetch)
    assert [len(window) for window in outcome.windows] == sizes
    assert [page for window in outcome.windows for page in window] == list(range(1, pages + 1))
    assert ids(outcome.pages) == [str(item) for item in server.items]
    assert not +outcome.tally


@pytest.mark.parametrize("prefetch", range(1, 17))
def test_leaving_after_k_pages_has_cost_at_most_twice_as_many_requests(prefetch: int) -> None:
    """On a quiet list, wherever the consumer leaves."""
    server = ListServer(64, 1)
    walk = walk_of(prefetch)
    consumed = 0
    while not walk.done:
        window = walk.window()
        for _ in walk.feed([server.answer(page) for page in window]):
            consumed += 1
            assert len(server.asked) <= 2 * consumed
    assert consumed == 64


@pytest.mark.parametrize("prefetch", [1, 8])
def test_a_tail_that_grows_is_followed(prefetch: int) -> None:
    """The newest totalPages is the right one, also when it comes with what was the last page."""
    play(
        [
            ([1], [a(1, 1, 2, n=4)], [[1, 2]]),
            ([2], [a(2, 3, 4, n=5)], [[3, 4]]),
            ([3], [a(3, 5, 6, n=7)], [[5, 6]]),
            ([4], [a(4, 7, n=7)], [[7]]),
        ],
        prefetch=prefetch,
    )


def test_a_list_that_lost_its_tail_ends_where_it_ends_now() -> None:
    """The walk goes back over as many as were deleted, finds nothing new, and is done at the new last page."""
    tally = play(
        [
            ([1], [a(1, 1, 2, n=6)], [[1, 2]]),
            ([2], [a(2, n=2)], []),
            ([1], [a(1, 1, 2, n=2)], [[]]),
        ]
    )
    assert tally == {"pages_reread": 1, "duplicates_dropped": 2}


@pytest.mark.parametrize(("page", "n"), [(2, 0), (2, 2), (5, 4), (5, 0)])
def test_a_page_past_the_end_ends_the_walk(page: int, n: int) -> None:
    """As when a walk is taken up again at a page that is gone."""
    play([([page], [a(page, n=n)], [[]])], start_page=page, prefetch=4)


def test_a_walk_begins_with_its_start_page() -> None:
    """And doubles its windows from there."""
    play(
        [
            ([3], [a(3, 5, 6, n=12)], [[5, 6]]),
            ([4, 5], [a(4, 7, 8, n=12), a(5, 9, 10, n=12)], [[7, 8], [9, 10]]),
            ([6], [a(6, 11, 12, n=12)], [[11, 12]]),
        ],
        start_page=3,
        prefetch=8,
    )


def test_a_start_page_counts_in_the_limit_of_the_first_answer() -> None:
    """One deletion from the front, and the page before is needed; had the offset been lost, none would be."""
    tally = play(
        [
            ([3], [a(3, 7, 8, 9, n=12, limit=3)], [[7, 8, 9]]),
            ([4], [a(4, 11, 12, n=11, limit=3)], []),
            ([3], [a(3, 8, 9, 10, n=11, limit=3)], [[10], [11, 12]]),
        ],
        start_page=3,
        prefetch=8,
    )
    assert tally == {"pages_reread": 1, "duplicates_dropped": 2}


def test_a_walk_may_step_back_before_its_start_page() -> None:
    """Where deletions have moved there what it still owes; what else it finds there is yielded too."""
    tally = play(
        [
            ([3], [a(3, 5, 6, n=8)], [[5, 6]]),
            ([4], [a(4, n=5)], []),
            ([2], [a(2, 6, 7, n=5)], [[7]]),
            ([3], [a(3, 8, n=5)], [[8]]),
        ],
        start_page=3,
    )
    assert tally == {"pages_reread": 2, "duplicates_dropped": 1}


def test_a_smaller_limit_than_asked_for_is_followed() -> None:
    """Pages are counted in the limit of the first answer, whatever was asked for."""
    outcome = walk_through(ListServer(7, 1), [Change(3, 0.0, -1)], prefetch=4)
    assert ids(outcome.pages) == list("0123456")


@pytest.mark.parametrize("changed", [1, 3])
def test_a_limit_that_changes_ends_the_walk_after_the_pages_before(changed: int) -> None:
    """Such pages do not make up one list; what came before is not withheld."""
    walk = walk_of(4)
    list(walk.feed([a(1, 1, 2, n=20)][: len(walk.window())]))
    assert list(walk.window()) == [2, 3]
    yielded = walk.feed([a(2, 3, 4, n=20), a(3, 5, n=20, limit=changed)])
    assert ids([next(yielded)]) == ["3", "4"]
    with pytest.raises(PaginationError, match=f"from 2 to {changed}") as caught:
        next(yielded)
    assert (caught.value.session_id, caught.value.page) == ("the-session", 3)


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_window_cut_short_by_a_failure_is_asked_for_again_from_there(kept: int) -> None:
    """What came before the failure is yielded."""
    server = ListServer(20, 2)
    tally: Counter[str] = Counter()
    walk = walk_of(4, tally=tally)
    for _ in range(2):
        list(walk.feed([server.answer(page) for page in walk.window()]))
    window = walk.window()
    assert list(window) == [4, 5, 6, 7]
    assert ids(walk.feed([server.answer(page) for page in window[:kept]])) == [str(i) for i in range(6, 6 + 2 * kept)]
    assert list(walk.window()) == list(range(4 + kept, min(8 + kept, 11)))
    assert tally["pages_reread"] == 4 - kept


def test_the_failure_of_a_page_that_the_walk_needs_is_raised_after_the_pages_before() -> None:
    """It is the very error, with the page to take the walk up from."""
    walk = walk_of(2)
    list(walk.feed([a(1, 1, 2, n=20)][: len(walk.window())]))
    assert list(walk.window()) == [2, 3]
    failure = failure_of()
    yielded = walk.feed([a(2, 3, 4, n=20)], failure)
    assert ids([next(yielded)]) == ["3", "4"]
    with pytest.raises(ServerError) as caught:
        next(yielded)
    assert caught.value is failure
    assert failure.page == 3
    assert not walk.done


def test_the_failure_of_the_very_first_page_is_raised() -> None:
    """Its page is the one that the walk was to begin with."""
    walk = walk_of(start_page=7)
    walk.window()
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of()]))
    assert caught.value.page == 7


def test_the_failure_of_a_page_past_the_end_does_not_matter() -> None:
    """The list ended earlier than it was said to when that page was asked for."""
    walk = walk_of(2)
    list(walk.feed([a(1, 1, 2, n=20)][: len(walk.window())]))
    assert list(walk.window()) == [2, 3]
    assert ids(walk.feed([a(2, 3, 4, n=20, pages=2)], failure_of())) == ["3", "4"]
    assert walk.done


@pytest.mark.parametrize(
    ("second", "third"), [((2, 4, 5, 9), 1), ((2, 3, 4, 10), None)], ids=["a gap before it", "nothing before it"]
)
def test_the_failure_of_a_page_that_is_not_next_does_not_matter_yet(
    second: tuple[int, int, int, int], third: int | None
) -> None:
    """Where the walk has to step back first, it will ask for that page again in any case."""
    walk = walk_of(2)
    list(walk.feed([a(1, 1, 2, n=10)][: len(walk.window())]))
    assert list(walk.window()) == [2, 3]
    page, first, last, n = second
    if third is None:
        with pytest.raises(ServerError):
            list(walk.feed([a(page, first, last, n=n)], failure_of(too_heavy=False)))
    else:
        assert list(walk.feed([a(page, first, last, n=n)], failure_of(too_heavy=True))) == []
        assert walk.limit == 2
        assert list(walk.window()) == [third]


@pytest.mark.parametrize(
    ("limit", "smaller"),
    [
        (100, [50, 25, 5, 1]),
        (97, [1]),
        (64, [32, 16, 8, 4, 2, 1]),
        (30, [15, 5, 1]),
        (9, [3, 1]),
        (2, [1]),
        (1, []),
    ],
)
def test_a_page_that_is_too_heavy_is_asked_for_in_parts(limit: int, smaller: list[int]) -> None:
    """With the largest limit that divides the one before; where one trace is too heavy, the error is raised."""
    walk = walk_of(8, 3, limit)
    for less in smaller:
        walk.window()
        assert list(walk.feed([failure_of(too_heavy=True)])) == []
        assert walk.limit == less
        assert list(walk.window()) == [2 * limit // less + 1]
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of(too_heavy=True)]))
    assert caught.value.page == 3


def test_in_the_middle_of_a_walk_a_smaller_limit_goes_on_where_the_larger_one_stopped() -> None:
    """No trace is asked for twice, and windows begin again with one page."""
    server = ListServer(50, 100)
    tally: Counter[str] = Counter()
    walk = walk_of(4, limit=4, tally=tally)
    for _ in range(2):
        list(walk.feed([server.answer(page, 4) for page in walk.window()]))
    assert list(walk.window()) == [4, 5, 6, 7]
    assert ids(walk.feed([server.answer(4, 4)], failure_of(too_heavy=True))) == ["12", "13", "14", "15"]
    assert walk.limit == 2
    windows, out = [], []
    while not walk.done:
        window = walk.window()
        windows.append(list(window))
        out += ids(walk.feed([server.answer(page, 2) for page in window]))
    assert windows == [[9], [10, 11], [12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23], [24, 25]]
    assert out == [str(i) for i in range(16, 50)]
    assert not +tally


def test_the_windows_of_a_smaller_limit_end_where_the_list_ends() -> None:
    """The number of pages is counted anew."""
    tally: Counter[str] = Counter()
    walk = walk_of(8, limit=4, tally=tally)
    list(walk.feed([a(1, 1, 2, 3, 4, n=9, limit=4)][: len(walk.window())]))
    assert list(walk.window()) == [2, 3]
    assert list(walk.feed([failure_of(too_heavy=True)])) == []
    assert list(walk.window()) == [3]
    assert ids(walk.feed([a(3, 5, 6, n=9)])) == ["5", "6"]
    assert list(walk.window()) == [4, 5]
    assert not +tally


def test_answers_of_the_larger_limit_are_not_mixed_with_those_of_the_smaller_one() -> None:
    """What was kept counts in other pages."""
    walk = walk_of(4)
    list(walk.feed([a(1, 1, 2, n=12)][: len(walk.window())]))
    list(walk.feed([a(page, page * 2 - 1, page * 2, n=12) for page in walk.window()]))
    assert list(walk.window()) == [4, 5, 6]
    assert list(walk.feed([a(4, 8, 9, n=11), a(5, 10, 11, n=11), a(6, 12, n=11)])) == []
    assert list(walk.window()) == [3]
    assert list(walk.feed([failure_of(too_heavy=True)])) == []
    out, windows = [], []
    server = ListServer(11, 1)
    while not walk.done:
        window = walk.window()
        windows.append(list(window))
        out += ids(walk.feed([server.answer(page) for page in window]))
    assert windows == [[6], [7, 8], [9, 10, 11]]
    assert out == ["7", "8", "9", "10"]


def test_deletions_are_noticed_across_a_change_of_the_limit() -> None:
    """What was covered is kept as a position, whatever the limit."""
    server = ListServer(12, 100)
    walk = walk_of(limit=4)
    out = ids(walk.feed([server.answer(page, 4) for page in walk.window()]))
    walk.window()
    list(walk.feed([failure_of(too_heavy=True)]))
    server.delete(0, 3)
    while not walk.done:
        out += ids(walk.feed([server.answer(page, walk.limit) for page in walk.window()]))
    assert out == [str(i) for i in range(12)]
    assert server.asked == [1, 3, 1, 2, 4, 5][:2] + server.asked[2:]


def test_a_limit_that_the_server_made_smaller_is_divided_in_its_turn() -> None:
    """A server that gives 20 where 100 were asked for is then asked for 10."""
    server = ListServer(60, 20)
    walk = walk_of(limit=100)
    for _ in range(2):
        list(walk.feed([server.answer(page, 100) for page in walk.window()]))
    assert list(walk.window()) == [3]
    list(walk.feed([failure_of(too_heavy=True)]))
    assert walk.limit == 10
    assert list(walk.window()) == [5]
    assert ids(walk.feed([server.answer(5, 10)])) == [str(i) for i in range(40, 50)]


def test_an_error_names_the_page_to_resume_from_in_the_limit_of_the_caller() -> None:
    """At trace 250, that is page 3 of 100, whatever the limit was by then."""
    server = ListServer(1000, 100)
    walk = walk_of(limit=100)
    for _ in range(2):
        list(walk.feed([server.answer(page, 100) for page in walk.window()]))
    walk.window()
    list(walk.feed([failure_of(too_heavy=True)]))
    assert ids(walk.feed([server.answer(page, 50) for page in walk.window()]))[0] == "200"
    assert list(walk.window()) == [6]
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of()]))
    assert caught.value.page == 3
    with pytest.raises(PaginationError, match="from 50 to 60") as changed:
        list(walk.feed([server.answer(6, 60)]))
    assert changed.value.page == 3


def test_that_page_is_right_also_where_already_the_first_answer_took_a_smaller_limit() -> None:
    """The caller will ask with their own limit again; at trace 50, that is page 1 of 100."""
    server = ListServer(1000, 100)
    walk = walk_of(limit=100)
    walk.window()
    list(walk.feed([failure_of(too_heavy=True)]))
    assert ids(walk.feed([server.answer(page, walk.limit) for page in walk.window()]))[-1] == "49"
    assert list(walk.window()) == [2]
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of()]))
    assert caught.value.page == 1


def test_that_page_counts_in_the_limit_of_the_server_where_that_is_smaller() -> None:
    """Asked for 100 again, that server would give 20 again; trace 60 is on its page 4."""
    server = ListServer(1000, 20)
    walk = walk_of(limit=100)
    for _ in range(3):
        list(walk.feed([server.answer(page, 100) for page in walk.window()]))
    walk.window()
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of()]))
    assert caught.value.page == 4


def test_traces_that_arrive_between_windows_repeat_others_which_are_dropped() -> None:
    """Drift makes the next window one page again, from where it doubles as at the beginning."""
    tally = play(
        [
            ([1], [a(1, 1, 2, n=18)], [[1, 2]]),
            ([2, 3], [a(2, 2, 3, n=19), a(3, 4, 5, n=19)], [[3], [4, 5]]),
            ([4], [a(4, 6, 7, n=19)], [[6, 7]]),
            ([5, 6], [a(5, 8, 9, n=19), a(6, 10, 11, n=19)], [[8, 9], [10, 11]]),
            (
                [7, 8, 9, 10],
                [a(p, p * 2 - 2, p * 2 - 1, n=19) for p in (7, 8, 9)] + [a(10, 18, n=19)],
                [[12, 13], [14, 15], [16, 17], [18]],
            ),
        ],
        prefetch=4,
    )
    assert tally == {"duplicates_dropped": 1}


def test_an_answer_that_may_be_older_than_the_page_before_it_is_asked_for_again_alone() -> None:
    """Page 3 was read before a trace arrived, page 2 after: what slid from one to the other is on neither."""
    tally = play(
        [
            ([1], [a(1, 1, 2, n=10)], [[1, 2]]),
            ([2, 3], [a(2, 2, 3, n=11), a(3, 5, 6, n=10)], [[3]]),
            ([3], [a(3, 4, 5, n=11)], [[4, 5]]),
        ],
        prefetch=2,
        then=[4, 5],
    )
    assert tally == {"duplicates_dropped": 1, "pages_reread": 1}


def test_answers_behind_one_that_is_asked_for_again_are_kept_if_they_are_as_new() -> None:
    """They need not be asked for again, in however many windows the one before them takes."""
    tally = play(
        [
            ([1], [a(1, 1, 2, n=13)], [[1, 2]]),
            ([2, 3], [a(2, 3, 4, n=13), a(3, 5, 6, n=13)], [[3, 4], [5, 6]]),
            (
                [4, 5, 6, 7],
                [a(4, 6, 7, n=14), a(5, 9, 10, n=13), a(6, 10, 11, n=14), a(7, 12, 13, n=14)],
                [[7]],
            ),
            ([5], [a(5, 8, 9, n=14)], [[8, 9], [10, 11], [12, 13]]),
        ],
        prefetch=4,
    )
    assert tally == {"duplicates_dropped": 1, "pages_reread": 1}


def test_kept_answers_that_are_older_than_the_one_before_them_are_not_accepted() -> None:
    """The list grew again while page 5 was asked for again, so pages 6 and 7 are stale too, one after the other."""
    tally = play(
        [
            ([1], [a(1, 1, 2, n=13)], [[1, 2]]),
            ([2, 3], [a(2, 3, 4, n=13), a(3, 5, 6, n=13)], [[3, 4], [5, 6]]),
            (
                [4, 5, 6, 7],
                [a(4, 6, 7, n=14), a(5, 9, 10, n=13), a(6, 10, 11, n=14), a(7, 12, 13, n=14)],
                [[7]],
            ),
            ([5], [a(5, 7, 8, n=15)], [[8]]),
            ([6], [a(6, 9, 10, n=15)], [[9, 10]]),
            ([7], [a(7, 11, 12, n=15)], [[11, 12]]),
            ([8], [a(8, 13, n=15)], [[13]]),
        ],
        prefetch=4,
    )
    assert tally == {"duplicates_dropped": 2, "pages_reread": 3}


def test_kept_answers_are_dropped_where_the_list_has_moved_the_other_way_since() -> None:
    """It grew, they were kept, it shrank: that they have items enough no longer shows that they fit."""
    tally = play(
        [
            ([1], [a(1, 1, 2, n=13)], [[1, 2]]),
            ([2, 3], [a(2, 3, 4, n=13), a(3, 5, 6, n=13)], [[3, 4], [5, 6]]),
            (
                [4, 5, 6, 7],
                [a(4, 6, 7, n=14), a(5, 9, 10, n=13), a(6, 10, 11, n=14), a(7, 12, 13, n=14)],
                [[7]],
            ),
            ([5], [a(5, 9, 10, n=13)], []),
            ([4], [a(4, 7, 8, n=13)], [[8], [9, 10]]),
        ],
        prefetch=4,
        then=[6, 7],
    )
    assert tally == {"duplicates_dropped": 2, "pages_reread": 4}


@pytest.mark.parametrize(
    ("deleted", "back_to"), [(1, 4), (2, 4), (3, 3), (4, 3), (5, 2), (6, 2), (7, 1), (8, 1), (9, 1), (30, 1)]
)
def test_after_deletions_the_walk_steps_back_as_far_as_they_may_have_moved_the_list(deleted: int, back_to: int) -> None:
    """Never before page 1. All that slid forward is found, and the answer that told of it is not asked for again."""
    server = ListServer(40, 2)
    tally: Counter[str] = Counter()
    walk = walk_of(tally=tally)
    out: list[str] = []
    for _ in range(4):
        out += ids(walk.feed([server.answer(page) for page in walk.window()]))
    server.delete(0, deleted)
    while not walk.done:
        window = walk.window()
        out += ids(walk.feed([server.answer(page) for page in window]))
    assert server.asked == [1, 2, 3, 4, 5, *range(back_to, 5), *range(6, max(6, (41 - deleted) // 2 + 1))]
    assert out == [str(i) for i in (*range(8), *range(max(8, deleted), 40))]
    assert tally["pages_reread"] == 5 - back_to


def test_a_deletion_within_a_window_is_told_from_an_answer_that_is_older() -> None:
    """Page 3 has fewer items than there were when the window was asked for, so asking again would not help."""
    tally = play(
        [
            ([1], [a(1, 1, 2, n=10)], [[1, 2]]),
            ([2, 3], [a(2, 3, 4, n=10), a(3, 6, 7, n=9)], [[3, 4]]),
            ([2], [a(2, 4, 5, n=9)], [[5], [6, 7]]),
            ([4, 5], [a(4, 8, 9, n=9), a(5, 10, n=9)], [[8, 9], [10]]),
        ],
        prefetch=4,
    )
    assert tally == {"duplicates_dropped": 1, "pages_reread": 1}


def test_an_answer_from_before_a_deletion_covers_as_much_less() -> None:
    """It is used, but its last trace stands further in front by now: the page is asked for once more."""
    tally = play(
        [
            ([1], [a(1, 1, 2, n=10)], [[1, 2]]),
            ([2, 3], [a(2, 4, 5, n=9), a(3, 5, 6, n=10)], []),
            ([1], [a(1, 2, 3, n=9)], [[3], [4, 5], [6]]),
            ([3], [a(3, 6, 7, n=9)], [[7]]),
        ],
        prefetch=2,
        then=[4, 5],
    )
    assert tally == {"duplicates_dropped": 3, "pages_reread": 2}


def test_growth_does_not_hide_the_deletions_that_a_refused_answer_told_of() -> None:
    """Six were deleted while the pages 4 and 5 were read, and four arrived before the next answer: none is lost."""
    rows = list(range(1, 21))
    first = [([1], [a(1, 1, 2, n=20)], [[1, 2]]), ([2, 3], [a(2, 3, 4, n=20), a(3, 5, 6, n=20)], [[3, 4], [5, 6]])]
    rest = rows[6:]
    play(
        [
            *first,
            # 18 are left when page 4 is read, which has a gap before it; 14 when page 5 is read.
            ([4, 5], [a(4, 9, 10, n=18), a(5, 15, 16, n=14)], []),
            ([1], [a(1, *rest[:2], n=18)], [rest[:2]]),
        ],
        prefetch=2,
        then=[2],
    )


def test_repeats_within_one_answer_are_dropped_too() -> None:
    """A server that lists a trace twice on one page does not make a user see it twice."""
    tally = play([([1], [a(1, 1, 1, n=4)], [[1]]), ([2], [a(2, 1, 2, n=4)], [[2]])])
    assert tally == {"duplicates_dropped": 2}


def test_a_page_of_which_something_was_dropped_keeps_its_pagination() -> None:
    """It says what the server said."""
    server = ListServer(4, 2)
    outcome = walk_through(server, [Change(1, 0.0, 1)])
    assert [page.pagination for page in outcome.pages] == [
        a(1, n=4).pagination,
        a(2, n=5).pagination,
        a(3, n=5).pagination,
    ]
    assert ids(outcome.pages) == list("0123")


def feed_until_error(walk: PageWalk, server: ListServer, most: int) -> tuple[list[TracePage], PaginationError]:
    """Walk until the walk gives up; fail where it does not within so many answers."""
    pages: list[TracePage] = []
    for _ in range(most):
        try:
            for page in walk.feed([server.answer(page) for page in walk.window()]):
                pages.append(page)  # noqa: PERF402 - what comes before an error counts
        except PaginationError as error:
            return pages, error
    pytest.fail("the walk goes on and on")


@pytest.mark.parametrize("prefetch", [1, 3, 8])
def test_a_hundred_answers_in_a_row_without_a_new_trace_end_the_walk(prefetch: int) -> None:
    """The pages before have been yielded by then; the error says where it was and what to do."""
    server = ListServer(1000, 1, hidden=range(5, 1000))
    walk = walk_of(prefetch)
    pages, error = feed_until_error(walk, server, 200)
    assert MAX_IDLE_ANSWERS == 100
    assert ids(pages) == list("01234")
    assert [page.pagination.page for page in pages] == list(range(1, 106))
    assert (error.session_id, error.page) == ("the-session", 106)
    assert error.message.startswith("100 answers in a row brought no new trace")


def test_ninety_nine_answers_without_a_new_trace_do_not_end_the_walk() -> None:
    """One new trace, and the count begins anew; the last page may be empty whatever the count."""
    hidden = [item for item in range(200) if item not in (99, 198)]
    outcome = walk_through(ListServer(299, 1, hidden=[*hidden, *range(200, 299)]), prefetch=1)
    assert ids(outcome.pages) == ["99", "198", "199"][:2] + ["199"][: int(199 not in hidden)]
    assert len(outcome.pages) == 299


def test_a_last_page_without_a_new_trace_is_not_held_against_the_walk() -> None:
    """The hundredth idle answer in a row is no error where it is the end."""
    outcome = walk_through(ListServer(100, 1, hidden=range(100)))
    assert len(outcome.pages) == 100
    with pytest.raises(PaginationError):
        walk_through(ListServer(101, 1, hidden=range(101)))


@pytest.mark.parametrize("prefetch", [1, 8])
def test_a_total_of_pages_that_makes_no_sense_ends_in_an_error(prefetch: int) -> None:
    """The walk neither goes on for ever nor reserves memory for as many pages."""
    walk = walk_of(prefetch)
    asked = 0
    with pytest.raises(PaginationError):
        while not walk.done:
            window = walk.window()
            asked += len(window)
            list(walk.feed([a(page, *([1] if page == 1 else []), n=2 * 10**12) for page in window]))
    assert 101 <= asked <= 101 + prefetch


def test_a_list_that_grows_faster_than_it_is_read_ends_in_an_error() -> None:
    """With a page's worth of new traces in front before each answer, every answer is the same."""
    server = ListServer(4, 2)
    with pytest.raises(PaginationError):
        walk_through(server, [Change(0, 0.0, 2)] * 1000)
    assert len(server.asked) == 101


def test_a_list_that_shrinks_and_grows_for_ever_ends_in_an_error() -> None:
    """Each answer is refused for a gap, and each step back finds nothing: both are counted."""
    server = ListServer(40, 1)
    with pytest.raises(PaginationError):
        walk_through(server, [Change(10, 1.0, -1), *[Change(0, 1.0, 1), Change(0, 1.0, -1)] * 500])
    assert 100 < len(server.asked) < 130


def test_a_walk_that_gives_up_at_a_gap_can_be_taken_up_before_it() -> None:
    """The page that the error names is the one to step back to, not the one behind the gap."""
    walk = walk_of()
    for page in (1, 2):
        assert list(walk.window()) == [page]
        list(walk.feed([a(page, 1, 2, n=1000)]))
    with pytest.raises(PaginationError) as caught:
        while True:  # two are deleted before page 3 is read, and two arrive before page 2 is, each time
            for page, n in ((3, 998), (2, 1000)):
                assert list(walk.window()) == [page]
                list(walk.feed([a(page, 1, 2, n=n)]))
    assert repr(caught.value.page) == "2"


def test_answers_asked_for_again_count_as_idle() -> None:
    """A server whose two halves disagree on the total for ever is not asked for ever."""
    walk = walk_of(2)
    asked = 0
    with pytest.raises(PaginationError):
        while not walk.done:
            window = walk.window()
            asked += len(window)
            list(walk.feed([a(page, *([1] if page == 1 else []), n=100 - page % 2, pages=50) for page in window]))
    assert 100 <= asked <= 250


@st.composite
def changing_lists(draw: st.DrawFn, kinds: Sequence[int], *, hidden: bool = True) -> tuple[ListServer, list[Change]]:
    """Draw a list and what happens to it: few enough changes that a walk must come to an end.

    :param kinds: 1 for arrivals, -1 for deletions.
    """
    limit = draw(st.sampled_from([1, 2, 3, 5, 10]))
    length = draw(st.integers(0, 60))
    dropped = draw(st.sets(st.integers(0, 60), max_size=8)) if hidden else set()
    changes = draw(
        st.lists(
            st.builds(
                Change,
                after=st.sampled_from([0, 0, 0, 1, 2, 5]),
                where=st.sampled_from([0.0, 1.0]) | st.floats(0, 1),
                count=st.builds(int.__mul__, st.sampled_from(kinds), st.integers(1, 2 * limit + 1)),
            ),
            max_size=20,
        )
    )
    return ListServer(length, limit, dropped), changes


def assert_exactly_once(outcome: Outcome) -> None:
    """Check the promise."""
    yielded = ids(outcome.pages)
    assert len(yielded) == len(set(yielded))
    assert outcome.owed <= set(yielded)


prefetches = st.integers(1, 8)
seeds = st.integers(0, 2**32)


@walking
@given(changing_lists([1]), prefetches, seeds)
def test_whatever_arrives_every_trace_comes_exactly_once(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int
) -> None:
    """Arrivals only, at any moment between and within windows, in bursts larger than a page."""
    assert_exactly_once(walk_through(*list_, prefetch=prefetch, order=order))


@walking
@given(changing_lists([-1]), prefetches, seeds)
def test_whatever_is_deleted_every_trace_that_stays_comes_exactly_once(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int
) -> None:
    """Deletions only, at any moment between and within windows, in bursts larger than a page."""
    assert_exactly_once(walk_through(*list_, prefetch=prefetch, order=order))


@walking
@given(changing_lists([1, -1]))
def test_page_by_page_both_kinds_of_changes_lose_nothing(list_: tuple[ListServer, list[Change]]) -> None:
    """With prefetch=1, as long as no two kinds of changes fall between the same two answers."""
    assert_exactly_once(walk_through(*list_, prefetch=1))


@walking
@given(changing_lists([1, -1]), prefetches, seeds)
def test_both_kinds_of_changes_lose_nothing_in_different_windows(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int
) -> None:
    """The answers of one window count as one: as long as all changes meanwhile are of one kind, none is hidden."""
    assert_exactly_once(walk_through(*list_, prefetch=prefetch, order=order, one_kind_a_window=True))


@walking
@given(changing_lists([1]) | changing_lists([-1]), prefetches, seeds, st.integers(1, 8))
def test_from_a_start_page_on_every_trace_comes_exactly_once(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int, start_page: int
) -> None:
    """The promise holds from that page's offset on, as it was when the first answer was made."""
    assert_exactly_once(walk_through(*list_, prefetch=prefetch, order=order, start_page=start_page))


@walking
@given(changing_lists([1]) | changing_lists([-1]), prefetches, seeds, st.integers(1, 3), st.sampled_from([1, 4, 6]))
def test_pages_that_are_too_heavy_lose_nothing(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int, start_page: int, limit: int
) -> None:
    """Where pages fail, and are asked for in parts, while the list changes."""
    server, changes = list_
    server.cap = 100
    outcome = walk_through(
        server, changes, limit=limit, prefetch=prefetch, order=order, failing=0.15, start_page=start_page
    )
    if not outcome.failures:
        assert_exactly_once(outcome)


@walking
@given(changing_lists([1]) | changing_lists([-1]), prefetches, seeds)
def test_pages_that_are_too_heavy_lose_nothing_also_where_the_server_gives_fewer_than_asked_for(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int
) -> None:
    """Its limit is divided, and may be larger or smaller than what is then asked for."""
    outcome = walk_through(*list_, limit=12, prefetch=prefetch, order=order, failing=0.15)
    if not outcome.failures:
        assert_exactly_once(outcome)


@walking
@given(changing_lists([1]), prefetches, seeds, st.sampled_from([1, 4, 6]), st.floats(0, 1))
def test_a_walk_that_is_taken_up_again_misses_nothing(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int, limit: int, too_heavy: float
) -> None:
    """From the page that the error names, with the same limit: what one walk did not yield, the next one does."""
    server, changes = list_
    server.cap = 100
    outcome = walk_through(
        server, changes, limit=limit, prefetch=prefetch, order=order, failing=0.15, too_heavy=too_heavy
    )
    assert outcome.owed <= set(ids(outcome.pages))


@walking
@given(changing_lists([1]) | changing_lists([-1]), prefetches, seeds)
def test_what_stays_comes_in_the_order_of_the_server(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int
) -> None:
    """Also where the walk had to go back."""
    server, changes = list_
    outcome = walk_through(server, [Change(1, 0.0, 0), *changes], prefetch=prefetch, order=order)
    yielded = [int(trace_id) for trace_id in ids(outcome.pages) if trace_id in outcome.owed]
    assert yielded == sorted(yielded)


@walking
@given(changing_lists([1, -1]), prefetches, seeds)
def test_the_pages_joined_are_what_the_walk_yields(
    list_: tuple[ListServer, list[Change]], prefetch: int, order: int
) -> None:
    """Whatever happens: each page is one that was asked for, with new traces only, and the last one ends the list."""
    server, changes = list_
    outcome = walk_through(server, changes, prefetch=prefetch, order=order)
    yielded = ids(outcome.pages)
    assert len(yielded) == len(set(yielded))
    assert {page.pagination.page for page in outcome.pages} <= set(server.asked)
    assert outcome.pages[-1].pagination.page >= outcome.pages[-1].pagination.total_pages
    assert outcome.tally["pages_reread"] == len(server.asked) - len(set(server.asked))


@walking
@given(st.integers(0, 80), st.integers(1, 12), st.integers(1, 9), st.integers(1, 12))
def test_a_quiet_list_costs_one_request_a_page(length: int, limit: int, prefetch: int, start_page: int) -> None:
    """No page twice, none past the end, and all in order."""
    server = ListServer(length, limit)
    outcome = walk_through(server, prefetch=prefetch, start_page=start_page)
    assert sorted(server.asked) == list(range(start_page, max(start_page, -(-length // limit)) + 1))
    assert ids(outcome.pages) == [str(item) for item in server.items[(start_page - 1) * limit :]]
    assert not +outcome.tally


def test_pages_that_are_kept_are_not_asked_for_again() -> None:
    """After two pages back only what is missing is asked for, one by one."""
    server = ListServer(60, 10)
    walk = walk_of(limit=10, prefetch=8)
    for _ in range(2):
        list(walk.feed([server.answer(page, 10) for page in walk.window()]))
    window = walk.window()
    server.delete(0, 15)
    list(walk.feed([server.answer(page, 10) for page in window]))
    for page in (2, 3):
        assert list(walk.window()) == [page]
        list(walk.feed([server.answer(page, 10)]))
    assert walk.done


def test_what_is_wrong_and_what_to_do_is_said_in_full() -> None:
    """In both of the walk's own errors."""
    walk = walk_of(limit=10)
    for limit in (10, 20):
        changed = walk.feed([page_of(page, [page], limit=limit, total=90) for page in walk.window()])
        if limit == 20:
            with pytest.raises(PaginationError) as error:
                list(changed)
        list(changed)
    assert error.value.message == (
        "the limit changed in the middle of the walk, from 10 to 20: the pages do not make up one list"
    )
    walk = walk_of(limit=10)
    with pytest.raises(PaginationError) as error:
        while True:
            list(walk.feed([page_of(page, [], limit=10, total=10**9) for page in walk.window()]))
    assert error.value.message == (
        "100 answers in a row brought no new trace: the list keeps changing faster than it can be read, or its "
        "totalPages makes no sense. Try again later, or with a larger limit"
    )
