"""Which pages a walk asks for: windows, failures, and when it gives up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lyzr_traces_async._walk import MAX_EMPTY_POSITIONS, MAX_IDLE_ANSWERS, MAX_PASSES, PageWalk
from lyzr_traces_async.errors import LyzrTracesError, PaginationError, ServerError
from lyzr_traces_async.models import TracePage
from tests.helpers.list_server import ListServer, Step, a, failure_of, ids, play, walk_of, walk_on, walk_through


def test_a_single_page_is_the_whole_walk() -> None:
    """The walk yields that answer and sends no other request."""
    walk = walk_of(limit=50)
    assert (walk.session_id, walk.limit, walk.done) == ("the-session", 50, False)
    assert walk.window() == range(1, 2)
    answer = a(1, 1, 2, n=2, limit=50)
    (page,) = walk.feed([answer])
    assert page is answer
    assert walk.done


@pytest.mark.parametrize("prefetch", [1, 2, 8])
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([([1], [a(1, n=0)], [[]])], id="totalPages is 0"),
        pytest.param([([1], [a(1, n=0, pages=1)], [[]])], id="totalPages is 1"),
        pytest.param([([1], [a(1, 1, n=1)], [[1]])], id="it is not full"),
        pytest.param([([1], [a(1, n=1)], [[]])], id="all rows were dropped"),
    ],
)
def test_a_session_without_a_second_page_yields_one_page(steps: list[Step], prefetch: int) -> None:
    """An empty session yields an empty page, whose pagination says so."""
    assert not play(steps, prefetch=prefetch)


@pytest.mark.parametrize("rows", [(1, 2), (1,), ()])
def test_a_full_last_page_is_not_the_end(rows: tuple[int, ...]) -> None:
    """Arrivals may have pushed traces on behind it. Dropped rows do not change that."""
    assert not play([([1], [a(1, *rows, n=2)], [rows]), ([2], [a(2, n=2)], [[]])])
    play([([1], [a(1, *rows, n=2)], [rows]), ([2], [a(2, 3, n=3)], [[3]])])


@pytest.mark.parametrize("prefetch", [1, 2, 8])
def test_short_and_empty_pages_in_the_middle_do_not_end_the_walk(prefetch: int) -> None:
    """Only totalPages tells the end, and the walk yields every accepted page, even an empty one."""
    server = ListServer(11, 2, hidden=[1, 2, 3, 4, 8, 9])
    outcome = walk_through(server, prefetch=prefetch)
    assert [ids([page]) for page in outcome.pages] == [["0"], [], ["5"], ["6", "7"], [], ["10"]]
    assert sorted(server.asked) == [1, 2, 3, 4, 5, 6]


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
    """On a list that does not change, every page is requested once, in order, and one more if the last one is full."""
    for full in (False, True):
        server = ListServer(pages * 3 - (not full), 3)
        outcome = walk_through(server, limit=3, prefetch=prefetch)
        assert [len(window) for window in outcome.windows] == sizes + [1] * full
        assert [page for window in outcome.windows for page in window] == list(range(1, pages + 1 + full))
        assert ids(outcome.pages) == [str(item) for item in server.items]
        assert not +outcome.tally


@pytest.mark.parametrize("prefetch", range(1, 17))
def test_leaving_after_k_pages_has_cost_at_most_twice_as_many_requests(prefetch: int) -> None:
    """This holds on a list that does not change, after any number of pages."""
    server = ListServer(127, 2)
    walk = walk_of(prefetch)
    consumed = 0
    while not walk.done:
        for _ in walk.feed([server.answer(page) for page in walk.window()]):
            consumed += 1
            assert len(server.asked) <= 2 * consumed
    assert consumed == 64


@pytest.mark.parametrize("prefetch", [1, 8])
def test_a_tail_that_grows_is_followed(prefetch: int) -> None:
    """The newest totalPages counts, also if it comes with the former last page."""
    play(
        [
            ([1], [a(1, 1, 2, n=4)], [[1, 2]]),
            ([2], [a(2, 3, 4, n=5)], [[3, 4]]),
            ([3], [a(3, 5, 6, n=7)], [[5, 6]]),
            ([4], [a(4, 7, n=7)], [[7]]),
        ],
        prefetch=prefetch,
    )


@pytest.mark.parametrize(("page", "n"), [(2, 0), (2, 1), (2, 2), (5, 4), (5, 0)])
def test_a_page_past_the_end_ends_the_walk(page: int, n: int) -> None:
    """This happens if a walk resumes at a page that is gone."""
    assert not play([([page], [a(page, n=n)], [[]])], start_page=page, prefetch=4)


def test_a_walk_begins_with_its_start_page() -> None:
    """Its windows double from there."""
    play(
        [
            ([3], [a(3, 5, 6, n=11)], [[5, 6]]),
            ([4, 5], [a(4, 7, 8, n=11), a(5, 9, 10, n=11)], [[7, 8], [9, 10]]),
            ([6], [a(6, 11, n=11)], [[11]]),
        ],
        start_page=3,
        prefetch=8,
    )


def test_a_walk_may_step_back_before_its_start_page() -> None:
    """Deletions may have moved traces there that it still has to yield. It yields all new ones that it finds."""
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


# Failures


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_the_pages_before_one_that_is_too_heavy_are_yielded_and_it_is_asked_for_in_parts(kept: int) -> None:
    """Pages behind it are requested again, since answers are not kept."""
    server = ListServer(20, 2)
    walk = walk_of(4)
    walk_on(walk, server, 2)
    assert list(walk.window()) == [4, 5, 6, 7]
    answers: list[TracePage | LyzrTracesError] = [server.answer(page) for page in range(4, 8)]
    answers[kept] = failure_of(too_heavy=True)
    assert ids(walk.feed(answers)) == [str(i) for i in range(6, 6 + 2 * kept)]
    assert list(walk.window()) == [7 + 2 * kept]
    assert walk.limit == 1


def test_the_failure_of_a_page_that_the_walk_needs_is_raised_after_the_pages_before() -> None:
    """The walk raises the first error unchanged, with the page to resume from."""
    walk = walk_of(4)
    server = ListServer(20, 2)
    walk_on(walk, server, 2)
    assert list(walk.window()) == [4, 5, 6, 7]
    failure = failure_of()
    yielded = walk.feed([server.answer(4), failure, server.answer(6), failure_of()])
    assert ids([next(yielded)]) == ["6", "7"]
    with pytest.raises(ServerError) as caught:
        next(yielded)
    assert caught.value is failure
    assert failure.page == 5
    assert not walk.done


def test_the_failure_of_the_very_first_page_is_raised() -> None:
    """The error names the page at which the walk began."""
    walk = walk_of(start_page=7)
    walk.window()
    with pytest.raises(ServerError) as caught:
        list(walk.feed([failure_of()]))
    assert caught.value.page == 7


def test_the_failure_of_a_page_past_the_end_does_not_matter() -> None:
    """The list has become shorter since that page was requested."""
    walk = walk_of(2)
    server = ListServer(5, 2)
    walk_on(walk, server, 1)
    assert list(walk.window()) == [2, 3]
    server.delete(3, 2)
    assert list(walk.feed([server.answer(2), failure_of()])) == []
    found = []
    while not walk.done:
        found += walk_on(walk, server, 1)
    assert found == ["2"]


def test_the_failure_of_a_page_behind_the_last_one_does_not_matter() -> None:
    """The store has left out its counts, and the page before turns out to be the last."""
    play([([1], [a(1, 1, 2, n=6)], [[1, 2]]), ([2, 3], [a(2, 3, n=0, pages=1), failure_of()], [[3]])], prefetch=2)


@pytest.mark.parametrize("too_heavy", [False, True])
def test_the_failure_of_a_page_that_is_not_next_does_not_matter_yet(too_heavy: bool) -> None:  # noqa: FBT001
    """The walk has to step back first and will request that page again."""
    walk = walk_of(2)
    list(walk.feed([a(1, 1, 2, n=10)][: len(walk.window())]))
    assert list(walk.window()) == [2, 3]
    assert list(walk.feed([a(2, 4, 5, n=9), failure_of(too_heavy=too_heavy)])) == []
    assert walk.limit == 2
    assert list(walk.window()) == [1]


def test_counts_behind_a_failed_page_are_heeded() -> None:
    """Page 3 reports a deletion although page 2 failed, so the walk requests a smaller page further in front."""
    walk = walk_of(2)
    list(walk.feed([a(1, 1, 2, n=10)][: len(walk.window())]))
    assert list(walk.window()) == [2, 3]
    assert list(walk.feed([failure_of(too_heavy=True), a(3, 6, 7, n=9)])) == []
    assert list(walk.window()) == [1]


def test_the_largest_count_behind_a_failed_page_is_the_length_of_the_list() -> None:
    """An older answer is not trusted after it."""
    walk = walk_of(4)
    walk_on(walk, ListServer(15, 2), 2)
    assert list(walk.window()) == [4, 5, 6, 7]
    assert list(walk.feed([failure_of(too_heavy=True), a(5, 8, 9, n=16), a(6, 11, 12, n=15), failure_of()])) == []
    assert list(walk.window()) == [7]
    assert list(walk.feed([a(7, 6, n=15, limit=1)])) == []


# Limits after which a walk gives up


def give_up(walk: PageWalk, answer: Callable[[int], TracePage], most: int) -> tuple[list[TracePage], PaginationError]:
    """Walk until the walk gives up, and fail if it does not within so many windows."""
    pages: list[TracePage] = []
    for _ in range(most):
        try:
            for page in walk.feed([answer(page) for page in walk.window()]):
                pages.append(page)  # noqa: PERF402 - what comes before an error counts
        except PaginationError as error:
            return pages, error
    pytest.fail("the walk goes on and on")


def test_a_hundred_hidden_rows_are_no_reason_to_give_up() -> None:
    """If the list does not move, every page brings the end nearer."""
    server = ListServer(300, 1, hidden=range(5, 299))
    outcome = walk_through(server, limit=1, prefetch=8)
    assert ids(outcome.pages) == ["0", "1", "2", "3", "4", "299"]
    assert len(server.asked) == 301


def test_a_hundred_answers_that_bring_nothing_new_and_the_end_no_nearer_end_the_walk() -> None:
    """A page of traces arrives in front before each answer, so the same traces and page counts repeat."""
    server = ListServer(6, 2)
    walk = walk_of()
    assert MAX_IDLE_ANSWERS == 100

    def answer(page: int) -> TracePage:
        server.insert(0, 2)
        return server.answer(page)

    pages, error = give_up(walk, answer, 200)
    assert len(ids(pages)) == 2
    assert len(server.asked) == 1 + MAX_IDLE_ANSWERS
    assert error.session_id == "the-session"
    assert error.message == (
        "100 answers in a row brought neither a new trace nor the end nearer: the list changes faster than it can "
        "be read. Try again later, or with a larger limit"
    )


def test_answers_that_are_refused_count_too() -> None:
    """Two deletions precede each answer on page 3, and two arrivals each on page 2. The walk resumes before the gap."""
    walk = walk_of()
    asked = []

    def answer(page: int) -> TracePage:
        asked.append(page)
        return a(page, 1, 2, n=998 if page == 3 else 1000)

    _, error = give_up(walk, answer, 200)
    assert asked[:6] == [1, 2, 3, 2, 1, 3]
    assert len(asked) <= 2 + MAX_IDLE_ANSWERS
    assert repr(error.page) == "1"


@pytest.mark.parametrize("prefetch", [1, 8])
def test_ten_thousand_positions_without_a_trace_end_the_walk(prefetch: int) -> None:
    """The walk does not follow an absurd length for ever, and reserves no memory for it."""
    walk = walk_of(prefetch, limit=100)
    pages, error = give_up(walk, lambda page: a(page, *[1][: 2 - page], n=2 * 10**12, limit=100), 200)
    assert MAX_EMPTY_POSITIONS == 10_000
    assert len(pages) == 101
    assert error.page == 102
    assert error.message == (
        "10000 positions of the list in a row have no trace: its totalItems and totalPages make no sense"
    )


def test_fewer_positions_without_a_trace_do_not_end_the_walk() -> None:
    """A single trace restarts the count."""
    server = ListServer(20_000, 100, hidden=[*range(9_999), *range(10_000, 19_999)])
    outcome = walk_through(server, prefetch=8)
    assert ids(outcome.pages) == ["9999", "19999"]


def unstable(asked: list[int], until: int) -> Callable[[int], TracePage]:
    """Answer pages 2 to 4 of a list with traces 1 to 4 behind page 1. Trace 4 appears only after so many passes."""

    def answer(page: int) -> TracePage:
        asked.append(page)
        second = (2, 3) if asked.count(2) <= until else (3, 4)
        return a(page, *{2: (1, 2), 3: second, 4: ()}[page], n=6)

    return answer


def test_a_list_without_a_stable_order_is_given_up_after_some_passes() -> None:
    """One trace is never on the requested page. The error says how many are missing and where to resume."""
    asked: list[int] = []
    _, error = give_up(walk_of(limit=2, start_page=2), unstable(asked, 99), 200)
    assert asked == [2, 3, 4] * MAX_PASSES
    assert (error.session_id, error.page) == ("the-session", 2)
    assert error.message == (
        "1 of 6 traces are missing after 10 passes over the list: it has no stable order, so that some traces come "
        "twice and others not at all. Try again later"
    )


def test_the_last_pass_may_find_the_missing_traces() -> None:
    """Each pass begins with one page."""
    asked: list[int] = []
    answer = unstable(asked, MAX_PASSES - 1)
    walk = walk_of(8, limit=2, start_page=2)
    windows, found = [], []
    while not walk.done:
        windows.append(list(walk.window()))
        found += ids(walk.feed([answer(page) for page in windows[-1]]))
    assert found == ["1", "2", "3", "4"]
    assert windows == [[2], [3], [4]] * MAX_PASSES
