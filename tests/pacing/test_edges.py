"""Edges of the pacing: a scout that is never sent, a short hold, a slot that has proved itself."""

from __future__ import annotations

import math

import pytest

from lyzr_traces_async import RateLimitError, RetryPolicy
from lyzr_traces_async._capacity import FIRST_DISTANCE, Capacity
from lyzr_traces_async._fields import Quota
from lyzr_traces_async._pacing import Pacer, Ticket
from lyzr_traces_async._retrying import MAX_PASSED_OVER, Attempts


def admitted(pacer: Pacer, now: float) -> Ticket:
    ticket = pacer.admit(now, 60.0)
    assert isinstance(ticket, Ticket)
    return ticket


def test_where_the_scout_was_never_sent_another_request_takes_its_place() -> None:
    """Nothing waits for an answer to a request that the server has not seen."""
    pacer = Pacer()
    pacer.answered(admitted(pacer, 0.0), 0.0, status=200, quotas=())
    admitted(pacer, 0.0)  # is still under way below
    pacer.refused(0.0, 1.0)
    scout = admitted(pacer, 2.0)
    assert pacer.admit(2.0, 60.0) == math.inf
    pacer.not_sent(scout)
    admitted(pacer, 2.0)


def test_also_a_short_hold_leaves_nothing_to_send() -> None:
    """Half a second after a 429 that asked for a second."""
    pacer = Pacer()
    quota = Quota("q", requests=10, remaining=5, reset=60, window=60)
    pacer.answered(admitted(pacer, 0.0), 0.0, status=200, quotas=[quota])
    pacer.refused(0.0, 1.0)
    state = pacer.quota(0.5)
    assert state is not None
    assert (state.remaining, state.resets_in) == (0, 0.5)


def test_what_was_sent_at_the_moment_of_a_burst_belongs_to_it() -> None:
    """That it is served does not end the row of refusals."""
    capacity = Capacity(8)
    capacity.refused(0.0, 1.0, by_quota=False)
    capacity.served(1.0, 1)
    assert capacity.in_vain == 1
    capacity.served(1.5, 1)
    assert capacity.in_vain == 0


@pytest.mark.parametrize(("served", "limit"), [(FIRST_DISTANCE - 1, 3), (FIRST_DISTANCE, 2)])
def test_the_last_slot_is_on_trial_until_enough_was_served(served: int, limit: int) -> None:
    """A refusal before that takes it back; one after that halves them all."""
    capacity = Capacity(4)
    capacity.refused(0.0, 0.0, by_quota=True)
    for in_flight in (2, 3):
        assert capacity.limit == in_flight
        for _ in range(FIRST_DISTANCE):
            capacity.served(1.0, in_flight)
    for _ in range(served):
        capacity.served(1.0, 4)
    assert capacity.limit == 4
    capacity.refused(1.0, 1.0, by_quota=True)
    assert capacity.limit == limit


def test_only_what_got_through_after_a_refusal_has_passed_it_over() -> None:
    """An answer of the very same moment has not."""
    attempts = Attempts(RetryPolicy())
    for now in range(2 * MAX_PASSED_OVER):
        refusal = RateLimitError("no", status=429, retry_after=1.0)
        assert attempts.again(refusal, now=float(now), got_through=float(now - 1))
