"""Whether, and after how long, a request is made again. Pure but for the jitter."""

from __future__ import annotations

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

# So many refusals of one request are no pacing any more, however short the waits that the server asks for.
MAX_REFUSALS: Final = 120

# What a proxy or an edge network says of a moment; beside the 5xx.
_PASSING: Final = frozenset({408, 425})


class Attempts:
    """The attempts at one page.

    A 429 is pacing rather than failure: it has its own allowance, in seconds, and leaves that of attempts alone.

    :param heavy_attempts: how many attempts a page is worth that is too heavy; ``None`` where nobody can do with a
        smaller ``limit``.
    :ivar made: how many requests were made.
    :ivar failures: how many of them failed; a 429 is no failure.
    :ivar wait: how many seconds to wait before the next one, once :meth:`again` has said yes.
    """

    def __init__(self, policy: RetryPolicy, *, heavy_attempts: int | None = None) -> None:
        self._heavy_attempts = heavy_attempts
        self._too_heavy = 0
        self.made = 0
        self.wait = 0.0
        self._policy = policy
        self.failures = 0
        self._refusals = 0
        self._waited = 0.0
        self._was_dropped = False

    def again(self, error: LyzrTracesError) -> bool:
        """Say whether to try again after this error, and set :attr:`wait`."""
        if isinstance(error, RateLimitError):
            self._refusals += 1
            # Zero seconds make no sense: the server has just refused. And a policy without back-off must end too.
            self.wait = error.retry_after or max(self._back_off(self._refusals), UNEXPLAINED_WAIT)
            self._waited += self.wait
            return self._waited <= self._policy.max_rate_limit_wait and self._refusals <= MAX_REFUSALS
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
