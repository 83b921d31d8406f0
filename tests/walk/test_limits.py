"""Which limit is asked with where some pages are too heavy."""

from __future__ import annotations

import pytest

from lyzr_traces_async._limits import HEAVY_ATTEMPTS, Limits

FAR = 10**6


def failed(limits: Limits, *tried: int, position: int = 0) -> None:
    """Let these limits fail at a position."""
    for limit in tried:
        assert limits.failed(limit, position)


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
def test_each_limit_divides_the_one_before(limit: int, smaller: list[int]) -> None:
    """So that no position is lost; below 1 there is none."""
    limits = Limits(limit)
    assert limits.at(0, FAR) == (limit, None)
    for now, less in zip([limit, *smaller], smaller, strict=False):
        assert limits.failed(now, 0)
        assert limits.at(0, FAR)[0] == less
    assert not limits.failed(1, 0)
    assert limits.at(0, FAR)[0] == 1


def test_a_limit_that_failed_holds_off_for_the_page_that_it_failed_for() -> None:
    """Then it is tried again, and where it gets through that is that."""
    limits = Limits(100)
    failed(limits, 100, position=300)
    for position in (300, 350):
        assert limits.at(position, FAR) == (50, 400)
    assert limits.at(400, FAR) == (100, None)
    assert [limits.attempts(limit) for limit in (1, 50, 100)] == [None, HEAVY_ATTEMPTS, 1]
    limits.worked(50)
    assert limits.at(400, FAR) == (100, None)
    limits.worked(100)
    assert limits.at(500, FAR) == (100, None)
    assert limits.attempts(100) == HEAVY_ATTEMPTS


def test_a_limit_that_fails_again_is_tried_at_distances_that_double() -> None:
    """And begins anew where it has got through meanwhile."""
    limits = Limits(100)
    position = 0
    for distance in (100, 200, 400, 800):
        failed(limits, 100, position=position)
        position += distance
        assert limits.at(position - 1, FAR) == (50, position)
        assert limits.at(position, FAR) == (100, None)
    limits.worked(100)
    failed(limits, 100, position=position)
    assert limits.at(position, FAR) == (50, position + 100)


def test_an_odd_limit_holds_off_for_the_whole_page_too() -> None:
    """In steps of 1, as far as its last position."""
    limits = Limits(5)
    failed(limits, 5, position=10)
    assert limits.at(14, FAR) == (1, 15)
    assert limits.at(15, FAR) == (5, None)


def test_limits_go_up_one_step_at_a_time() -> None:
    """Each in its turn, where it may be tried again."""
    limits = Limits(100)
    failed(limits, 100, 50, 25)
    assert limits.at(0, FAR) == (5, 25)
    limits.worked(5)
    assert limits.at(25, FAR) == (25, None)
    limits.worked(25)
    assert limits.at(25, FAR) == (25, 50)
    assert limits.at(50, FAR) == (50, None)
    limits.worked(50)
    assert limits.at(50, FAR) == (50, 100)
    assert limits.at(100, FAR) == (100, None)


@pytest.mark.parametrize(("left", "limit"), [(-10, 100), (0, 100), (1, 50), (50, 50), (51, 100)])
def test_a_larger_limit_is_not_tried_where_one_page_is_left(left: int, limit: int) -> None:
    """It would save nothing. Where the end is not known it is."""
    limits = Limits(100)
    failed(limits, 100, position=300)
    assert limits.at(500, 500 + left) == (limit, None)


def test_where_the_server_gives_fewer_its_limit_takes_the_place_of_the_callers() -> None:
    """What failed before were larger ones."""
    limits = Limits(100)
    failed(limits, 100, 50, position=300)
    limits.cap(20)
    assert limits.at(0, FAR) == (20, None)
    failed(limits, 20)
    assert limits.at(0, FAR) == (10, 20)
    limits.cap(5)
    failed(limits, 5)
    assert limits.at(0, FAR) == (1, 5)
