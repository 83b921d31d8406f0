"""Whether to make a request again, and after how long. Pure, except for the random jitter."""

from __future__ import annotations

import math
import random
from typing import Final

from .errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    LyzrTracesError,
    RateLimitError,
    ResponseDecodeError,
    ServerError,
)
from .models import RetryPolicy

__all__ = ["Attempts"]

# The shortest wait, in seconds, after a 429 that does not say how long to wait.
UNEXPLAINED_WAIT: Final = 1.0

# If one request is refused so often while others get through, the reason is the request itself and not the pace.
MAX_PASSED_OVER: Final = 20

# Statuses below 500 with which a proxy or an edge network reports a passing problem.
_PASSING: Final = frozenset({408, 425})


class Attempts:
    """The attempts at one request.

    A 429 is not a failure but a matter of pace, so it does not count against ``attempts`` of the policy. It is final
    only in three cases: the server asks to wait longer than the policy allows; or no request of the client has got
    through for that long; or this request alone is refused again and again. As long as other requests of the client get
    through, this one waits for its turn.

    :param policy: how often and how long to try again.
    :param heavy_attempts: after how many attempts to give up if the answer is too heavy for the service; ``None`` if
        the caller can't ask for a smaller one.
    :ivar made: how many requests were made.
    :ivar failures: how many of them failed, without those answered with a 429.
    :ivar refused: whether the last request was answered with a 429, so that the next one should go before others.
    :ivar since: when the caller asked for this, on the clock of :meth:`again`.
    :ivar wait: how many seconds to wait before the next attempt, if :meth:`again` has returned ``True``.
    """

    def __init__(self, policy: RetryPolicy, *, heavy_attempts: int | None = None) -> None:
        self._heavy_attempts = heavy_attempts
        self._too_heavy = 0
        self.made = 0
        self.refused = False
        self.wait = 0.0
        self._policy = policy
        self.failures = 0
        self.since = math.inf
        self._last_refused = math.inf
        self._passed_over = 0  # how often another request got through between two refusals of this one
        self._was_dropped = False

    def again(
        self, error: LyzrTracesError, *, now: float = 0.0, got_through: float = -math.inf, in_vain: int = 0
    ) -> bool:
        """Return whether to try again after an error, and set :attr:`wait`.

        :param error: the error of the last attempt.
        :param now: the time.
        :param got_through: when the client last received an answer other than a 429.
        :param in_vain: how many bursts of the client's requests were refused since.
        """
        self.refused = False
        if isinstance(error, RateLimitError) and not error._unsent:
            return self._again_after_429(error.retry_after or 0.0, now, got_through, in_vain)
        if not _is_passing(error):
            return False
        self.failures += 1
        self._too_heavy += error._too_heavy
        if self._heavy_attempts is not None and self._too_heavy >= self._heavy_attempts:
            return False
        if isinstance(error, APIConnectionError) and error._dropped and not self._was_dropped:
            # RFC 9112, 9.3.1: a server may close an idle connection at any time, even while a request is being sent. So
            # the first such failure needs no back-off.
            self._was_dropped = True
            self.wait = 0.0
        else:
            self.wait = self._back_off(self.failures)
        return self.failures < self._policy.attempts

    def _again_after_429(self, asked: float, now: float, got_through: float, in_vain: int) -> bool:
        # After a second refusal with no answer in between, other requests go first, to show whether the service refuses
        # only this one.
        self.refused = in_vain <= 1
        self._passed_over += self._last_refused < got_through
        self._last_refused = now
        self.wait = asked
        if not asked or in_vain > 1:
            # The server has refused, so no wait at all makes no sense. The same wait again makes no sense if it has
            # proved too short. The minimum gives an end to a policy without back-off too.
            self.wait = max(asked, self._back_off(in_vain), UNEXPLAINED_WAIT)
        in_vain_for = now - max(self.since, got_through)
        return max(self.wait, in_vain_for) <= self._policy.max_rate_limit_wait and self._passed_over < MAX_PASSED_OVER

    def _back_off(self, failures: int) -> float:
        policy = self._policy
        # The exponent is limited so that the float does not overflow. The longest wait is reached long before.
        wait = policy.wait_initial * 2.0 ** min(failures - 1, 60) + random.uniform(0, policy.wait_jitter)
        return min(policy.wait_max, wait)


def _is_passing(error: LyzrTracesError) -> bool:
    """Return whether the same request may succeed later."""
    if isinstance(error, APIConnectionError | ServerError | AuthenticationError):
        return not error._permanent
    if isinstance(error, ResponseDecodeError):
        return error._no_json
    return isinstance(error, APIStatusError) and error.status in _PASSING
