"""The quota as arithmetic: a fixed window, and the header fields that tell of it. Reads no clock."""

from __future__ import annotations

import math
import threading

import attrs

from .._arguments import check_count, check_seconds

# The largest integer of a structured field, RFC 9651 section 3.3.1.
LARGEST_FIELD_INTEGER = 999_999_999_999_999

# Whose quota it is: an opaque name for the client's address. All of this server's clients have the same one.
PARTITION_KEY = "MTJjYTE3YjQ5YWYy"


@attrs.frozen
class Quota:
    """How many requests are answered in a window of time.

    The window is fixed: it opens with the first request after the previous one ended. Every request counts, refused
    and failed ones too.

    :param requests: how many requests fit into a window; at least 1.
    :param seconds: how long a window lasts, in seconds; more than 0.
    :raises InvalidArgumentError: if one of them is something else.

    Example: ``Quota(requests=100, seconds=60)`` is what the real service has.
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
        """The quota's name in the header fields, such as ``100-in-1min``."""
        minutes, odd_seconds = divmod(self.seconds, 60)
        length = f"{self.seconds:g}s" if odd_seconds else f"{minutes:g}min"
        return f"{self.requests}-in-{length}"


@attrs.frozen
class Spent:
    """Where the window stands after a request was counted.

    :ivar allowed: whether the request was still within the quota.
    :ivar remaining: how many requests are left in this window.
    :ivar reset: in how many seconds the window ends, rounded up.
    """

    allowed: bool
    remaining: int
    reset: int


class Window:
    """Counts requests against a quota, from any thread."""

    def __init__(self, quota: Quota) -> None:
        self._lock = threading.Lock()
        self._quota = quota
        self._opened = -math.inf
        self._used = 0
        self._name = f'"{quota.policy_name}"'
        self._policy = f"{self._name}; q={quota.requests}; w={math.ceil(quota.seconds)}; pk=:{PARTITION_KEY}:"

    def spend(self, now: float, n: int = 1) -> Spent:
        """Count ``n`` requests at the moment ``now``, in seconds of any clock that never goes back."""
        with self._lock:
            if now - self._opened >= self._quota.seconds:
                self._opened = now
                self._used = 0
            self._used += n
            # From the time that has passed, not as "end - now": the end is a rounded sum, and at the opening it may
            # lie a little more than a whole window away.
            reset = math.ceil(self._quota.seconds - (now - self._opened))
            left = self._quota.requests - self._used
        return Spent(allowed=left >= 0, remaining=max(0, left), reset=reset)

    def fields(self, spent: Spent) -> dict[str, str]:
        """The header fields of the answer to a request that was counted so."""
        return {
            "RateLimit": f"{self._name}; r={spent.remaining}; t={spent.reset}",
            "RateLimit-Policy": self._policy,
        }
