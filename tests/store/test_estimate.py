"""How long a job takes if only the quota limits it: examples, and properties that hold for any quota."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async import QuotaState
from lyzr_traces_async.store._estimate import seconds_left

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
estimating = settings(max_examples=EXAMPLES, deadline=None)

RUNNING: Final = QuotaState(requests=100, remaining=57, resets_in=31.0, window_seconds=60.0)
OVER: Final = QuotaState(requests=100, remaining=100, resets_in=0.0, window_seconds=60.0)
HELD: Final = QuotaState(requests=100, remaining=0, resets_in=5.5, window_seconds=60.0)


@pytest.mark.parametrize(
    ("requests_to_go", "quota", "expected"),
    [
        pytest.param(0, RUNNING, 0.0, id="nothing to do"),
        pytest.param(57, RUNNING, 0.0, id="all that is left"),
        pytest.param(58, RUNNING, 31.0, id="one more"),
        pytest.param(157, RUNNING, 31.0, id="and a whole window"),
        pytest.param(158, RUNNING, 91.0, id="and one more"),
        pytest.param(40_057, RUNNING, 31.0 + 399 * 60.0, id="a month of sessions"),
        pytest.param(100, OVER, 0.0, id="a window that begins now"),
        pytest.param(101, OVER, 60.0, id="and one more than it has"),
        pytest.param(200, OVER, 60.0, id="and the next one"),
        pytest.param(201, OVER, 120.0, id="and the one after"),
        pytest.param(0, HELD, 0.0, id="nothing to do while nothing may be sent"),
        pytest.param(1, HELD, 5.5, id="held back"),
        pytest.param(101, HELD, 65.5, id="held back, and a window more"),
        pytest.param(1, QuotaState(1, 0, 0.0, 60.0), 0.0, id="the next window begins at once"),
        pytest.param(2, QuotaState(1, 0, 0.0, 60.0), 60.0, id="and the one after"),
        pytest.param(3, QuotaState(1, 0, 0.0, 0.25), 0.5, id="a short window"),
        pytest.param(10**400, RUNNING, math.inf, id="more than a float can hold"),
        pytest.param(10**400, QuotaState(10**399, 0, 31.0, 60.0), 31.0 + 9 * 60.0, id="large, and so is the quota"),
        pytest.param(1, None, None, id="no quota is known"),
        pytest.param(0, None, 0.0, id="nor needed"),
        pytest.param(5, QuotaState(None, 5, 31.0, 60.0), 0.0, id="no more than is left of an unknown number"),
        pytest.param(6, QuotaState(None, 5, 31.0, 60.0), None, id="how many requests a window allows is not known"),
        pytest.param(6, QuotaState(9, 5, 31.0, None), None, id="how long it lasts is not known"),
        pytest.param(1, QuotaState(0, 0, 31.0, 60.0), None, id="a quota of nothing"),
    ],
)
def test_the_time_that_a_quota_makes_requests_take(
    requests_to_go: int, quota: QuotaState | None, expected: float | None
) -> None:
    """Requests left in the running window take no time. Each further window adds its length."""
    assert seconds_left(requests_to_go, quota) == expected


numbers = st.integers(0, 300) | st.integers(0, 10**15) | st.integers(0, 10**400)
quotas = st.builds(
    QuotaState,
    requests=st.integers(1, 200) | st.integers(1, 10**15),
    remaining=st.integers(0, 200) | st.integers(0, 10**15),
    resets_in=st.just(0.0) | st.floats(0, 1e9),
    window_seconds=st.floats(0.001, 1e9),
)


@estimating
@given(numbers, quotas)
def test_the_estimate_is_the_least_time_that_the_quota_allows(requests_to_go: int, quota: QuotaState) -> None:
    """It is exact except for rounding."""
    estimate = seconds_left(requests_to_go, quota)
    assert estimate is not None
    assert quota.requests is not None
    assert quota.window_seconds is not None
    if estimate == math.inf:
        assert requests_to_go * Fraction(quota.window_seconds) / quota.requests > 10**307
        return
    windows = max(0, math.ceil(Fraction(requests_to_go - quota.remaining, quota.requests)))
    floor = max(0, windows - 1) * Fraction(quota.window_seconds) + Fraction(quota.resets_in if windows else 0)
    assert Fraction(estimate) >= floor * (1 - Fraction(1, 10**15))
    assert Fraction(estimate) <= (floor + Fraction(quota.window_seconds)) * (1 + Fraction(1, 10**15))


@estimating
@given(numbers, numbers, quotas)
def test_more_requests_never_take_less_time(one: int, other: int, quota: QuotaState) -> None:
    """This holds for any two numbers of requests."""
    less, more = (seconds_left(requests, quota) for requests in sorted((one, other)))
    assert less is not None
    assert more is not None
    assert less <= more


@estimating
@given(quotas)
def test_no_requests_take_no_time(quota: QuotaState) -> None:
    """This also holds while no request may be sent."""
    assert seconds_left(0, quota) == 0.0


@estimating
@given(
    st.integers(0, 60),
    st.integers(1, 7),
    st.integers(0, 9),
    st.integers(0, 20).map(float),
    st.integers(1, 20).map(float),
)
def test_the_estimate_is_the_time_of_a_simulation(
    requests_to_go: int, requests: int, remaining: int, resets_in: float, window: float
) -> None:
    """The simulation sends requests as fast as windows open."""
    now, left, opens = 0.0, remaining, resets_in if resets_in or not remaining else window
    for _ in range(requests_to_go):
        if not left:
            now, left, opens = opens, requests, opens + window
        left -= 1
    assert seconds_left(requests_to_go, QuotaState(requests, remaining, resets_in, window)) == now
