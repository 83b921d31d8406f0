"""To which window of the quota the pacer counts a request or an answer."""

from __future__ import annotations

import math

import pytest

from tests.helpers.pacers import MAX_WAIT, admitted, burst, counts, informed, quota


def test_requests_under_way_when_a_window_ends_count_as_spent_in_the_next() -> None:
    """Their answers will show in which window they were counted."""
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
    """The request was not counted in the current window."""
    pacer = informed(quota(9, 60, 3))
    straddling = admitted(pacer, sent)
    assert counts(pacer, 60.5) == (2, math.inf)
    pacer.answered(straddling, 61.0, status=200, quotas=[quota(2, reset, 3)])
    assert counts(pacer, 61.0)[0] == left


def test_an_answer_of_the_window_before_does_not_tell_when_this_one_ends() -> None:
    """It does not tell how much of this window is left either."""
    pacer = informed(quota(9, 60, 3))
    straddling = admitted(pacer, 60.0)
    burst(pacer, 60.5)
    pacer.answered(straddling, 61.0, status=200, quotas=[quota(0, 1, 3)])
    assert counts(pacer, 61.0) == (1, math.inf)


@pytest.mark.parametrize(("received", "left"), [(116.5, 1), (117.0, 0), (117.5, 0)])
def test_a_request_is_given_back_as_long_as_no_window_could_end_so_early(received: float, left: int) -> None:
    """The last window ended after 59 s, and windows last 59 s at least: one that ends by 118 s began before."""
    pacer = informed(quota(9, 60, 3))
    straddling = admitted(pacer, 60.0)
    assert counts(pacer, 60.5) == (2, math.inf)
    pacer.answered(straddling, received, status=200, quotas=[quota(2, 1, 3)])
    assert counts(pacer, received)[0] == left


def test_an_answer_that_may_have_opened_this_window_gives_nothing_back() -> None:
    """The request was sent just before the known end of a window, and may have arrived after the true end."""
    pacer = informed(quota(1, 1, 2))  # ends at 1.5, and not before 0
    straddling = admitted(pacer, 1.25)
    assert counts(pacer, 1.5) == (1, math.inf)
    pacer.answered(straddling, 1.75, status=200, quotas=[quota(1, 1, 2)])
    assert counts(pacer, 1.75) == (0, math.inf)


def test_a_request_sent_in_this_window_is_never_given_back() -> None:
    """The fields of its answer do not matter."""
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
    """No ticket was asked for when the known window ended. The requests in flight may count in the later one."""
    pacer = informed(quota(9, 9.5, 9), received=1.0)  # ends at 10.5
    answered, *_ = (admitted(pacer, 9.0) for _ in range(3))
    others = [admitted(pacer, 9.0) for _ in range(2)]
    for other in others:
        pacer.unanswered(other)
    pacer.answered(answered, 9.0, status=200, quotas=[quota(5, reset, 9)])
    assert counts(pacer, 9.0) == (min(left, 4), wait if reset != 2.25 else 1.5)


def test_after_an_unnoticed_end_a_request_sent_before_it_is_still_given_back() -> None:
    """The later window is assumed to begin at the end of the earlier one."""
    pacer = informed(quota(9, 10, 9))
    slow, first = admitted(pacer, 5.0), admitted(pacer, 10.0)
    pacer.answered(first, 12.0, status=200, quotas=[quota(3, 9, 9)])
    pacer.answered(slow, 12.0, status=200, quotas=[quota(0, 3, 9)])
    assert counts(pacer, 12.0) == (3, 9.0)


def test_of_several_quotas_the_tightest_holds() -> None:
    """It is the quota with fewer requests left, or with the later end if several are used up."""
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
    """One window ends while another, known earlier, goes on."""
    pacer = informed(quota(9, 50, name="minute"), quota(0, 5, 2, name="second"))
    assert counts(pacer, 5.5) == (2, math.inf)


def test_a_quota_that_appears_later_does_not_include_the_requests_in_flight() -> None:
    """The server has counted none of the requests behind its answer."""
    pacer = informed()
    tickets = [admitted(pacer, 1.0) for _ in range(4)]
    pacer.answered(tickets[0], 1.5, status=200, quotas=[quota(5, 10)])
    assert counts(pacer, 1.5) == (2, 10.0)


def test_a_quota_that_vanishes_from_answers_holds_until_its_window_ends() -> None:
    """It holds no longer, and not at all if the end of the window is unknown."""
    pacer = informed(quota(1, 10, 1))
    pacer.answered(admitted(pacer, 1.0), 2.0, status=200, quotas=[])
    assert pacer.admit(2.0, MAX_WAIT) == 8.5
    first = admitted(pacer, 10.5)
    assert pacer.admit(10.5, MAX_WAIT) == math.inf
    pacer.answered(first, 11.0, status=200, quotas=[])
    assert counts(pacer, 11.0) == (50, 0.0)


def test_one_answer_without_the_quota_does_not_end_a_window_of_unknown_end() -> None:
    """As many requests as the window allows are let through, and the first answer with the quota tells its end."""
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
def test_a_quota_that_vanishes_from_answers_ends_with_its_window(received: float, *, waits: bool) -> None:
    """It ends at the exact moment."""
    pacer = informed(quota(1, 10, 1))
    pacer.answered(admitted(pacer, 1.0), received, status=200, quotas=[])
    assert counts(pacer, received)[0] == (0 if waits else 50)


def test_a_quota_under_a_new_name_holds_beside_the_one_before() -> None:
    """Names are arbitrary. Both quotas hold until the old window ends."""
    pacer = informed(quota(3, 10, 9, name="old"))
    pacer.answered(admitted(pacer, 1.0), 1.5, status=200, quotas=[quota(5, 20, 9, name="new")])
    assert counts(pacer, 1.5) == (2, 9.0)
    assert counts(pacer, 10.5) == (3, 11.0)


def test_a_quota_of_zero_lets_one_request_at_a_time_through() -> None:
    """With nothing in flight that could bring news, a request must be sent, or the client would deadlock."""
    pacer = informed(quota(0, 10, 0))
    assert pacer.admit(0.5, MAX_WAIT) == 10.0
    for _ in range(3):
        ticket = admitted(pacer, 10.5)
        assert pacer.admit(10.5, MAX_WAIT) == math.inf
        pacer.unanswered(ticket)
