"""Whether, and after how long, a request is made again. Pure but for the jitter."""

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

# The shortest wait after a 429 that says nothing of how long, in seconds.
UNEXPLAINED_WAIT: Final = 1.0

# A request that is refused so often while others get through is refused for its own sake: that is no pacing any more.
MAX_PASSED_OVER: Final = 20

# What a proxy or an edge network says of a moment; beside the 5xx.
_PASSING: Final = frozenset({408, 425})


class Attempts:
    """The attempts at one page.

    A 429 is pacing rather than failure, and leaves the allowance of attempts alone. It is final where the server asks
    to wait for longer than the policy allows, or where nothing of the client has got through for that long: while
    others of its requests do, this one is only waiting its turn.

    :param heavy_attempts: how many attempts a page is worth that is too heavy; ``None`` where nobody can do with a
        smaller ``limit``.
    :ivar made: how many requests were made.
    :ivar failures: how many of them failed; a 429 is no failure.
    :ivar refused: whether the last one was answered with a 429, for which it should go before others.
    :ivar since: when the page was asked for, on the clock of :meth:`again`.
    :ivar wait: how many seconds to wait before the next one, once :meth:`again` has said yes.
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
        self._passed_over = 0  # how often something else got through between two refusals
        self._was_dropped = False

    def again(
        self, error: LyzrTracesError, *, now: float = 0.0, got_through: float = -math.inf, in_vain: int = 0
    ) -> bool:
        """Say whether to try again after this error, and set :attr:`wait`.

        :param now: the time.
        :param got_through: when the last request of the client was answered with anything but a 429.
        :param in_vain: how many times the client was refused since.
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
            # RFC 9112, 9.3.1: a server may close an idle connection at any time, also just as a request is sent.
            self._was_dropped = True
            self.wait = 0.0
        else:
            self.wait = self._back_off(self.failures)
        return self.failures < self._policy.attempts

    def _again_after_429(self, asked: float, now: float, got_through: float, in_vain: int) -> bool:
        # Who is refused again, with nothing else in between, lets others find out whether it is only this one.
        self.refused = in_vain <= 1
        self._passed_over += self._last_refused < got_through
        self._last_refused = now
        self.wait = asked
        if not asked or in_vain > 1:
            # To wait for nothing makes no sense: the server has just refused. Nor does a wait that has just proved too
            # short. And a policy without back-off must end too.
            self.wait = max(asked, self._back_off(in_vain), UNEXPLAINED_WAIT)
        in_vain_for = now - max(self.since, got_through)
        return max(self.wait, in_vain_for) <= self._policy.max_rate_limit_wait and self._passed_over < MAX_PASSED_OVER

    def _back_off(self, failures: int) -> float:
        policy = self._policy
        # The exponent is bounded for the sake of floats; by then the longest wait has long been reached.
        wait = policy.wait_initial * 2.0 ** min(failures - 1, 60) + random.uniform(0, policy.wait_jitter)
        return min(policy.wait_max, wait)


def _is_passing(error: LyzrTracesError) -> bool:
    """Say whether the same request may fare better later."""
    if isinstance(error, APIConnectionError | ServerError | AuthenticationError):
        return not error._permanent
    if isinstance(error, ResponseDecodeError):
        return error._no_json
    return isinstance(error, APIStatusError) and error.status in _PASSING
