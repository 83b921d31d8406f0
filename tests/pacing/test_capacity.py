"""How many requests may be in flight: fewer after refusals, more after successes, and probes at doubling distances."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async._capacity import FIRST_DISTANCE, LONGEST_DISTANCE, Capacity


def burst(capacity: Capacity, now: float, *, refused: int, served: int, by_quota: bool = False) -> int:
    """Answer requests that were sent together, and return the limit after that."""
    for _ in range(refused):
        capacity.refused(now, now + 0.5, by_quota=by_quota)
    for left in range(served, 0, -1):
        capacity.served(now, left)
    return capacity.limit


def serve(capacity: Capacity, now: float, times: int) -> int:
    """Answer requests with all slots taken, and return the limit after that."""
    for _ in range(times):
        capacity.served(now, capacity.limit)
    return capacity.limit


def test_without_a_refusal_the_limit_is_the_configured_one() -> None:
    """The limit is neither lower nor higher."""
    capacity = Capacity(8)
    assert capacity.limit == 8
    assert serve(capacity, 1.0, 1000) == 8


@pytest.mark.parametrize("served", range(8))
def test_after_refusals_the_limit_is_the_number_served_of_the_burst(served: int) -> None:
    """The refusals of one burst count once. The limit is never below one."""
    capacity = Capacity(8)
    serve(capacity, 0.0, 100)
    assert burst(capacity, 1.0, refused=8 - served, served=served) == max(1, served)


@pytest.mark.parametrize(("served", "limit"), [(0, 4), (3, 4), (4, 4), (6, 6)])
def test_after_refusals_by_the_quota_the_limit_is_halved(served: int, limit: int) -> None:
    """It is not lower than the number served: there was no lack of room."""
    assert burst(Capacity(8), 1.0, refused=8 - served, served=served, by_quota=True) == limit


def test_bursts_that_are_refused_by_the_quota_end_at_one() -> None:
    """Halves are rounded up."""
    capacity = Capacity(11)
    assert [burst(capacity, now, refused=1, served=0, by_quota=True) for now in range(5)] == [6, 3, 2, 1, 1]


def test_a_refusal_of_a_request_sent_before_another_refusal_does_not_count() -> None:
    """A request sent at the very moment of the refusal belongs to that burst as well."""
    capacity = Capacity(8)
    capacity.refused(1.0, 2.0, by_quota=True)
    capacity.refused(2.0, 3.0, by_quota=True)
    assert (capacity.limit, capacity.in_vain) == (4, 1)
    capacity.refused(2.5, 3.0, by_quota=True)
    assert (capacity.limit, capacity.in_vain) == (2, 2)


def test_refused_bursts_in_a_row_are_counted() -> None:
    """A success counts as one only if its request was sent after the last refusal."""
    capacity = Capacity(8)
    for now in (1.0, 2.0, 3.0):
        burst(capacity, now, refused=2, served=1)
    assert capacity.in_vain == 3
    capacity.served(4.0, 1)
    assert capacity.in_vain == 0


def test_the_limit_grows_one_by_one_if_all_slots_are_taken() -> None:
    """It grows after a number of successes, up to the configured limit. A success with a free slot proves nothing."""
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
    """Serve requests at a gateway without more room, and return how many came before each refusal."""
    found = []
    for number in range(requests):
        now = 10.0 + number
        if capacity.limit > room:
            burst(capacity, now, refused=capacity.limit - room, served=room)
            found.append(number)
        capacity.served(now + 0.75, capacity.limit)
    return found


def test_a_refused_probe_is_repeated_at_doubling_distances() -> None:
    """A gateway that gives no reason costs one refusal for each doubling, up to a longest distance."""
    found = probes(Capacity(8), 2, 10_000)
    distances = [
        after - before + 2 for before, after in itertools.pairwise(found)
    ]  # two requests of the burst were served
    doubling = [2 * FIRST_DISTANCE * 2**n for n in range(20)]
    assert distances == [min(distance, LONGEST_DISTANCE) for distance in doubling][: len(distances)]
    assert len(distances) > 10


def test_a_refused_probe_lowers_the_limit_by_one() -> None:
    """The limit before the probe still holds, however few of that burst were served."""
    capacity = Capacity(8)
    assert burst(capacity, 1.0, refused=5, served=3) == 3
    assert serve(capacity, 2.0, 2 * FIRST_DISTANCE - 3) == 4
    assert burst(capacity, 3.0, refused=1, served=0) == 3
    assert burst(capacity, 4.0, refused=1, served=0) == 1


def test_after_a_successful_probe_the_limit_grows_quickly_again() -> None:
    """The gateway has more room than before."""
    capacity = Capacity(8)
    probes(capacity, 2, 200)
    assert capacity.limit == 2
    while capacity.limit == 2:
        capacity.served(1000.0, 2)
    for limit in range(3, 8):
        assert serve(capacity, 1000.0, FIRST_DISTANCE - 1) == limit
        assert serve(capacity, 1000.0, 1) == limit + 1


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32))
def test_the_limit_stays_between_one_and_the_configured_one(most: int, room: int, seed: int) -> None:
    """This holds for any sequence of answers."""
    capacity = Capacity(most)
    chance = random.Random(seed)
    for now in range(200):
        sent = now - chance.choice([0, 0.5, 3])
        if chance.random() < 0.2 * (capacity.limit > room):
            capacity.refused(sent, now, by_quota=chance.random() < 0.5)
        else:
            capacity.served(sent, chance.randint(1, most))
        assert 1 <= capacity.limit <= most
