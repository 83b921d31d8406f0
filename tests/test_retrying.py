"""Whether a request is made again, and after how long."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async import errors
from lyzr_traces_async._retrying import Attempts
from lyzr_traces_async.models import RetryPolicy

# Without jitter, so that waits are exact.
EXACT = RetryPolicy(attempts=6, wait_initial=0.5, wait_max=20.0, wait_jitter=0.0, max_rate_limit_wait=120.0)


def status(code: int, *, too_heavy: bool = False) -> errors.APIStatusError:
    """Return the error of a status."""
    error = (errors.ServerError if code >= 500 else errors.APIStatusError)("no", status=code)
    error._too_heavy = too_heavy
    return error


def refusal(seconds: float | None) -> errors.RateLimitError:
    """Return a 429."""
    return errors.RateLimitError("too many", status=429, retry_after=seconds)


def connection(*, dropped: bool = False, permanent: bool = False) -> errors.APIConnectionError:
    """Return the error of a connection."""
    error = errors.APIConnectionError("no answer")
    error._dropped = dropped
    error._permanent = permanent
    return error


@pytest.mark.parametrize("code", [408, 425, 500, 502, 503, 504, 507, 520, 561, 599])
def test_a_status_that_may_pass_is_retried(code: int) -> None:
    """The same request may fare better later."""
    assert Attempts(EXACT).again(status(code))


@pytest.mark.parametrize(
    "code", [*range(300, 309), 400, 401, 403, 404, 405, 407, 409, 410, 422, 423, 451, 501, 505, 511, 526]
)
def test_another_status_is_not(code: int) -> None:
    """It would be the same again."""
    attempts = Attempts(EXACT)
    assert not attempts.again(status(code))
    assert attempts.wait == 0.0


@pytest.mark.parametrize(
    "error",
    [
        errors.ServiceNotConfiguredError("not configured", status=503),
        errors.AuthenticationError("wrong key", status=401),
        errors.ResponseDecodeError("no page"),
        errors.ResponseTooLargeError("too large"),
        errors.PaginationError("no list"),
        errors.ClientClosedError("closed"),
        errors.WrongEventLoopError("another loop"),
        errors.InvalidArgumentError("no"),
        connection(permanent=True),
    ],
)
def test_what_would_fail_the_same_way_again_is_not_retried(error: errors.LyzrTracesError) -> None:
    """Among it a certificate that does not verify, and the permanent 503."""
    assert not Attempts(EXACT).again(error)


def refused_key() -> errors.AuthenticationError:
    """Return the error of a key that was accepted before."""
    error = errors.AuthenticationError("Invalid x-api-key", status=401)
    error._permanent = False
    return error


def no_json() -> errors.ResponseDecodeError:
    """Return the error of a 200 that is no JSON."""
    error = errors.ResponseDecodeError("not JSON")
    error._no_json = True
    return error


@pytest.mark.parametrize("error", [connection(), errors.APITimeoutError("too late"), refused_key(), no_json()])
def test_what_need_not_last_is_retried(error: errors.LyzrTracesError) -> None:
    """After a back-off: no complete answer, none of the service's own, and a key that was good before."""
    attempts = Attempts(EXACT)
    assert attempts.again(error)
    assert attempts.wait == 0.5


def test_nothing_has_been_made_at_first() -> None:
    """Whoever makes the requests counts them."""
    attempts = Attempts(EXACT)
    assert (attempts.made, attempts.failures, attempts.wait) == (0, 0, 0.0)


@pytest.mark.parametrize("most", [1, 2, 3, 6])
def test_there_are_as_many_attempts_in_all_as_the_policy_says(most: int) -> None:
    """The first one included."""
    attempts = Attempts(RetryPolicy(attempts=most))
    assert [attempts.again(status(500)) for _ in range(most)] == [True] * (most - 1) + [False]


def test_waits_double_up_to_the_longest() -> None:
    """From the first one on."""
    attempts = Attempts(RetryPolicy(attempts=100, wait_initial=0.5, wait_max=20.0, wait_jitter=0.0))
    waits = []
    for _ in range(8):
        assert attempts.again(status(502))
        waits.append(attempts.wait)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


def test_waits_grow_no_further_than_floats_reach() -> None:
    """However many attempts, and however large the longest wait."""
    attempts = Attempts(RetryPolicy(attempts=5000, wait_initial=1.0, wait_max=1e308, wait_jitter=0.0))
    waits = []
    for _ in range(2000):
        attempts.again(status(502))
        waits.append(attempts.wait)
    assert waits[:61] == [2.0**n for n in range(61)]
    assert set(waits[61:]) == {2.0**60}


@settings(deadline=None)
@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 30), st.integers(1, 12))
def test_jitter_is_added_within_bounds(initial: float, jitter: float, longest: float, failures: int) -> None:
    """Never less than the back-off, never more than it and the jitter, never more than the longest wait."""
    attempts = Attempts(RetryPolicy(attempts=100, wait_initial=initial, wait_max=longest, wait_jitter=jitter))
    for _ in range(failures):
        attempts.again(status(500))
    least = initial * 2 ** (failures - 1)
    assert min(longest, least) <= attempts.wait <= min(longest, least + jitter)


def test_jitter_is_random() -> None:
    """Clients that failed together do not come back together."""
    waits = set()
    for _ in range(50):
        attempts = Attempts(RetryPolicy(wait_initial=1.0, wait_jitter=1.0))
        attempts.again(status(500))
        waits.add(attempts.wait)
    assert len(waits) == 50
    assert min(waits) < 1.3
    assert max(waits) > 1.7


def test_a_dropped_connection_is_tried_again_at_once() -> None:
    """A server may close an idle connection just as a request is sent; the second time it is a failure like others."""
    attempts = Attempts(EXACT)
    assert attempts.again(connection(dropped=True))
    assert attempts.wait == 0.0
    assert attempts.again(connection(dropped=True))
    assert attempts.wait == 1.0
    assert attempts.again(connection(dropped=True))
    assert attempts.wait == 2.0


def test_a_dropped_connection_is_tried_again_at_once_also_after_other_failures() -> None:
    """And is one of the attempts."""
    attempts = Attempts(RetryPolicy(attempts=3, wait_initial=0.5, wait_jitter=0.0))
    assert attempts.again(status(500))
    assert attempts.wait == 0.5
    assert attempts.again(connection(dropped=True))
    assert attempts.wait == 0.0
    assert not attempts.again(connection())


def test_a_429_waits_as_long_as_the_server_said() -> None:
    """Never less, and not the back-off on top."""
    attempts = Attempts(EXACT)
    for seconds in (31.0, 0.25, 60):
        assert attempts.again(refusal(seconds))
        assert attempts.wait == seconds


@pytest.mark.parametrize("said", [None, 0, 0.0])
def test_a_429_that_says_nothing_of_use_waits_for_the_back_off(said: float | None) -> None:
    """Zero seconds make no sense: the server has just refused."""
    attempts = Attempts(EXACT)
    waits = []
    for _ in range(7):
        assert attempts.again(refusal(said))
        waits.append(attempts.wait)
    assert waits == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0]


def test_a_429_that_says_nothing_waits_for_a_second_at_least() -> None:
    """A policy without back-off must come to an end too."""
    attempts = Attempts(RetryPolicy(wait_initial=0.0, wait_jitter=0.0, max_rate_limit_wait=3.0))
    granted = []
    for _ in range(4):
        granted.append(attempts.again(refusal(None)))
        assert attempts.wait == 1.0
    assert granted == [True, True, True, False]


def test_429s_do_not_use_up_attempts_nor_the_back_off_of_failures() -> None:
    """They are pacing, not failure."""
    attempts = Attempts(RetryPolicy(attempts=2, wait_initial=0.5, wait_jitter=0.0))
    for _ in range(20):
        assert attempts.again(refusal(1.0))
    assert attempts.failures == 0
    assert attempts.again(status(500))
    assert (attempts.failures, attempts.wait) == (1, 0.5)
    assert attempts.again(refusal(1.0))
    assert not attempts.again(status(500))


def test_failures_do_not_lengthen_the_back_off_of_429s() -> None:
    """Each has its own count."""
    attempts = Attempts(RetryPolicy(wait_initial=2.0, wait_jitter=0.0))
    attempts.again(status(500))
    attempts.again(status(500))
    attempts.again(refusal(None))
    assert attempts.wait == 2.0


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ([120.0], [True]),
        ([120.5], [False]),
        ([math.inf], [False]),
        ([60.0, 60.0, 0.25], [True, True, False]),
        ([100.0, 30.0], [True, False]),
    ],
)
def test_a_request_gives_up_where_its_429s_ask_for_more_than_is_allowed(
    asked: list[float], granted: list[bool]
) -> None:
    """At once, or added up."""
    attempts = Attempts(EXACT)
    assert [attempts.again(refusal(seconds)) for seconds in asked] == granted


def test_back_offs_after_429s_add_up_too() -> None:
    """A server that refuses for ever without a word is not asked for ever."""
    attempts = Attempts(RetryPolicy(wait_initial=1.0, wait_jitter=0.0, max_rate_limit_wait=7.0))
    assert [attempts.again(refusal(None)) for _ in range(4)] == [True, True, True, False]


def test_so_many_refusals_are_no_pacing_any_more() -> None:
    """However short the waits are that the server asks for."""
    attempts = Attempts(EXACT)
    assert [attempts.again(refusal(0.001)) for _ in range(121)] == [True] * 120 + [False]


def test_a_page_that_is_too_heavy_is_tried_twice_where_less_can_be_asked_for() -> None:
    """One time-out may be chance; one that repeats means that the page is too heavy."""
    attempts = Attempts(EXACT, may_ask_for_less=True)
    assert attempts.again(status(504, too_heavy=True))
    assert attempts.wait == 0.5
    assert not attempts.again(status(504, too_heavy=True))


def test_a_page_that_is_too_heavy_has_all_attempts_where_nothing_less_can_be_asked_for() -> None:
    """There is nothing better to do."""
    attempts = Attempts(EXACT)
    assert [attempts.again(status(504, too_heavy=True)) for _ in range(6)] == [True] * 5 + [False]


def test_other_failures_do_not_make_a_page_too_heavy() -> None:
    """They are counted apart, whatever comes between."""
    attempts = Attempts(EXACT, may_ask_for_less=True)
    assert attempts.again(status(500))
    assert attempts.again(status(504, too_heavy=True))
    assert attempts.again(status(500))
    assert attempts.again(status(500))
    assert not attempts.again(status(504, too_heavy=True))
