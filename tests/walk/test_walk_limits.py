"""Which limit a walk asks with, how many requests that costs, and the page to resume from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from lyzr_traces_async._limits import HEAVY_ATTEMPTS
from lyzr_traces_async._walk import PageWalk
from lyzr_traces_async.errors import LyzrTracesError, PaginationError, ServerError
from lyzr_traces_async.models import TracePage
from tests.helpers.list_server import ListServer, failure_of, ids, page_of, walk_of, walk_on, walk_through


@pytest.mark.parametrize(("limit", "smaller"), [(100, [50, 25, 5, 1]), (97, [1]), (30, [15, 5, 1]), (2, [1]), (1, [])])
def test_a_page_that_is_too_heavy_is_asked_for_in_parts(limit: int, smaller: list[int]) -> None:
    """The position stays, two attempts make a page heavy, and a single trace that is too heavy raises the error."""
    walk = walk_of(8, start_page=3, limit=limit)
    for now, less in zip([limit, *smaller], smaller, strict=False):
        assert list(walk.window()) == [2 * limit // now + 1]
        assert (walk.limit, walk.heavy_attempts) == (now, HEAVY_ATTEMPTS)
        assert list(walk.feed([failure_of(too_heavy=True)])) == []
        assert list(walk.window()) == [2 * limit // less + 1]
    walk.window()
    assert (walk.limit, walk.heavy_attempts) == (1, None)
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of(too_heavy=True)]))
    assert caught.value.page == 3


def test_after_a_heavy_page_the_larger_limit_is_tried_again_behind_it_once() -> None:
    """No trace is requested twice, and windows restart with one page when the limit changes."""
    server = ListServer(51, 100)
    tally: Counter[str] = Counter()
    walk = walk_of(4, limit=4, tally=tally)
    walk_on(walk, server, 2)
    assert list(walk.window()) == [4, 5, 6, 7]
    list(walk.feed([server.answer(4, 4), *[failure_of(too_heavy=True)] * 3]))
    asked, out = [], []
    while not walk.done:
        window = list(walk.window())
        asked.append((walk.limit, window, walk.heavy_attempts))
        out += ids(walk.feed([server.answer(page, walk.limit) for page in window]))
    assert asked == [(2, [9], 2), (2, [10], 2), (4, [6], 1), (4, [7, 8], 2), (4, [9, 10, 11, 12], 2), (4, [13], 2)]
    assert out == [str(i) for i in range(16, 51)]
    assert tally == {"pages_reread": 4}  # page 5 in two parts, then pages 6 and 7


def test_a_probe_that_fails_is_not_repeated_at_once() -> None:
    """The walk keeps the limit that works, for twice the distance."""
    server = ListServer(100, 100)
    walk = walk_of(8, limit=4)
    asked = []
    while not walk.done:
        window = list(walk.window())
        asked += [(walk.limit, page) for page in window]
        list(walk.feed([server.answer(p, 2) if walk.limit < 4 else failure_of(too_heavy=True) for p in window]))
    assert [page for limit, page in asked if limit == 4] == [1, 2, 4, 8, 16]
    assert [page for limit, page in asked if limit == 2] == list(range(1, 52))


def test_the_windows_of_a_smaller_limit_end_where_the_list_ends() -> None:
    """The number of pages is computed anew, and no larger limit is tried for the last page."""
    walk = walk_of(8, limit=4)
    list(walk.feed([page_of(1, [1, 2, 3, 4], limit=4, total=9)][: len(walk.window())]))
    assert list(walk.window()) == [2, 3]
    assert list(walk.feed([failure_of(too_heavy=True), failure_of()])) == []
    assert list(walk.window()) == [3]
    assert ids(walk.feed([page_of(3, [5, 6], limit=2, total=9)])) == ["5", "6"]
    assert list(walk.window()) == [4]
    assert ids(walk.feed([page_of(4, [7, 8], limit=2, total=9)])) == ["7", "8"]
    assert list(walk.window()) == [5]
    assert walk.limit == 2


def test_a_server_that_gives_fewer_is_asked_for_its_own_limit() -> None:
    """The walk uses its page 1 as it is."""
    server = ListServer(90, 20)
    outcome = walk_through(server, limit=100, prefetch=8)
    assert (outcome.limits, sorted(server.asked)) == ([100, 20, 20], [1, 2, 3, 4, 5])
    assert ids(outcome.pages) == [str(i) for i in range(90)]


def test_an_answer_for_other_positions_is_dropped_but_its_count_is_not() -> None:
    """Page 6 of 20 is not page 6 of 100. A deletion before the right page is requested is noticed."""
    server = ListServer(605, 20)
    walk = walk_of(limit=100, start_page=6)
    assert walk_on(walk, server, 1) == []
    assert list(walk.window()) == [26]
    server.delete(0, 3)
    assert walk_on(walk, server, 1) == []
    assert list(walk.window()) == [25]
    assert walk_on(walk, server, 1)[-3:] == ["500", "501", "502"]


def test_start_page_counts_in_the_callers_limit() -> None:
    """Page 6 of 100 begins at trace 500, even if the server or a heavy page makes the limit smaller."""
    server = ListServer(800, 20)
    walk = walk_of(8, limit=100, start_page=6)
    walk.window()
    list(walk.feed([failure_of(too_heavy=True)]))
    found = []
    while not walk.done:
        found += walk_on(walk, server, 1)
    assert found == [str(i) for i in range(500, 800)]


@pytest.mark.parametrize(("limit", "changed"), [(2, 1), (2, 3), (6, 4)])
def test_a_limit_that_changes_ends_the_walk_after_the_pages_before(limit: int, changed: int) -> None:
    """Such pages do not form one list. The walk yields the earlier ones before its error."""
    server = ListServer(100, 100)
    walk = walk_of(4, limit=limit)
    walk_on(walk, server, 1)
    assert list(walk.window()) == [2, 3]
    yielded = walk.feed([server.answer(2, limit), page_of(3, [7], limit=changed, total=100)])
    next(yielded)
    with pytest.raises(PaginationError) as caught:
        next(yielded)
    assert caught.value.message == (
        f"the limit changed in the middle of the walk, from {limit} to {changed}: the pages do not make up one list"
    )
    assert (caught.value.session_id, caught.value.page) == ("the-session", 3)


def test_a_smaller_limit_than_the_probes_is_the_servers_own() -> None:
    """It is not below the limit of the earlier pages, so the pages still form one list."""
    server = ListServer(43, 6)
    walk = walk_of(limit=8)
    walk.window()
    list(walk.feed([failure_of(too_heavy=True)]))
    found = walk_on(walk, server, 2)
    assert list(walk.window()) == [2]
    assert walk.limit == 8
    assert ids(walk.feed([server.answer(2, 8)])) == []
    while not walk.done:
        found += walk_on(walk, server, 1)
    assert walk.limit == 6
    assert found == [str(i) for i in range(43)]


# The page to resume from


@pytest.mark.parametrize(
    ("cap", "first", "windows", "page"),
    [
        pytest.param(100, False, 2, 4, id="as asked for"),
        pytest.param(100, True, 2, 1, id="behind a first page in parts: at trace 75"),
        pytest.param(20, False, 3, 2, id="of a server that gives 20: at trace 140"),
        pytest.param(20, True, 3, 2, id="of such a server, in parts: at trace 110"),
    ],
)
def test_an_error_names_the_page_to_resume_from_in_the_limit_of_the_caller(
    cap: int,
    first: bool,  # noqa: FBT001
    windows: int,
    page: int,
) -> None:
    """This holds after the limit has changed too."""
    server = ListServer(1000, cap)
    walk = walk_of(8, limit=100)
    if first:
        for _ in range(2):
            walk.window()
            list(walk.feed([failure_of(too_heavy=True)]))
    walk_on(walk, server, windows)
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of() for _ in walk.window()]))
    assert caught.value.page == page


def fail(walk: PageWalk) -> int | None:
    """Let the next window fail, and return the page to resume from."""
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of() for _ in walk.window()]))
    return caught.value.page


def test_during_a_search_the_page_to_resume_from_is_in_front_of_the_last_window() -> None:
    """A new walk knows nothing of the old one, so it starts as far in front as traces may have moved."""
    server = ListServer(40, 2)
    walk = walk_of()
    walk_on(walk, server, 6)
    server.delete(0, 3)
    walk_on(walk, server, 1)
    assert list(walk.window()) == [5]
    assert fail(walk) == 4
    walk_on(walk, server, 2)
    assert list(walk.window()) == [7]
    assert fail(walk) == 7


@pytest.mark.parametrize("limit", [1, 2])
def test_deletions_of_more_than_there_was_lead_to_page_1(limit: int) -> None:
    """The page is never before page 1."""
    server = ListServer(40, 2)
    walk = walk_of(limit=limit)
    walk_on(walk, server, 2)
    server.delete(0, 30)
    walk_on(walk, server, 1)
    assert fail(walk) == 1


def test_behind_a_window_that_has_moved_the_page_to_resume_from_is_its_second() -> None:
    """A trace that slid between its pages may still be found there."""
    server = ListServer(40, 2)
    walk = walk_of(2)
    walk_on(walk, server, 1)
    assert list(walk.window()) == [2, 3]
    server.insert(4)
    list(walk.feed([server.answer(2), server.answer(3)]))
    assert list(walk.window()) == [4]
    assert fail(walk) == 3
    walk_on(walk, server, 1)
    assert fail(walk) == 5


# The cost of heavy pages and bad minutes


def requests_of(
    walk: PageWalk, server: ListServer, is_too_heavy: Callable[[int, range], bool], *, attempts: int
) -> int:
    """Walk the list, and return the number of requests.

    :param is_too_heavy: takes the request's number and positions.
    :param attempts: how many attempts a page gets that can't be split.
    """
    requests = 0
    found: list[str] = []
    while not walk.done:
        answers: list[TracePage | LyzrTracesError] = []
        for page in walk.window():
            limit = min(walk.limit, server.cap)
            answer: TracePage | LyzrTracesError = failure_of(too_heavy=True)
            for _ in range(walk.heavy_attempts or attempts):
                requests += 1
                if not is_too_heavy(requests, range((page - 1) * limit, page * limit)):
                    answer = server.answer(page, limit)
                    break
            answers.append(answer)
        found += ids(walk.feed(answers))
    assert found == [str(item) for item in server.items]
    return requests


@pytest.mark.parametrize("prefetch", [1, 8])
@pytest.mark.parametrize("begins", [0, 1, 5, 20, 46])
def test_eight_time_outs_in_a_row_cost_at_most_25_requests_beyond_themselves(begins: int, prefetch: int) -> None:
    """They may come anywhere in 50 full pages: the limit goes up again as pages succeed."""
    requests = requests_of(
        walk_of(prefetch, limit=100), ListServer(5000, 100), lambda r, _: begins < r <= begins + 8, attempts=6
    )
    assert requests <= 51 + 8 + 25


@pytest.mark.parametrize("fits", [5, 1])
@pytest.mark.parametrize("heavy", [0, 49, 50, 99, 100, 2345, 4950, 4999])
def test_one_heavy_trace_in_5000_costs_at_most_130_requests(heavy: int, fits: int) -> None:
    """Only the pages around it are split, into 20 of 5 or 100 of 1."""
    requests = requests_of(
        walk_of(8, limit=100), ListServer(5000, 100), lambda _, at: heavy in at and len(at) > fits, attempts=6
    )
    assert requests <= 130


@pytest.mark.parametrize("prefetch", [1, 8])
def test_a_list_that_is_heavy_throughout_is_not_probed_at_every_page(prefetch: int) -> None:
    """1,000 traces that fit only at limit 25 need 40 requests and cost at most 64; 5,000 cost little more than 200."""
    for length, most in ((1000, 64), (5000, 201 + 24)):
        requests = requests_of(
            walk_of(prefetch, limit=100), ListServer(length, 100), lambda _, at: len(at) > 25, attempts=6
        )
        assert requests <= most
