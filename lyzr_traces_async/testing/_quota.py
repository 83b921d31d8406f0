"""The quota: a fixed window, and the header fields that report it. Pure: the time is passed in."""

from __future__ import annotations

import math
import threading

import attrs

from .._arguments import check_count, check_seconds

# The largest integer of a structured field, RFC 9651 section 3.3.1.
LARGEST_FIELD_INTEGER = 999_999_999_999_999

# The partition of the quota: an opaque name for the client's address. All clients of this server share one.
PARTITION_KEY = "MTJjYTE3YjQ5YWYy"


@attrs.frozen
class Quota:
    """The number of requests that the server answers in a window of time.

    The window is fixed: it opens with the first request after the previous window ended. Every request counts,
    including refused and failed requests.

    :param requests: the number of requests in a window, 1 to 999,999,999,999,999.
    :param seconds: the length of a window in seconds, more than 0, and at most the same number.
    :raises InvalidArgumentError: if a parameter is out of these limits.

    Example: ``Quota(requests=100, seconds=60)`` is the quota of the real service.
    """

    requests: int
    """How many requests fit into a window; at least 1."""
    seconds: float
    """How long a window lasts, in seconds; more than 0."""

    def __attrs_post_init__(self) -> None:
        check_count("Quota: requests", self.requests, LARGEST_FIELD_INTEGER)
        check_seconds("Quota: seconds", self.seconds, LARGEST_FIELD_INTEGER)

    @property
    def policy_name(self) -> str:
        """The name of the quota in the header fields, such as ``100-in-1min``."""
        minutes, odd_seconds = divmod(self.seconds, 60)
        length = f"{self.seconds:g}s" if odd_seconds else f"{minutes:g}min"
        return f"{self.requests}-in-{length}"


@attrs.frozen
class Spent:
    """The state of the window after a request was counted.

    :ivar allowed: whether the request was within the quota.
    :ivar remaining: the number of requests left in this window.
    :ivar reset: the seconds until the window ends, rounded up.
    """

    allowed: bool
    remaining: int
    reset: int


class Window:
    """Counts requests against a quota. Its methods can be called from any thread."""

    def __init__(self, quota: Quota) -> None:
        self._lock = threading.Lock()
        self._quota = quota
        self._opened = -math.inf
        self._used = 0
        self._name = f'"{quota.policy_name}"'
        self._policy = f"{self._name}; q={quota.requests}; w={math.ceil(quota.seconds)}; pk=:{PARTITION_KEY}:"

    def spend(self, now: float, n: int = 1) -> Spent:
        """Count ``n`` requests at the time ``now``, in seconds of any monotonic clock."""
        with self._lock:
            if now - self._opened >= self._quota.seconds:
                self._opened = now
                self._used = 0
            self._used += n
            # Subtract the time that has passed. "end - now" would be wrong: the end is a rounded sum, which may be a
            # little more than a whole window away when the window opens.
            reset = math.ceil(self._quota.seconds - (now - self._opened))
            left = self._quota.requests - self._used
        return Spent(allowed=left >= 0, remaining=max(0, left), reset=reset)

    def fields(self, spent: Spent) -> dict[str, str]:
        """Return the header fields for the answer to a request with this state of the window."""
        return {
            "RateLimit": f"{self._name}; r={spent.remaining}; t={spent.reset}",
            "RateLimit-Policy": self._policy,
        }
