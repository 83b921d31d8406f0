"""Which limit the walk uses when some pages are too heavy."""

from __future__ import annotations

import pytest

from lyzr_traces_async._limits import HEAVY_ATTEMPTS, Limits

FAR = 10**6


def failed(limits: Limits, *tried: int, position: int = 0) -> None:
    """Record that these limits failed at a position."""
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
    """No position gets lost in this way, and there is no limit below 1."""
    limits = Limits(limit)
    assert limits.at(0, FAR) == (limit, None)
    for now, less in zip([limit, *smaller], smaller, strict=False):
        assert limits.failed(now, 0)
        assert limits.at(0, FAR)[0] == less
    assert not limits.failed(1, 0)
    assert limits.at(0, FAR)[0] == 1


def test_a_limit_that_failed_is_avoided_for_the_page_that_it_failed_for() -> None:
    """It is tried again behind that page, and stays if it succeeds."""
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
    """The distances start again after a success."""
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


def test_an_odd_limit_is_avoided_for_the_whole_page_too() -> None:
    """The walk proceeds in steps of 1 up to the last position of that page."""
    limits = Limits(5)
    failed(limits, 5, position=10)
    assert limits.at(14, FAR) == (1, 15)
    assert limits.at(15, FAR) == (5, None)


def test_limits_go_up_one_step_at_a_time() -> None:
    """Each limit follows once it may be tried again."""
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
def test_a_larger_limit_is_not_tried_for_the_last_page(left: int, limit: int) -> None:
    """It would save no request. It is tried if the end is not known."""
    limits = Limits(100)
    failed(limits, 100, position=300)
    assert limits.at(500, 500 + left) == (limit, None)


def test_a_smaller_limit_of_the_server_replaces_the_callers() -> None:
    """The failures before concern larger limits."""
    limits = Limits(100)
    failed(limits, 100, 50, position=300)
    limits.cap(20)
    assert limits.at(0, FAR) == (20, None)
    failed(limits, 20)
    assert limits.at(0, FAR) == (10, 20)
    limits.cap(5)
    failed(limits, 5)
    assert limits.at(0, FAR) == (1, 5)
