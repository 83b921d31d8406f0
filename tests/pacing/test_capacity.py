"""How many requests at once: fewer after refusals, more after successes, and probes at doubling distance."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async._capacity import FIRST_DISTANCE, LONGEST_DISTANCE, Capacity


def burst(capacity: Capacity, now: float, *, refused: int, served: int, by_quota: bool = False) -> int:
    """Answer requests that were sent together, and return the limit after it."""
    for _ in range(refused):
        capacity.refused(now, now + 0.5, by_quota=by_quota)
    for left in range(served, 0, -1):
        capacity.served(now, left)
    return capacity.limit


def serve(capacity: Capacity, now: float, times: int) -> int:
    """Answer requests with all slots taken, and return the limit after it."""
    for _ in range(times):
        capacity.served(now, capacity.limit)
    return capacity.limit


def test_without_a_refusal_there_are_as_many_as_wanted() -> None:
    """No more and no fewer."""
    capacity = Capacity(8)
    assert capacity.limit == 8
    assert serve(capacity, 1.0, 1000) == 8


@pytest.mark.parametrize("served", range(8))
def test_of_a_burst_as_many_as_were_served_are_not_too_many(served: int) -> None:
    """It is one piece of news, however many of it are refused; one slot there is always."""
    capacity = Capacity(8)
    serve(capacity, 0.0, 100)
    assert burst(capacity, 1.0, refused=8 - served, served=served) == max(1, served)


@pytest.mark.parametrize(("served", "limit"), [(0, 4), (3, 4), (4, 4), (6, 6)])
def test_where_the_quota_is_used_up_half_of_them_are_enough(served: int, limit: int) -> None:
    """Or what was served: there was no lack of room."""
    assert burst(Capacity(8), 1.0, refused=8 - served, served=served, by_quota=True) == limit


def test_bursts_that_are_refused_by_the_quota_end_at_one() -> None:
    """Halves are rounded up on the way."""
    capacity = Capacity(11)
    assert [burst(capacity, now, refused=1, served=0, by_quota=True) for now in range(5)] == [6, 3, 2, 1, 1]


def test_what_was_sent_before_a_refusal_came_is_no_news_of_its_own() -> None:
    """And what is sent at the moment at which it came belongs to it too."""
    capacity = Capacity(8)
    capacity.refused(1.0, 2.0, by_quota=True)
    capacity.refused(2.0, 3.0, by_quota=True)
    assert (capacity.limit, capacity.in_vain) == (4, 1)
    capacity.refused(2.5, 3.0, by_quota=True)
    assert (capacity.limit, capacity.in_vain) == (2, 2)


def test_it_counts_the_bursts_in_a_row_since_something_got_through() -> None:
    """What was sent before the last one does not count."""
    capacity = Capacity(8)
    for now in (1.0, 2.0, 3.0):
        burst(capacity, now, refused=2, served=1)
    assert capacity.in_vain == 3
    capacity.served(4.0, 1)
    assert capacity.in_vain == 0


def test_it_grows_one_by_one_with_all_slots_taken() -> None:
    """Each after so many, until there are as many as wanted; those that left a slot free prove nothing."""
    capacity = Capacity(4)
    burst(capacity, 1.0, refused=1, served=0, by_quota=True)
    assert capacity.limit == 2
    for _ in range(100):
        capacity.served(2.0, 1)
    assert capacity.limit == 2
    assert serve(capacity, 2.0, FIRST_DISTANCE - 1) == 2
    assert serve(capacity, 2.0, 1) == 3
    assert serve(capacity, 2.0, FIRST_DISTANCE - 1) == 3
    assert serve(capacity, 2.0, 1) == 4
    assert serve(capacity, 2.0, 1000) == 4


def probes(capacity: Capacity, room: int, requests: int) -> list[int]:
    """Serve requests where there is no room for more at once, and return after how many each refusal came."""
    found = []
    for number in range(requests):
        now = 10.0 + number
        if capacity.limit > room:
            burst(capacity, now, refused=capacity.limit - room, served=room)
            found.append(number)
        capacity.served(now + 0.75, capacity.limit)
    return found


def test_where_one_more_was_refused_it_is_tried_again_at_doubling_distance() -> None:
    """So a gateway without a word costs a refusal for each doubling, and no more; then so many each time."""
    found = probes(Capacity(8), 2, 10_000)
    distances = [after - before + 2 for before, after in itertools.pairwise(found)]  # two of the burst were served
    doubling = [2 * FIRST_DISTANCE * 2**n for n in range(20)]
    assert distances == [min(distance, LONGEST_DISTANCE) for distance in doubling][: len(distances)]
    assert len(distances) > 10


def test_one_more_that_is_refused_is_taken_back_and_no_more_than_it() -> None:
    """What was borne before it is still borne, however few of that burst were served."""
    capacity = Capacity(8)
    assert burst(capacity, 1.0, refused=5, served=3) == 3
    assert serve(capacity, 2.0, 2 * FIRST_DISTANCE - 3) == 4
    assert burst(capacity, 3.0, refused=1, served=0) == 3
    assert burst(capacity, 4.0, refused=1, served=0) == 1


def test_once_one_more_has_stood_its_trial_growth_is_quick_again() -> None:
    """There is more room now than there was."""
    capacity = Capacity(8)
    probes(capacity, 2, 200)
    assert capacity.limit == 2
    while capacity.limit == 2:
        capacity.served(1000.0, 2)
    for limit in range(3, 8):
        assert serve(capacity, 1000.0, FIRST_DISTANCE - 1) == limit
        assert serve(capacity, 1000.0, 1) == limit + 1


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32))
def test_it_stays_within_its_bounds(most: int, room: int, seed: int) -> None:
    """From one to as many as wanted, whatever is answered when."""
    capacity = Capacity(most)
    chance = random.Random(seed)
    for now in range(200):
        sent = now - chance.choice([0, 0.5, 3])
        if chance.random() < 0.2 * (capacity.limit > room):
            capacity.refused(sent, now, by_quota=chance.random() < 0.5)
        else:
            capacity.served(sent, chance.randint(1, most))
        assert 1 <= capacity.limit <= most
