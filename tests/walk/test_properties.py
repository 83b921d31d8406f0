"""Every trace that stays in the list comes exactly once, however the list changes during the walk."""

from __future__ import annotations

import os
import random
from typing import Any, Final

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lyzr_traces_async.errors import PaginationError
from tests.helpers.list_server import Change, ListServer, Outcome, ids, walk_through

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
walking = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

prefetches = st.integers(1, 8)
seeds = st.integers(0, 2**32)
limits = st.sampled_from([1, 2, 3, 5, 10])
places = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)

# How a list is walked: arguments of :func:`walk_through`.
How = dict[str, Any]


def how(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[How]:
    """Draw how a list is walked."""
    return st.fixed_dictionaries({"limit": limits, "prefetch": prefetches, "order": seeds, **more})


@st.composite
def lists(draw: st.DrawFn, *, hidden: bool = False) -> ListServer:
    """Draw a list."""
    dropped = draw(st.sets(st.integers(0, 60), max_size=8)) if hidden else set()
    return ListServer(draw(st.integers(0, 60)), 100, dropped)


@st.composite
def changes_of(
    draw: st.DrawFn,
    *kinds: int,
    most: int = 21,
    where: st.SearchStrategy[float] = places,
    not_before: int = 0,
) -> list[Change]:
    """Draw changes to the list, few enough that a walk must come to an end.

    :param kinds: 1 for arrivals, -1 for deletions.
    :param most: the most traces of one change.
    :param not_before: the query before which there is no change.
    """
    count = st.builds(int.__mul__, st.sampled_from(kinds), st.integers(1, most))
    after = st.sampled_from([0, 0, 0, 1, 2, 5])
    changes = draw(st.lists(st.builds(Change, after=after, where=where, count=count), max_size=20))
    return [Change(not_before, 0.0, 0), *changes] if not_before else changes


def assert_exactly_once(outcome: Outcome) -> None:
    """Check that every trace that stays came exactly once."""
    yielded = ids(outcome.pages)
    assert outcome.failures or len(yielded) == len(set(yielded))
    assert outcome.owed <= set(yielded)


def assert_in_order(outcome: Outcome) -> None:
    """Check that the traces that stay came in the server's order."""
    yielded = [int(trace_id) for trace_id in ids(outcome.pages) if trace_id in outcome.owed]
    assert yielded == sorted(yielded)


# Lists that do not change


@walking
@given(st.integers(0, 80), st.integers(1, 12), st.integers(1, 12), prefetches, st.integers(1, 12))
def test_a_quiet_list_costs_one_request_a_page(
    length: int, limit: int, cap: int, prefetch: int, start_page: int
) -> None:
    """One more is needed if the last page is full, or if the server's limit makes another page of the first one."""
    server = ListServer(length, cap)
    outcome = walk_through(server, limit=limit, prefetch=prefetch, start_page=start_page)
    begin, size = (start_page - 1) * limit, min(limit, cap)
    left = max(0, length - begin // size * size)
    other = cap < limit and start_page > 1
    assert len(server.asked) == max(1, -(-left // size) + (left > 0 and length % size == 0)) + other
    assert ids(outcome.pages) == [str(item) for item in server.items[begin // size * size :]]


@walking
@given(lists(hidden=True), limits, prefetches)
def test_rows_that_were_dropped_cost_at_most_one_request(server: ListServer, limit: int, prefetch: int) -> None:
    """The last page then has fewer rows than its count says."""
    outcome = walk_through(server, limit=limit, prefetch=prefetch)
    assert_exactly_once(outcome)
    assert_in_order(outcome)
    assert len(server.asked) <= len(server.items) // limit + 2


# Rows and count of an answer are one query


@walking
@given(
    lists(hidden=True),
    changes_of(1, not_before=1) | changes_of(-1, not_before=1),
    how(start_page=st.integers(1, 4)),
)
def test_one_kind_of_change_loses_nothing(server: ListServer, changes: list[Change], how: How) -> None:
    """Arrivals or deletions come at any moment, in bursts larger than a page, and the order is kept."""
    outcome = walk_through(server, changes, **how)
    assert_exactly_once(outcome)
    assert_in_order(outcome)


@walking
@given(lists(hidden=True), changes_of(1, -1), limits)
def test_page_by_page_both_kinds_of_changes_lose_nothing(server: ListServer, changes: list[Change], limit: int) -> None:
    """This holds with prefetch=1, if no two kinds of changes fall between the same two answers."""
    assert_exactly_once(walk_through(server, changes, limit=limit, prefetch=1))


@walking
@given(lists(), changes_of(1, -1), how())
def test_both_kinds_of_changes_lose_nothing_in_different_windows(
    server: ListServer, changes: list[Change], how: How
) -> None:
    """All changes during one window are of one kind, so none hides another."""
    assert_exactly_once(walk_through(server, changes, one_kind_a_window=True, **how))


@walking
@given(lists(), changes_of(1), how(), st.integers(1, 20), st.floats(0, 1))
def test_a_walk_that_fails_and_is_resumed_loses_nothing(
    server: ListServer, changes: list[Change], how: How, cap: int, too_heavy: float
) -> None:
    """It resumes at the page of the error, also with heavy pages and at a server that gives fewer rows."""
    server.cap = cap
    assert_exactly_once(walk_through(server, changes, failing=0.15, too_heavy=too_heavy, **how))


@walking
@given(lists(), changes_of(-1), how(), st.integers(1, 20))
def test_deletions_lose_nothing_if_pages_are_too_heavy(
    server: ListServer, changes: list[Change], how: How, cap: int
) -> None:
    """No deletion falls between an error and the resumed walk, which could not know of it."""
    server.cap = cap
    outcome = walk_through(server, changes, failing=0.15, **how)
    assume(not outcome.failures)
    assert_exactly_once(outcome)


@walking
@given(lists(), st.integers(0, 30), st.integers(1, 20), how())
def test_a_bad_minute_costs_its_own_requests_and_few_more(
    server: ListServer, begins: int, lasts: int, how: How
) -> None:
    """Failures of any length lose nothing, and the large limit works again afterwards."""
    outcome = walk_through(server, brown_out=range(begins, begins + lasts), **how)
    assert_exactly_once(outcome)
    assert outcome.failures or outcome.requests <= len(server.items) // how["limit"] + 1 + lasts + 25


@walking
@given(lists(), changes_of(1, not_before=1) | changes_of(-1, not_before=1), how())
def test_replicas_that_lag_lose_nothing_if_changes_are_of_one_kind(
    server: ListServer, changes: list[Change], how: How
) -> None:
    """With both kinds, an older count looks like a deletion. A walk may give up: the replicas never catch up."""
    try:
        outcome = walk_through(server, changes, lagging=0.1, **how)
    except PaginationError:
        return
    assert_exactly_once(outcome)


# Rows and count of an answer are two queries


@walking
@given(lists(), changes_of(1), limits, seeds)
def test_page_by_page_arrivals_between_two_queries_lose_nothing(
    server: ListServer, changes: list[Change], limit: int, order: int
) -> None:
    """They may come anywhere in the list, in bursts of any size."""
    assert_exactly_once(walk_through(server, changes, limit=limit, order=order, two_queries=True))


@walking
@given(lists(), changes_of(1, most=1, where=st.just(0.0)), how())
def test_arrivals_between_two_queries_lose_nothing(server: ListServer, changes: list[Change], how: How) -> None:
    """New traces arrive in front, one by one.

    Some losses can't be noticed. More than a page arrives during the last window, or a trace arrives in the middle of
    the list, and all counts of that window are older; or one arrival hides the trace that another one pushed on.
    """
    assert_exactly_once(walk_through(server, changes, two_queries=True, **how))


@walking
@given(lists(hidden=True), changes_of(-1, not_before=2), how())
def test_deletions_between_two_queries_lose_nothing(server: ListServer, changes: list[Change], how: How) -> None:
    """They may have any size and place, but not fall between the two queries of the very first answer."""
    assert_exactly_once(walk_through(server, changes, two_queries=True, **how))


# Lists without a stable order


def shuffle(server: ListServer, chance: random.Random) -> None:
    """Shuffle the list, as if all traces had one timestamp."""
    server.shuffle(chance)


def swap(server: ListServer, chance: random.Random) -> None:
    """Swap two neighbours, as if they had one timestamp, sometimes at the end of a page."""
    if len(server.items) > 1 and chance.random() < 0.2:
        server.swap(chance.randrange(len(server.items) - 1))


unstable = st.sampled_from([shuffle, swap])


@walking
@given(lists(), how(two_queries=st.booleans(), before_query=unstable))
def test_an_order_that_is_not_stable_loses_nothing_in_silence(server: ListServer, how: How) -> None:
    """All traces come, or :class:`PaginationError` says how many are missing.

    The list has no arrivals and no dropped rows: an arrival explains a repeat, and a dropped row may count twice.
    """
    try:
        outcome = walk_through(server, **how)
    except PaginationError as error:
        assert "no stable order" in error.message  # noqa: PT017
        return
    assert_exactly_once(outcome)


# All changes together


@walking
@given(
    lists(hidden=True),
    changes_of(1, -1),
    how(two_queries=st.booleans(), before_query=unstable | st.just(lambda *_: None), lagging=st.sampled_from([0, 0.1])),
)
def test_the_pages_joined_are_what_the_walk_yields(server: ListServer, changes: list[Change], how: How) -> None:
    """The walk ends, each page was requested and has new traces only, and the last one ends the list."""
    try:
        outcome = walk_through(server, changes, **how)
    except PaginationError:
        return
    yielded = ids(outcome.pages)
    assert len(yielded) == len(set(yielded))
    assert {page.pagination.page for page in outcome.pages} <= set(server.asked)
    assert outcome.pages[-1].pagination.page >= outcome.pages[-1].pagination.total_pages
    assert outcome.tally["pages_reread"] == len(server.asked) - len(set(server.asked))
