"""The pacer: tables for its arithmetic, and a fixed-window server in virtual time for what comes of it."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async._fields import Quota
from lyzr_traces_async._pacing import Pacer, Ticket

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
pacing = settings(max_examples=EXAMPLES, deadline=None)

MAX_WAIT: Final = 120.0


def quota(remaining: int, reset: float, requests: int | None = None, name: str = "a") -> Quota:
    """Return a quota, as an answer tells it."""
    return Quota(name, remaining, reset, requests)


def admitted(pacer: Pacer, now: float) -> Ticket:
    """Return the ticket of a request that has to be let through."""
    ticket = pacer.admit(now, MAX_WAIT)
    assert isinstance(ticket, Ticket)
    assert ticket.sent == now
    return ticket


def burst(pacer: Pacer, now: float, most: int = 50) -> tuple[list[Ticket], float]:
    """Return the tickets that there are at a moment, and the wait for the next one."""
    tickets: list[Ticket] = []
    for _ in range(most):
        ticket = pacer.admit(now, MAX_WAIT)
        if not isinstance(ticket, Ticket):
            return tickets, ticket
        tickets.append(ticket)
    return tickets, 0.0


def informed(*quotas: Quota, sent: float = 0.0, received: float = 0.5) -> Pacer:
    """Return a pacer that has had one answer."""
    pacer = Pacer()
    pacer.answered(admitted(pacer, sent), received, status=200, quotas=quotas)
    return pacer


def counts(pacer: Pacer, now: float) -> tuple[int, float]:
    """Return how many requests are let through at a moment, and the wait after them."""
    tickets, wait = burst(pacer, now)
    return len(tickets), wait


def test_until_the_first_answer_one_request_is_in_flight() -> None:
    """Nothing is known of the quota yet; the others wait for the answer, however long."""
    pacer = Pacer()
    ticket = admitted(pacer, 7.0)
    assert pacer.admit(7.0, MAX_WAIT) == math.inf
    assert pacer.admit(99.0, MAX_WAIT) == math.inf
    pacer.answered(ticket, 100.0, status=200, quotas=[quota(3, 10)])
    assert counts(pacer, 100.0) == (3, 10.0)


def test_a_first_request_without_an_answer_lets_the_next_one_find_out() -> None:
    """Still one at a time."""
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
    """It may be a proxy's: the next request has to find out, and a known quota holds on."""
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
    """It ends at ``received + reset``."""
    pacer = informed(quota(remaining, 10, 20))
    assert counts(pacer, 1.0) == (remaining, 9.5)
    assert pacer.admit(10.25, MAX_WAIT) == 0.25


def test_the_earliest_known_end_of_a_window_holds() -> None:
    """The reset is rounded up, and answers take their time: each of them can only be too late."""
    pacer = informed(quota(9, 10))
    pacer.answered(admitted(pacer, 1.0), 1.5, status=200, quotas=[quota(8, 8)])
    pacer.answered(admitted(pacer, 2.0), 4.0, status=200, quotas=[quota(0, 8)])
    assert pacer.admit(4.0, MAX_WAIT) == 5.5


def test_an_answer_lowers_what_is_left_and_never_raises_it() -> None:
    """Strangers may spend; what is in flight is not known to the server that counted earlier."""
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
    """And its own end is not known before an answer; then the wait is for that."""
    pacer = informed(quota(0, 10, 3))
    assert pacer.admit(10.25, MAX_WAIT) == 0.25
    tickets, wait = burst(pacer, 10.5)
    assert (len(tickets), wait) == (3, math.inf)
    pacer.answered(tickets[0], 11.0, status=200, quotas=[quota(2, 10, 3)])
    assert pacer.admit(11.0, MAX_WAIT) == 10.0


def test_a_window_of_unknown_size_starts_over_with_one_request() -> None:
    """Without a policy only an answer tells how many requests the next window allows."""
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


def test_requests_under_way_when_a_window_ends_count_as_spent_in_the_next() -> None:
    """Until their answers show where they were counted."""
    pacer = informed(quota(3, 10, 4))
    admitted(pacer, 10.0)
    assert counts(pacer, 10.5) == (3, math.inf)


@pytest.mark.parametrize(
    ("sent", "reset", "left"),
    [
        pytest.param(60.0, 1, 1, id="counted in the window before"),
        pytest.param(60.25, 1.25, 0, id="perhaps counted just as the window began"),
        pytest.param(60.25, 1, 1, id="certainly counted before"),
        pytest.param(60.0, 60, 0, id="counted in this window"),
    ],
)
def test_an_answer_of_the_window_before_gives_its_request_back(sent: float, reset: float, left: int) -> None:
    """It was not counted in the window that runs, and says nothing about it."""
    pacer = informed(quota(9, 60, 3))
    straddling = admitted(pacer, sent)
    assert counts(pacer, 60.5) == (2, math.inf)
    pacer.answered(straddling, 61.0, status=200, quotas=[quota(2, reset, 3)])
    assert counts(pacer, 61.0)[0] == left


def test_an_answer_of_the_window_before_does_not_tell_when_this_one_ends() -> None:
    """Nor how much of it is left."""
    pacer = informed(quota(9, 60, 3))
    straddling = admitted(pacer, 60.0)
    burst(pacer, 60.5)
    pacer.answered(straddling, 61.0, status=200, quotas=[quota(0, 1, 3)])
    assert counts(pacer, 61.0) == (1, math.inf)


@pytest.mark.parametrize(("received", "left"), [(116.5, 1), (117.0, 0), (117.5, 0)])
def test_a_request_is_given_back_as_long_as_no_window_could_end_so_early(received: float, left: int) -> None:
    """The last one ended after 59, and one lasts 59 s at least: what ends by 118 has begun before."""
    pacer = informed(quota(9, 60, 3))
    straddling = admitted(pacer, 60.0)
    assert counts(pacer, 60.5) == (2, math.inf)
    pacer.answered(straddling, received, status=200, quotas=[quota(2, 1, 3)])
    assert counts(pacer, received)[0] == left


def test_an_answer_that_may_have_opened_this_window_gives_nothing_back() -> None:
    """Sent a moment before the known end of a window of one second, it may have come in after the true one."""
    pacer = informed(quota(1, 1, 2))  # ends at 1.5, and not before 0
    straddling = admitted(pacer, 1.25)
    assert counts(pacer, 1.5) == (1, math.inf)
    pacer.answered(straddling, 1.75, status=200, quotas=[quota(1, 1, 2)])
    assert counts(pacer, 1.75) == (0, math.inf)


def test_a_request_sent_in_this_window_is_never_given_back() -> None:
    """Whatever its answer says."""
    pacer = informed(quota(9, 60, 3))
    first = admitted(pacer, 60.5)
    assert counts(pacer, 60.5) == (2, math.inf)
    pacer.answered(first, 61.0, status=200, quotas=[quota(2, 0.25, 3)])
    assert pacer.admit(61.0, MAX_WAIT) == 0.25


@pytest.mark.parametrize(
    ("reset", "left", "wait"),
    [
        pytest.param(10, 3, 10.0, id="a later window"),
        pytest.param(2.5, 3, 2.5, id="just at the known end, so a later one"),
        pytest.param(2.25, 4, 1.5, id="perhaps the same window"),
    ],
)
def test_an_answer_of_a_later_window_replaces_the_one_known(reset: float, left: int, wait: float) -> None:
    """Nobody asked for a ticket when the one known ended; those in flight may be counted in the later one."""
    pacer = informed(quota(9, 9.5, 9), received=1.0)  # ends at 10.5
    answered, *_ = (admitted(pacer, 9.0) for _ in range(3))
    others = [admitted(pacer, 9.0) for _ in range(2)]
    for other in others:
        pacer.unanswered(other)
    pacer.answered(answered, 9.0, status=200, quotas=[quota(5, reset, 9)])
    assert counts(pacer, 9.0) == (min(left, 4), wait if reset != 2.25 else 1.5)


def test_after_an_unnoticed_end_what_was_sent_before_it_may_still_be_given_back() -> None:
    """The later window is taken to have begun where the one before ended."""
    pacer = informed(quota(9, 10, 9))
    slow, first = admitted(pacer, 5.0), admitted(pacer, 10.0)
    pacer.answered(first, 12.0, status=200, quotas=[quota(3, 9, 9)])
    pacer.answered(slow, 12.0, status=200, quotas=[quota(0, 3, 9)])
    assert counts(pacer, 12.0) == (3, 9.0)


def test_of_several_quotas_the_tightest_holds() -> None:
    """One that is used up for longer, or one that has fewer requests left."""
    pacer = informed(quota(1, 50, name="minute"), quota(2, 5, 2, name="second"))
    assert counts(pacer, 1.0) == (1, 49.5)
    pacer = informed(quota(0, 50, name="minute"), quota(0, 5, 2, name="second"))
    assert counts(pacer, 1.0) == (0, 49.5)
    pacer = informed(quota(3, 50, name="minute"), quota(2, 5, 2, name="second"))
    tickets, wait = burst(pacer, 1.0)
    assert (len(tickets), wait) == (2, 4.5)
    for ticket in tickets:
        pacer.unanswered(ticket)
    assert counts(pacer, 5.5) == (1, 45.0)


def test_each_of_several_quotas_has_windows_of_its_own() -> None:
    """One ends while another, told of before it, runs on."""
    pacer = informed(quota(9, 50, name="minute"), quota(0, 5, 2, name="second"))
    assert counts(pacer, 5.5) == (2, math.inf)


def test_a_quota_that_is_told_of_later_counts_what_is_in_flight_as_not_yet_spent() -> None:
    """Its answer cannot know of the requests behind it."""
    pacer = informed()
    tickets = [admitted(pacer, 1.0) for _ in range(4)]
    pacer.answered(tickets[0], 1.5, status=200, quotas=[quota(5, 10)])
    assert counts(pacer, 1.5) == (2, 10.0)


def test_a_quota_that_is_no_longer_told_of_holds_until_its_window_ends() -> None:
    """Not longer, and not at all if nobody knows when that is."""
    pacer = informed(quota(1, 10, 1))
    pacer.answered(admitted(pacer, 1.0), 2.0, status=200, quotas=[])
    assert pacer.admit(2.0, MAX_WAIT) == 8.5
    first = admitted(pacer, 10.5)
    assert pacer.admit(10.5, MAX_WAIT) == math.inf
    pacer.answered(first, 11.0, status=200, quotas=[])
    assert counts(pacer, 11.0) == (50, 0.0)


def test_a_window_of_unknown_end_is_not_forgotten_for_one_answer_that_does_not_tell_of_it() -> None:
    """As many requests as it allows are let through; the first answer that tells when it ends is soon enough."""
    pacer = informed(quota(0, 10, 3))
    silent, *_ = [admitted(pacer, 10.5) for _ in range(3)]
    pacer.answered(silent, 11.0, status=404, quotas=[])
    assert counts(pacer, 11.0) == (50, 0.0)
    pacer = informed(quota(0, 10, 3))
    silent, telling = (admitted(pacer, 10.5) for _ in range(2))
    pacer.answered(silent, 11.0, status=404, quotas=[])
    assert counts(pacer, 11.0) == (1, math.inf)
    pacer.answered(telling, 11.5, status=200, quotas=[quota(0, 10, 3)])
    assert pacer.admit(11.5, MAX_WAIT) == 10.0


@pytest.mark.parametrize(("received", "waits"), [(10.25, True), (10.5, False), (11.0, False)])
def test_a_quota_that_is_no_longer_told_of_ends_with_its_window(received: float, *, waits: bool) -> None:
    """At the very moment."""
    pacer = informed(quota(1, 10, 1))
    pacer.answered(admitted(pacer, 1.0), received, status=200, quotas=[])
    assert counts(pacer, received)[0] == (0 if waits else 50)


def test_a_quota_under_a_new_name_holds_beside_the_one_before() -> None:
    """Names are arbitrary; until the old window ends, both hold."""
    pacer = informed(quota(3, 10, 9, name="old"))
    pacer.answered(admitted(pacer, 1.0), 1.5, status=200, quotas=[quota(5, 20, 9, name="new")])
    assert counts(pacer, 1.5) == (2, 9.0)
    assert counts(pacer, 10.5) == (3, 11.0)


def test_a_quota_of_nothing_lets_one_request_at_a_time_find_out() -> None:
    """It never deadlocks: where nothing is in flight that could tell more, something has to be sent."""
    pacer = informed(quota(0, 10, 0))
    assert pacer.admit(0.5, MAX_WAIT) == 10.0
    for _ in range(3):
        ticket = admitted(pacer, 10.5)
        assert pacer.admit(10.5, MAX_WAIT) == math.inf
        pacer.unanswered(ticket)


def test_a_reset_of_zero_is_a_window_that_has_ended() -> None:
    """The next one is full."""
    assert counts(informed(quota(0, 0, 4)), 0.5) == (4, math.inf)


@pytest.mark.parametrize(("reset", "lets_through"), [(120.0, False), (120.25, True), (1000.0, True), (math.inf, True)])
def test_a_window_longer_than_the_longest_wait_lets_one_request_through(reset: float, *, lets_through: bool) -> None:
    """At a time, so that the refusal is the server's own."""
    pacer = informed(quota(0, reset, 9))
    if not lets_through:
        assert pacer.admit(0.5, MAX_WAIT) == reset
        return
    for now in (0.5, 0.5, 0.5):
        ticket = admitted(pacer, now)
        assert pacer.admit(now, MAX_WAIT) == math.inf
        pacer.answered(ticket, now, status=429, quotas=[quota(0, reset, 9)])


def test_the_longest_wait_is_still_waited_for_while_requests_are_in_flight() -> None:
    """Rather than for their answers."""
    pacer = informed(quota(1, 120, 9))
    admitted(pacer, 0.5)
    assert pacer.admit(0.5, MAX_WAIT) == 120.0
    assert pacer.admit(0.25, MAX_WAIT) == math.inf


def test_a_window_longer_than_the_longest_wait_is_kept_to_in_full() -> None:
    """Only where it is used up does one go alone."""
    pacer = informed(quota(2, 1000, 9))
    tickets, wait = burst(pacer, 1.0)
    assert (len(tickets), wait) == (2, math.inf)


def test_a_shorter_patience_lets_a_request_through_where_a_longer_one_waits() -> None:
    """Each request has its own; one is let through at a time."""
    pacer = informed(quota(0, 10, 9))
    assert pacer.admit(0.5, 10.0) == 10.0
    assert isinstance(pacer.admit(0.5, 9.75), Ticket)
    assert pacer.admit(0.5, 9.75) == math.inf
    assert pacer.admit(0.5, 10.0) == 10.0


def test_a_refusal_keeps_everything_back_until_its_moment() -> None:
    """Whatever the quota says; of several, the longest. Then one request goes first."""
    pacer = informed()
    assert pacer.refused_for(0.0) < 0
    pacer.refused(0.0, 10.0)
    pacer.refused(0.0, 5.0)
    assert pacer.admit(1.0, MAX_WAIT) == pacer.refused_for(1.0) == 9.0
    assert pacer.admit(9.75, MAX_WAIT) == 0.25
    assert counts(pacer, 10.0) == (1, math.inf)


def test_a_refusal_and_a_quota_are_waited_for_together() -> None:
    """The longer of the two."""
    pacer = informed(quota(0, 10, 2))
    pacer.refused(1.0, 4.0)
    assert pacer.admit(1.0, MAX_WAIT) == 9.5
    pacer.refused(1.0, 14.0)
    assert pacer.admit(1.0, MAX_WAIT) == 14.0


def test_a_refusal_applies_while_requests_are_in_flight() -> None:
    """Those that wait then know for how long, rather than wait for an answer."""
    pacer = informed()
    admitted(pacer, 1.0)
    pacer.refused(1.0, 9.0)
    assert pacer.admit(1.0, MAX_WAIT) == 9.0


def test_a_refusal_is_kept_to_however_long_it_is() -> None:
    """Whoever may not wait for so long has to give up; there is no other refusal of the server's to be had."""
    pacer = informed()
    pacer.refused(0.0, 1000.0)
    assert pacer.admit(1.0, MAX_WAIT) == 999.0
    admitted(pacer, 1000.0)


@given(st.floats(0, 1e7), st.integers(1, 300_000))
def test_it_is_not_longer_by_a_hair_than_the_server_said(now: float, milliseconds: int) -> None:
    """Or whoever may wait for exactly so long would give up."""
    pacer = Pacer()
    pacer.refused(now, milliseconds / 1000)
    assert pacer.refused_for(now) == milliseconds / 1000


def test_a_window_longer_than_the_longest_wait_does_not_shorten_a_refusal() -> None:
    """What the server has said with `Retry-After` is waited for, whatever the quota fields beside it say."""
    pacer = informed(Quota("a", 0, 1e6, 100))
    pacer.refused(0.0, 33.0)
    assert pacer.admit(1.0, MAX_WAIT) == 32.0
    admitted(pacer, 33.0)


@pytest.mark.parametrize("status", [200, 404, 500])
def test_after_a_refusal_one_request_finds_out_whether_the_others_may_go(status: int) -> None:
    """Any answer but another refusal lets them go. What was sent before the refusal finds out nothing."""
    pacer = informed()
    before = admitted(pacer, 0.5)
    pacer.refused(1.0, 9.0)
    scout = admitted(pacer, 10.0)
    pacer.answered(before, 11.0, status=200, quotas=[])
    assert pacer.admit(11.0, MAX_WAIT) == math.inf
    pacer.answered(scout, 12.0, status=status, quotas=[])
    assert counts(pacer, 13.0) == (50, 0.0)


def test_a_scout_that_is_refused_or_lost_is_followed_by_another() -> None:
    """One at a time, for as long as it takes."""
    pacer = informed()
    pacer.refused(1.0, 9.0)
    pacer.answered(admitted(pacer, 10.0), 11.0, status=429, quotas=[])
    pacer.refused(11.0, 9.0)
    scout = admitted(pacer, 20.0)
    assert pacer.admit(20.0, MAX_WAIT) == math.inf
    pacer.unanswered(scout)
    scout = admitted(pacer, 21.0)
    assert pacer.admit(21.0, MAX_WAIT) == math.inf
    pacer.not_sent(scout)
    assert counts(pacer, 22.0) == (1, math.inf)


def test_a_refusal_that_comes_late_sends_out_a_scout_of_its_own() -> None:
    """The one that is under way was sent before it, and says nothing about it."""
    pacer = informed()
    pacer.refused(1.0, 1.0)
    scout = admitted(pacer, 2.0)
    pacer.refused(3.0, 1.0)
    pacer.answered(scout, 3.5, status=200, quotas=[])
    assert counts(pacer, 4.0) == (1, math.inf)


@pytest.mark.parametrize(
    ("refused_for", "quotas", "seconds"),
    [
        pytest.param(50.0, [quota(99, 60, 100)], 1.0, id="a long window"),
        pytest.param(0.5, [quota(99, 60, 100)], 1.0, id="which was nearly over before"),
        pytest.param(50.0, [quota(3, 4, 4)], 0.4, id="a short one"),
        pytest.param(50.0, [quota(99, 60, 100), quota(3, 4, 4, name="b")], 1.0, id="the longer of two"),
        pytest.param(50.0, [], 1.0, id="a long wait, and nothing is said of a window"),
        pytest.param(2.0, [], 0.2, id="a short one"),
    ],
)
def test_a_window_that_follows_a_refusal_is_left_to_others_for_a_moment(
    refused_for: float, quotas: list[Quota], seconds: float
) -> None:
    """Clients at one address learn of its beginning up to a second apart, and each has to get a request through."""
    pacer = informed()
    pacer.refused(0.5, refused_for)
    scout = admitted(pacer, 100.0)
    pacer.answered(scout, 101.0, status=200, quotas=quotas)
    assert pacer.admit(101.0, MAX_WAIT) == pytest.approx(seconds)
    second = admitted(pacer, 102.0)
    pacer.answered(second, 103.0, status=200, quotas=quotas)
    admitted(pacer, 103.0)


def test_after_a_hold_that_is_no_matter_of_windows_nothing_is_left_to_others() -> None:
    """Also where there was a refusal before."""
    pacer = informed()
    pacer.refused(0.5, 50.0)
    pacer.answered(admitted(pacer, 100.0), 101.0, status=200, quotas=[quota(99, 60, 100)])
    upstream_refused(pacer, admitted(pacer, 102.0), 103.0)
    pacer.answered(admitted(pacer, 108.0), 109.0, status=200, quotas=[quota(98, 52, 100)])
    admitted(pacer, 109.0)


def test_a_request_that_was_never_sent_is_given_back() -> None:
    """It was let through at the very moment at which its caller gave up."""
    pacer = informed(quota(2, 10, 20))
    tickets, wait = burst(pacer, 1.0)
    assert (len(tickets), wait) == (2, 9.5)
    for ticket in tickets:
        pacer.not_sent(ticket)
    assert counts(pacer, 1.0) == (2, 9.5)


def upstream_refused(pacer: Pacer, ticket: Ticket, now: float) -> None:
    pacer.answered(ticket, now, status=502, quotas=[], upstream_is_limited=True)


def test_a_refusal_of_the_trace_store_holds_everything_back_for_longer_each_time() -> None:
    """For 5 s, and twice as long each time that the one request which finds out is refused too, up to 60 s."""
    pacer = informed()
    now = 1.0
    for seconds in (5.0, 10.0, 20.0, 40.0, 60.0, 60.0):
        upstream_refused(pacer, admitted(pacer, now), now)
        assert pacer.admit(now, MAX_WAIT) == seconds
        assert pacer.refused_for(now) < 0
        now += seconds
        probe = admitted(pacer, now)
        assert pacer.admit(now, MAX_WAIT) == math.inf
        pacer.unanswered(probe)


def test_refusals_of_one_batch_by_the_trace_store_count_once() -> None:
    """Those under way when it refused the first were not sent in spite of it."""
    pacer = informed()
    for ticket in [admitted(pacer, 1.0) for _ in range(4)]:
        upstream_refused(pacer, ticket, 2.0)
    assert pacer.admit(2.0, MAX_WAIT) == 5.0


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500, 502])
def test_any_other_answer_ends_the_trace_stores_hold(status: int) -> None:
    """If it was sent after the refusal; and the next refusal begins with 5 s again."""
    pacer = informed()
    before, refused = admitted(pacer, 1.0), admitted(pacer, 1.0)
    upstream_refused(pacer, refused, 2.0)
    pacer.answered(before, 3.0, status=200, quotas=[])
    assert pacer.admit(3.0, MAX_WAIT) == 4.0
    probe = admitted(pacer, 7.0)
    assert pacer.admit(7.0, MAX_WAIT) == math.inf
    pacer.answered(probe, 8.0, status=status, quotas=[quota(500, 60)])
    tickets, wait = burst(pacer, 8.0)
    assert (len(tickets), wait) == (50, 0.0)
    for ticket in tickets:
        upstream_refused(pacer, ticket, 9.0)
    assert pacer.admit(9.0, MAX_WAIT) == 5.0


def test_a_429_does_not_end_the_trace_stores_hold() -> None:
    """The request has never come as far as the trace store."""
    pacer = informed()
    upstream_refused(pacer, admitted(pacer, 1.0), 2.0)
    pacer.answered(admitted(pacer, 7.0), 8.0, status=429, quotas=[])
    pacer.refused(8.0, 1.0)
    probe = admitted(pacer, 9.0)
    assert pacer.admit(9.0, MAX_WAIT) == math.inf
    upstream_refused(pacer, probe, 9.0)
    assert pacer.admit(9.0, MAX_WAIT) == 10.0


class FixedWindowServer:
    """Counts as the service does: a window opens with the first request after the one before has ended."""

    def __init__(self, requests: int, seconds: float, *, policy: bool) -> None:
        self.requests = requests
        self.seconds = seconds
        self.policy = policy
        self.opened: list[float] = []
        self.counted: list[int] = []
        self.refused: list[int] = []

    def request(self, now: float, *, stranger: bool = False) -> tuple[int, Quota]:
        """Count a request, and return the answer's status and quota."""
        if not self.opened or now >= self.opened[-1] + self.seconds:
            self.opened.append(now)
            self.counted.append(0)
            self.refused.append(0)
        self.counted[-1] += 1
        refused = self.counted[-1] > self.requests
        self.refused[-1] += refused and not stranger
        left = max(0, self.requests - self.counted[-1])
        reset = math.ceil(self.opened[-1] + self.seconds - now)
        return 429 if refused else 200, quota(left, max(1, reset), self.requests if self.policy else None)


class Client:
    """So many requests to make, so many at once, in virtual time."""

    def __init__(self, server: FixedWindowServer, requests: int, concurrency: int, latencies: Iterable[float]) -> None:
        self.server = server
        self.waiting = requests
        self.free = concurrency
        self.latencies = iter(latencies)
        self.pacer = Pacer()
        self.thinking: Callable[[], float] = float
        self.answers = 0
        self.most_before_an_answer = 0
        self._in_flight = 0
        self._events: list[tuple[float, int, str, Ticket | None, tuple[int, Quota] | None]] = []
        self._order = itertools.count()

    def at(
        self, moment: float, what: str, ticket: Ticket | None = None, answer: tuple[int, Quota] | None = None
    ) -> None:
        """Let something happen."""
        heapq.heappush(self._events, (moment, next(self._order), what, ticket, answer))

    def run(self, strangers: Iterable[float] = ()) -> float:
        """Run until all requests are answered, and return when that was."""
        for moment in strangers:
            self.at(moment, "stranger")
        self.at(0.0, "wake")
        now = 0.0
        for _ in range(100_000):
            if not (self.waiting or self._in_flight):
                return now
            now, _order, what, ticket, answer = heapq.heappop(self._events)
            if what == "stranger":
                self.server.request(now, stranger=True)
            elif what == "arrives":
                assert ticket is not None
                self.at(now + self.thinking() + next(self.latencies), "answered", ticket, self.server.request(now))
            elif what == "answered":
                assert ticket is not None
                assert answer is not None
                self._answered(ticket, now, *answer)
            self._send(now)
        pytest.fail("the client does not come to an end")

    def _answered(self, ticket: Ticket, now: float, status: int, told: Quota) -> None:
        self.pacer.answered(ticket, now, status=status, quotas=[told])
        self.answers += 1
        self._in_flight -= 1
        self.free += 1
        self.waiting += status == 429

    def _send(self, now: float) -> None:
        while self.waiting and self.free:
            admitted = self.pacer.admit(now, MAX_WAIT)
            if not isinstance(admitted, Ticket):
                if admitted < math.inf:
                    self.at(now + admitted, "wake")
                else:
                    assert self._in_flight
                return
            self.waiting -= 1
            self.free -= 1
            self._in_flight += 1
            if not self.answers:
                self.most_before_an_answer = max(self.most_before_an_answer, self._in_flight)
            self.at(now + next(self.latencies), "arrives", admitted)


def latencies(seed: int, most: float) -> Iterable[float]:
    """Yield times of travel, of one way each; many of them short."""
    chance = random.Random(seed)
    while True:
        yield most * chance.random() ** chance.choice([1, 4])


@pacing
@given(
    requests=st.integers(1, 30),
    seconds=st.integers(1, 60) | st.floats(1, 60),
    concurrency=st.integers(1, 12),
    longest=st.floats(0.001, 0.24) | st.floats(0.001, 0.01),
    windows=st.integers(1, 4),
    policy=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_alone_on_its_address_a_client_is_never_refused(
    *, requests: int, seconds: float, concurrency: int, longest: float, windows: int, policy: bool, seed: int
) -> None:
    """Whatever the size of the window, if requests and answers together are under way for less than half of it.

    Each window is opened within a second of the end of the one before, as the reset is rounded up to whole seconds, and
    the time that its answer and the next request are under way.
    """
    server = FixedWindowServer(requests, seconds, policy=policy)
    client = Client(server, windows * requests, concurrency, latencies(seed, longest * seconds))
    client.run()
    assert sum(server.refused) == 0
    assert max(server.counted) <= requests
    assert client.most_before_an_answer == 1
    for before, opened in itertools.pairwise(server.opened):
        assert opened - (before + seconds) <= 1 + 2 * longest * seconds + 1e-6


@pacing
@given(
    requests=st.integers(1, 100),
    concurrency=st.integers(1, 12),
    slowest=st.floats(0.1, 45),
    windows=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_nor_where_the_service_takes_as_long_as_a_time_out_allows(
    *, requests: int, concurrency: int, slowest: float, windows: int, seed: int
) -> None:
    """It counts first and then looks up the key: requests arrive soon, their answers may take most of a window."""
    server = FixedWindowServer(requests, 60, policy=True)
    chance = random.Random(seed)
    client = Client(server, windows * requests, concurrency, latencies(seed, 0.2))
    client.thinking = lambda: slowest * chance.random() ** chance.choice([1, 4, 16])
    client.run()
    assert sum(server.refused) == 0


@pacing
@given(
    requests=st.integers(1, 30),
    concurrency=st.integers(1, 12),
    longest=st.floats(0.001, 0.05),
    windows=st.integers(1, 6),
)
def test_where_answers_come_fast_every_window_is_used_up(
    requests: int, concurrency: int, longest: float, windows: int
) -> None:
    """No request of the quota is left over, so that the client is as fast as the quota allows."""
    server = FixedWindowServer(requests, 60, policy=True)
    Client(server, windows * requests, concurrency, latencies(requests, longest)).run()
    assert server.counted == [requests] * windows


@pacing
@given(
    requests=st.integers(1, 30),
    seconds=st.integers(2, 60),
    concurrency=st.integers(1, 12),
    longest=st.floats(0.001, 1),
    strangers=st.lists(st.floats(0, 200), max_size=60),
    policy=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_among_strangers_at_most_one_batch_is_refused_in_a_window(
    *,
    requests: int,
    seconds: int,
    concurrency: int,
    longest: float,
    strangers: list[float],
    policy: bool,
    seed: int,
) -> None:
    """What is under way when the answer comes which tells that nothing is left."""
    server = FixedWindowServer(requests, seconds, policy=policy)
    Client(server, 60, concurrency, latencies(seed, longest)).run(strangers)
    assert max(server.refused) <= concurrency


QUOTAS = st.lists(
    st.builds(
        Quota,
        name=st.sampled_from("abc"),
        remaining=st.integers(0, 5) | st.integers(0, 10**12),
        reset=st.sampled_from([0.0, 1.0, math.inf]) | st.floats(0, 1e6),
        requests=st.none() | st.integers(0, 5),
        window=st.none() | st.sampled_from([0.0, 0.001, 60.0]) | st.floats(0, 1e6),
    ),
    max_size=3,
)


def happen(pacer: Pacer, what: str, now: float, flying: list[Ticket], data: st.DataObject, *, max_wait: float) -> None:
    """Let one thing happen to a pacer, anything but the time that passes."""
    if what == "admit":
        admission = pacer.admit(now, max_wait)
        if isinstance(admission, Ticket):
            flying.append(admission)
        else:
            assert admission > 0
            assert admission < math.inf or flying
    elif what == "hold":
        pacer.refused(now, data.draw(st.floats(0, 300)))
    elif flying:
        ticket = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
        if what == "lose":
            pacer.unanswered(ticket)
            return
        if what == "cancel":
            pacer.not_sent(ticket)
            return
        limited = what == "upstream"
        status = 502 if limited else data.draw(st.sampled_from([200, 404, 429, 500]))
        pacer.answered(ticket, now, status=status, quotas=data.draw(QUOTAS), upstream_is_limited=limited)


@pacing
@given(st.data(), st.floats(0, 200))
def test_whatever_answers_say_the_pacer_never_deadlocks(data: st.DataObject, max_wait: float) -> None:
    """Where nothing is in flight there is a ticket, or a finite wait that is not too long and leads to one."""
    pacer = Pacer()
    now = 0.0
    flying: list[Ticket] = []
    for what in data.draw(
        st.lists(st.sampled_from(["admit", "answer", "lose", "cancel", "hold", "upstream", "time"]), max_size=40)
    ):
        if what == "time":
            now += data.draw(st.floats(0, 50))
        else:
            happen(pacer, what, now, flying, data, max_wait=max_wait)
    for ticket in flying:
        pacer.unanswered(ticket)
    for _ in range(30):
        admission = pacer.admit(now, max_wait)
        if isinstance(admission, Ticket):
            return
        assert 0 < admission < math.inf
        now = max(math.nextafter(now, math.inf), now + admission)
    pytest.fail("no ticket, however long it waits")


def test_the_service_as_it_is_gives_ten_thousand_traces_a_minute() -> None:
    """1000 requests at 100 a minute: ten windows, all used up, none refused, and at most a second lost in each."""
    server = FixedWindowServer(100, 60, policy=True)
    client = Client(server, 1000, 8, latencies(1, 0.1))
    assert client.run() < 9 * 61.5 + 10
    assert Counter(server.counted) == {100: 10}
    assert sum(server.refused) == 0
