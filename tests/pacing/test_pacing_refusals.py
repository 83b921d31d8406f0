"""The pacer after a refusal: by the service with 429, or by the trace store behind it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async._fields import Quota
from lyzr_traces_async._pacing import Pacer, Ticket
from tests.helpers.pacers import MAX_WAIT, admitted, burst, counts, informed, quota


def test_a_refusal_keeps_everything_back_until_its_moment() -> None:
    """The longest of several refusals holds. Afterwards one request goes first."""
    pacer = informed()
    assert pacer.refused_for(0.0) < 0
    pacer.refused(0.0, 10.0)
    pacer.refused(0.0, 5.0)
    assert pacer.admit(1.0, MAX_WAIT) == pacer.refused_for(1.0) == 9.0
    assert pacer.admit(9.75, MAX_WAIT) == 0.25
    assert counts(pacer, 10.0) == (1, math.inf)


def test_a_refusal_and_a_quota_are_waited_for_together() -> None:
    """The longer of both waits holds."""
    pacer = informed(quota(0, 10, 2))
    pacer.refused(1.0, 4.0)
    assert pacer.admit(1.0, MAX_WAIT) == 9.5
    pacer.refused(1.0, 14.0)
    assert pacer.admit(1.0, MAX_WAIT) == 14.0


def test_a_refusal_applies_while_requests_are_in_flight() -> None:
    """Waiting requests learn how long to wait, and do not wait for an answer."""
    pacer = informed()
    admitted(pacer, 1.0)
    pacer.refused(1.0, 9.0)
    assert pacer.admit(1.0, MAX_WAIT) == 9.0


def test_a_refusal_is_kept_to_however_long_it_is() -> None:
    """A request that may not wait so long must give up, as the server has already refused."""
    pacer = informed()
    pacer.refused(0.0, 1000.0)
    assert pacer.admit(1.0, MAX_WAIT) == 999.0
    admitted(pacer, 1000.0)


@given(st.floats(0, 1e7), st.integers(1, 300_000))
def test_a_refusal_is_exactly_as_long_as_the_server_said(now: float, milliseconds: int) -> None:
    """Otherwise a request that may wait exactly so long would give up."""
    pacer = Pacer()
    pacer.refused(now, milliseconds / 1000)
    assert pacer.refused_for(now) == milliseconds / 1000


def test_a_window_longer_than_the_longest_wait_does_not_shorten_a_refusal() -> None:
    """``Retry-After`` holds, whatever the quota fields say."""
    pacer = informed(Quota("a", 0, 1e6, 100))
    pacer.refused(0.0, 33.0)
    assert pacer.admit(1.0, MAX_WAIT) == 32.0
    admitted(pacer, 33.0)


@pytest.mark.parametrize("status", [200, 404, 500])
def test_after_a_refusal_one_request_finds_out_whether_the_others_may_go(status: int) -> None:
    """Any answer except another refusal lets the others go.

    Answers to requests sent before the refusal do not count.
    """
    pacer = informed()
    before = admitted(pacer, 0.5)
    pacer.refused(1.0, 9.0)
    scout = admitted(pacer, 10.0)
    pacer.answered(before, 11.0, status=200, quotas=[])
    assert pacer.admit(11.0, MAX_WAIT) == math.inf
    pacer.answered(scout, 12.0, status=status, quotas=[])
    assert counts(pacer, 13.0) == (50, 0.0)


def test_a_scout_that_is_refused_or_lost_is_followed_by_another() -> None:
    """One scout is in flight at a time."""
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
    """The scout in flight was sent before this refusal, so its answer says nothing about it."""
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
    """Clients at one address notice the new window up to a second apart, and each must get a request through."""
    pacer = informed()
    pacer.refused(0.5, refused_for)
    scout = admitted(pacer, 100.0)
    pacer.answered(scout, 101.0, status=200, quotas=quotas)
    assert pacer.admit(101.0, MAX_WAIT) == pytest.approx(seconds)
    second = admitted(pacer, 102.0)
    pacer.answered(second, 103.0, status=200, quotas=quotas)
    admitted(pacer, 103.0)


def test_after_a_hold_by_the_trace_store_nothing_is_left_to_others() -> None:
    """This also holds after an earlier refusal."""
    pacer = informed()
    pacer.refused(0.5, 50.0)
    pacer.answered(admitted(pacer, 100.0), 101.0, status=200, quotas=[quota(99, 60, 100)])
    upstream_refused(pacer, admitted(pacer, 102.0), 103.0)
    pacer.answered(admitted(pacer, 108.0), 109.0, status=200, quotas=[quota(98, 52, 100)])
    admitted(pacer, 109.0)


def upstream_refused(pacer: Pacer, ticket: Ticket, now: float) -> None:
    pacer.answered(ticket, now, status=502, quotas=[], upstream_is_limited=True)


def test_a_refusal_of_the_trace_store_holds_everything_back_for_longer_each_time() -> None:
    """The hold is 5 s, and doubles up to 60 s each time the one request that goes first is refused too."""
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
    """The other requests were already in flight at the first refusal."""
    pacer = informed()
    for ticket in [admitted(pacer, 1.0) for _ in range(4)]:
        upstream_refused(pacer, ticket, 2.0)
    assert pacer.admit(2.0, MAX_WAIT) == 5.0


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500, 502])
def test_any_other_answer_ends_the_trace_stores_hold(status: int) -> None:
    """Its request must have been sent after the refusal. The next hold is 5 s again."""
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
    """The request has not reached the trace store."""
    pacer = informed()
    upstream_refused(pacer, admitted(pacer, 1.0), 2.0)
    pacer.answered(admitted(pacer, 7.0), 8.0, status=429, quotas=[])
    pacer.refused(8.0, 1.0)
    probe = admitted(pacer, 9.0)
    assert pacer.admit(9.0, MAX_WAIT) == math.inf
    upstream_refused(pacer, probe, 9.0)
    assert pacer.admit(9.0, MAX_WAIT) == 10.0
