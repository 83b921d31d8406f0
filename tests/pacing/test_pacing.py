"""The pacer: how many requests it lets through, and how long the others must wait."""

from __future__ import annotations

import math

import pytest

from lyzr_traces_async._pacing import Pacer, Ticket
from tests.helpers.pacers import MAX_WAIT, admitted, burst, counts, informed, quota


def test_until_the_first_answer_one_request_is_in_flight() -> None:
    """The quota is not known yet. The others wait for the answer, however long it takes."""
    pacer = Pacer()
    ticket = admitted(pacer, 7.0)
    assert pacer.admit(7.0, MAX_WAIT) == math.inf
    assert pacer.admit(99.0, MAX_WAIT) == math.inf
    pacer.answered(ticket, 100.0, status=200, quotas=[quota(3, 10)])
    assert counts(pacer, 100.0) == (3, 10.0)


def test_after_a_first_request_without_an_answer_one_more_is_let_through() -> None:
    """Only one request is in flight at a time."""
    pacer = Pacer()
    for now in (0.0, 1.0, 2.0):
        ticket = admitted(pacer, now)
        assert pacer.admit(now, MAX_WAIT) == math.inf
        pacer.unanswered(ticket)


@pytest.mark.parametrize("status", [200, 404, 429, 499])
def test_an_answer_of_the_service_without_quota_fields_means_that_there_is_no_quota(status: int) -> None:
    """Then nothing is held back."""
    pacer = Pacer()
    pacer.answered(admitted(pacer, 0.0), 0.5, status=status, quotas=[])
    assert counts(pacer, 0.5) == (50, 0.0)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_without_quota_fields_tells_nothing(status: int) -> None:
    """It may come from a proxy. The next request goes alone, and a known quota still holds."""
    pacer = Pacer()
    pacer.answered(admitted(pacer, 0.0), 0.5, status=status, quotas=[])
    assert counts(pacer, 0.5) == (1, math.inf)
    pacer = informed(quota(2, 10))
    pacer.answered(admitted(pacer, 1.0), 2.0, status=status, quotas=[])
    assert counts(pacer, 2.0) == (1, 8.5)


def test_a_server_error_with_quota_fields_tells_the_quota() -> None:
    """It comes from the service itself."""
    pacer = Pacer()
    pacer.answered(admitted(pacer, 0.0), 0.5, status=500, quotas=[quota(2, 10)])
    assert counts(pacer, 0.5) == (2, 10.0)


@pytest.mark.parametrize("remaining", [0, 1, 2, 7])
def test_as_many_requests_are_sent_as_remain_and_then_the_window_is_waited_for(remaining: int) -> None:
    """The window ends at ``received + reset``."""
    pacer = informed(quota(remaining, 10, 20))
    assert counts(pacer, 1.0) == (remaining, 9.5)
    assert pacer.admit(10.25, MAX_WAIT) == 0.25


def test_the_earliest_known_end_of_a_window_holds() -> None:
    """The reset is rounded up, and answers take time, so that every computed end may only be too late."""
    pacer = informed(quota(9, 10))
    pacer.answered(admitted(pacer, 1.0), 1.5, status=200, quotas=[quota(8, 8)])
    pacer.answered(admitted(pacer, 2.0), 4.0, status=200, quotas=[quota(0, 8)])
    assert pacer.admit(4.0, MAX_WAIT) == 5.5


def test_an_answer_lowers_what_is_left_and_never_raises_it() -> None:
    """Other clients may use the quota, and the server counted before it knew of the requests in flight."""
    pacer = informed(quota(9, 10))
    tickets = [admitted(pacer, 1.0) for _ in range(4)]
    pacer.answered(tickets[0], 1.5, status=200, quotas=[quota(8, 9)])
    assert pacer._windows["a"].budget == 5
    pacer.answered(tickets[1], 1.5, status=200, quotas=[quota(2, 9)])
    assert counts(pacer, 1.5) == (2, 9.0)


def test_a_request_without_an_answer_counts_as_spent() -> None:
    """The server may have counted it."""
    pacer = informed(quota(2, 10, 20))
    pacer.unanswered(admitted(pacer, 1.0))
    assert counts(pacer, 1.0) == (1, 9.5)


def test_at_its_end_the_window_is_full_again() -> None:
    """The end of the new window is not known before an answer, so the next request waits for that answer."""
    pacer = informed(quota(0, 10, 3))
    assert pacer.admit(10.25, MAX_WAIT) == 0.25
    tickets, wait = burst(pacer, 10.5)
    assert (len(tickets), wait) == (3, math.inf)
    pacer.answered(tickets[0], 11.0, status=200, quotas=[quota(2, 10, 3)])
    assert pacer.admit(11.0, MAX_WAIT) == 10.0


def test_a_window_of_unknown_size_starts_over_with_one_request() -> None:
    """Without a policy only an answer tells the size of the next window."""
    pacer = informed(quota(0, 10))
    tickets, wait = burst(pacer, 10.5)
    assert (len(tickets), wait) == (1, math.inf)
    pacer.answered(tickets[0], 11.0, status=200, quotas=[quota(4, 10)])
    assert counts(pacer, 11.0) == (4, 10.0)


def test_the_newest_policy_tells_the_size_of_the_next_window() -> None:
    """A quota may be changed while a client runs."""
    pacer = informed(quota(5, 10, 3))
    pacer.answered(admitted(pacer, 1.0), 1.5, status=200, quotas=[quota(0, 9, 5)])
    assert counts(pacer, 10.5) == (5, math.inf)


def test_a_reset_of_zero_is_a_window_that_has_ended() -> None:
    """The next window is full."""
    assert counts(informed(quota(0, 0, 4)), 0.5) == (4, math.inf)


@pytest.mark.parametrize(("reset", "lets_through"), [(120.0, False), (120.25, True), (1000.0, True), (math.inf, True)])
def test_a_window_longer_than_the_longest_wait_lets_one_request_through(reset: float, *, lets_through: bool) -> None:
    """One request at a time goes through, so that the refusal comes from the server."""
    pacer = informed(quota(0, reset, 9))
    if not lets_through:
        assert pacer.admit(0.5, MAX_WAIT) == reset
        return
    for now in (0.5, 0.5, 0.5):
        ticket = admitted(pacer, now)
        assert pacer.admit(now, MAX_WAIT) == math.inf
        pacer.answered(ticket, now, status=429, quotas=[quota(0, reset, 9)])


def test_the_longest_wait_is_still_waited_for_while_requests_are_in_flight() -> None:
    """The request waits for the end of the window, and not for their answers."""
    pacer = informed(quota(1, 120, 9))
    admitted(pacer, 0.5)
    assert pacer.admit(0.5, MAX_WAIT) == 120.0
    assert pacer.admit(0.25, MAX_WAIT) == math.inf


def test_a_window_longer_than_the_longest_wait_is_kept_to_in_full() -> None:
    """A request goes alone only after the window is used up."""
    pacer = informed(quota(2, 1000, 9))
    tickets, wait = burst(pacer, 1.0)
    assert (len(tickets), wait) == (2, math.inf)


def test_each_request_has_its_own_longest_wait() -> None:
    """A request with a shorter one is let through, one at a time, while others wait."""
    pacer = informed(quota(0, 10, 9))
    assert pacer.admit(0.5, 10.0) == 10.0
    assert isinstance(pacer.admit(0.5, 9.75), Ticket)
    assert pacer.admit(0.5, 9.75) == math.inf
    assert pacer.admit(0.5, 10.0) == 10.0


def test_a_request_that_was_never_sent_is_given_back() -> None:
    """Its caller gave up at the very moment it was let through."""
    pacer = informed(quota(2, 10, 20))
    tickets, wait = burst(pacer, 1.0)
    assert (len(tickets), wait) == (2, 9.5)
    for ticket in tickets:
        pacer.not_sent(ticket)
    assert counts(pacer, 1.0) == (2, 9.5)
