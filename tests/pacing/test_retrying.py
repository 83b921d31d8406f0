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
    """Return the error of a 429."""
    return errors.RateLimitError("too many", status=429, retry_after=seconds)


def connection(*, dropped: bool = False, permanent: bool = False) -> errors.APIConnectionError:
    """Return the error of a connection."""
    error = errors.APIConnectionError("no answer")
    error._dropped = dropped
    error._permanent = permanent
    return error


@pytest.mark.parametrize("code", [408, 425, 500, 502, 503, 504, 507, 520, 561, 599])
def test_a_status_that_may_pass_is_retried(code: int) -> None:
    """The same request may succeed later."""
    assert Attempts(EXACT).again(status(code))


@pytest.mark.parametrize(
    "code", [*range(300, 309), 400, 401, 403, 404, 405, 407, 409, 410, 422, 423, 451, 501, 505, 511, 526]
)
def test_a_status_that_would_repeat_is_not_retried(code: int) -> None:
    """The next attempt would get the same status."""
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
def test_a_failure_that_would_repeat_is_not_retried(error: errors.LyzrTracesError) -> None:
    """Among these are a certificate that does not verify, and the permanent 503."""
    assert not Attempts(EXACT).again(error)


def refused_key() -> errors.AuthenticationError:
    """Return the error of a key that was accepted before."""
    error = errors.AuthenticationError("Invalid x-api-key", status=401)
    error._permanent = False
    return error


def no_json() -> errors.ResponseDecodeError:
    """Return the error of a 200 whose body is no JSON."""
    error = errors.ResponseDecodeError("not JSON")
    error._no_json = True
    return error


@pytest.mark.parametrize("error", [connection(), errors.APITimeoutError("too late"), refused_key(), no_json()])
def test_a_failure_that_may_pass_is_retried(error: errors.LyzrTracesError) -> None:
    """These are incomplete answers, bodies of other servers, and a 401 for a key that was accepted before."""
    attempts = Attempts(EXACT)
    assert attempts.again(error)
    assert attempts.wait == 0.5


def test_no_attempt_is_counted_at_first() -> None:
    """The sender counts its attempts."""
    attempts = Attempts(EXACT)
    assert (attempts.made, attempts.failures, attempts.wait) == (0, 0, 0.0)


@pytest.mark.parametrize("most", [1, 2, 3, 6])
def test_there_are_as_many_attempts_in_all_as_the_policy_says(most: int) -> None:
    """The first attempt counts too."""
    attempts = Attempts(RetryPolicy(attempts=most))
    assert [attempts.again(status(500)) for _ in range(most)] == [True] * (most - 1) + [False]


def test_waits_double_up_to_the_longest() -> None:
    """They double from the first one on."""
    attempts = Attempts(RetryPolicy(attempts=100, wait_initial=0.5, wait_max=20.0, wait_jitter=0.0))
    waits = []
    for _ in range(8):
        assert attempts.again(status(502))
        waits.append(attempts.wait)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


def test_waits_grow_no_further_than_floats_reach() -> None:
    """This holds for any number of attempts and any longest wait."""
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
    """A wait is at least the back-off, and at most the back-off with the jitter, or the longest wait."""
    attempts = Attempts(RetryPolicy(attempts=100, wait_initial=initial, wait_max=longest, wait_jitter=jitter))
    for _ in range(failures):
        attempts.again(status(500))
    least = initial * 2 ** (failures - 1)
    assert min(longest, least) <= attempts.wait <= min(longest, least + jitter)


def test_jitter_is_random() -> None:
    """Clients that failed together do not retry together."""
    waits = set()
    for _ in range(50):
        attempts = Attempts(RetryPolicy(wait_initial=1.0, wait_jitter=1.0))
        attempts.again(status(500))
        waits.add(attempts.wait)
    assert len(waits) == 50
    assert min(waits) < 1.3
    assert max(waits) > 1.7


def test_a_dropped_connection_is_tried_again_at_once() -> None:
    """A server may close an idle connection just as a request is sent. The second time it is an ordinary failure."""
    attempts = Attempts(EXACT)
    assert attempts.again(connection(dropped=True))
    assert attempts.wait == 0.0
    assert attempts.again(connection(dropped=True))
    assert attempts.wait == 1.0
    assert attempts.again(connection(dropped=True))
    assert attempts.wait == 2.0


def test_a_dropped_connection_is_tried_again_at_once_also_after_other_failures() -> None:
    """It uses up one attempt."""
    attempts = Attempts(RetryPolicy(attempts=3, wait_initial=0.5, wait_jitter=0.0))
    assert attempts.again(status(500))
    assert attempts.wait == 0.5
    assert attempts.again(connection(dropped=True))
    assert attempts.wait == 0.0
    assert not attempts.again(connection())


def refuse(attempts: Attempts, *waits: float | None, got_through: float = -math.inf) -> tuple[list[bool], float]:
    """Refuse a request several times, each time after its wait; return the last decision and the time at the end."""
    attempts.since = now = 0.0
    granted = []
    for times, seconds in enumerate(waits, 1):
        granted.append(attempts.again(refusal(seconds), now=now, got_through=got_through, in_vain=times))
        now += attempts.wait
    return granted, now


def test_a_429_waits_as_long_as_the_server_said() -> None:
    """The back-off is not added."""
    for seconds in (31.0, 0.25, 60.0):
        attempts = Attempts(EXACT)
        assert attempts.again(refusal(seconds))
        assert attempts.wait == seconds


def test_a_wait_that_has_proved_too_short_is_not_believed_again() -> None:
    """Until a request gets through, the wait is the longer one of the server's wait and the back-off."""
    attempts = Attempts(EXACT)
    waits = []
    attempts.since = 0.0
    for said, in_vain in ((0.25, 1), (0.25, 2), (31.0, 3), (0.25, 4), (0.25, 1)):
        assert attempts.again(refusal(said), in_vain=in_vain)
        waits.append(attempts.wait)
    assert waits == [0.25, 1.0, 31.0, 4.0, 0.25]


@pytest.mark.parametrize("said", [None, 0, 0.0])
def test_a_429_with_a_useless_wait_waits_for_the_back_off(said: float | None) -> None:
    """A wait of zero seconds makes no sense after a refusal."""
    attempts = Attempts(EXACT)
    waits = []
    for in_vain in range(1, 8):
        assert attempts.again(refusal(said), in_vain=in_vain)
        waits.append(attempts.wait)
    assert waits == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0]


def test_the_back_off_counts_the_refusals_of_the_whole_client() -> None:
    """The server refuses the requests of the client as a whole."""
    attempts = Attempts(EXACT)
    assert attempts.again(refusal(None), in_vain=5)
    assert attempts.wait == 8.0


def test_a_429_without_a_wait_waits_for_a_second_at_least() -> None:
    """A policy without back-off must come to an end too."""
    attempts = Attempts(RetryPolicy(wait_initial=0.0, wait_jitter=0.0, max_rate_limit_wait=3.0))
    assert refuse(attempts, *[None] * 5) == ([True, True, True, True, False], 5.0)


def test_429s_do_not_use_up_attempts_nor_the_back_off_of_failures() -> None:
    """They are pacing, and not failures."""
    attempts = Attempts(RetryPolicy(attempts=2, wait_initial=0.5, wait_jitter=0.0))
    for _ in range(20):
        assert attempts.again(refusal(1.0))
    assert attempts.failures == 0
    assert attempts.again(status(500))
    assert (attempts.failures, attempts.wait) == (1, 0.5)
    assert attempts.again(refusal(1.0))
    assert not attempts.again(status(500))


def test_failures_do_not_lengthen_the_back_off_of_429s() -> None:
    """Each kind has its own count."""
    attempts = Attempts(RetryPolicy(wait_initial=2.0, wait_jitter=0.0))
    attempts.again(status(500))
    attempts.again(status(500))
    attempts.again(refusal(None), in_vain=1)
    assert attempts.wait == 2.0


def test_a_request_is_a_refused_one_from_its_429_to_its_next_answer() -> None:
    """A refused request goes before others, unless it was the scout: then others go first."""
    attempts = Attempts(EXACT)
    assert not attempts.refused
    attempts.again(refusal(1.0), in_vain=1)
    assert attempts.refused
    attempts.again(status(500))
    assert not attempts.refused
    attempts.again(refusal(1.0), in_vain=2)
    assert not attempts.refused


@pytest.mark.parametrize(("seconds", "granted"), [(120.0, True), (120.5, False), (math.inf, False)])
def test_a_request_gives_up_at_once_if_the_wait_would_be_too_long(seconds: float, *, granted: bool) -> None:
    """This holds even if others get through."""
    assert Attempts(EXACT).again(refusal(seconds), now=5.0, got_through=5.0) is granted


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ([60.0] * 4, [True, True, True, False]),
        ([50.0] * 4, [True, True, True, False]),
        ([100.0, 30.0, 30.0], [True, True, False]),
        ([None] * 12, [True] * 11 + [False]),
    ],
)
def test_a_request_gives_up_if_nothing_gets_through_for_too_long(
    asked: list[float | None], granted: list[bool]
) -> None:
    """The time counts from its first attempt. It may wait exactly as long as allowed."""
    assert refuse(Attempts(EXACT), *asked)[0] == granted


def test_a_request_does_not_give_up_while_others_get_through() -> None:
    """It only waits for its turn."""
    attempts = Attempts(EXACT)
    attempts.since = 0.0
    for now in range(0, 900, 60):
        assert attempts.again(refusal(60.0), now=now, got_through=now - 55.0)
    assert attempts.again(refusal(60.0), now=965.0, got_through=845.0)
    assert not attempts.again(refusal(60.0), now=965.25, got_through=845.0)


def test_the_time_before_a_request_does_not_count_against_it() -> None:
    """The client may have sent nothing for hours."""
    attempts = Attempts(EXACT)
    attempts.since = 10_000.0
    assert attempts.again(refusal(60.0), now=10_000.0, got_through=5.0)
    assert attempts.again(refusal(60.0), now=10_120.0, got_through=5.0)
    assert not attempts.again(refusal(60.0), now=10_120.5, got_through=5.0)


def test_a_request_that_others_pass_often_fails() -> None:
    """The server must be refusing this request, and not the pace."""
    attempts = Attempts(EXACT)
    granted = [attempts.again(refusal(0.001), now=now, got_through=now - 0.5) for now in range(21)]
    assert granted == [True] * 20 + [False]


def test_refusals_in_a_row_are_bounded_by_time_and_not_by_their_number() -> None:
    """While nothing else gets through either, this request is like all others."""
    attempts = Attempts(RetryPolicy(wait_initial=0.0, wait_jitter=0.0))
    assert refuse(attempts, *[None] * 122) == ([True] * 121 + [False], 122.0)


def test_a_request_that_was_not_even_sent_is_not_tried_again() -> None:
    """The client has already given up on it."""
    error = refusal(5.0)
    error._unsent = True
    assert not Attempts(EXACT).again(error)


def test_a_heavy_page_is_tried_twice_if_less_can_be_asked_for() -> None:
    """One timeout may be chance. If it repeats, the page is too heavy."""
    attempts = Attempts(EXACT, heavy_attempts=2)
    assert attempts.again(status(504, too_heavy=True))
    assert attempts.wait == 0.5
    assert not attempts.again(status(504, too_heavy=True))


def test_a_probe_at_a_larger_limit_is_tried_once() -> None:
    """The limit was too large nearby, so a timeout is no chance."""
    assert not Attempts(EXACT, heavy_attempts=1).again(status(504, too_heavy=True))


def test_a_heavy_page_has_all_attempts_if_nothing_less_can_be_asked_for() -> None:
    """There is no smaller request to make."""
    attempts = Attempts(EXACT)
    assert [attempts.again(status(504, too_heavy=True)) for _ in range(6)] == [True] * 5 + [False]


def test_other_failures_do_not_make_a_page_too_heavy() -> None:
    """They are counted separately, in any order."""
    attempts = Attempts(EXACT, heavy_attempts=2)
    assert attempts.again(status(500))
    assert attempts.again(status(504, too_heavy=True))
    assert attempts.again(status(500))
    assert attempts.again(status(500))
    assert not attempts.again(status(504, too_heavy=True))
