"""When may the next request be sent? Arithmetic over the quotas in the answers. Pure: the time is passed in.

The service counts requests in fixed windows. A window opens with the first request after the window before has ended.
An answer says how many requests were left in the window when the service counted this one (``remaining``), and in how
many seconds the window ends, rounded up (``reset``). Two rules follow:

- ``received + reset`` is never too early for the end of the window. The smallest such time of a window is therefore its
  best known end.
- Every request that was sent is spent, whether it was answered or not. ``remaining`` can only lower the number of
  requests left, because other clients at the same address spend from the same quota.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import attrs

from ._fields import Quota
from .models import QuotaState

__all__ = ["Pacer", "Ticket"]

# For how long, in seconds, nothing is sent after the trace store has refused: at first, and at most.
UPSTREAM_HOLD: Final = 5.0
UPSTREAM_HOLD_MAX: Final = 60.0

# For how long, in seconds, a new window after a refusal is left to the first requests of other clients.
COURTESY: Final = 1.0


@attrs.define
class Ticket:
    """The permission for one request, until its answer has come.

    :ivar sent: when the request was let through, on the caller's monotonic clock.
    """

    sent: float


@attrs.define
class _Window:
    """The current window of one quota.

    :ivar began: when the window began, as far as known. The service may have counted earlier requests in the window
        before it.
    :ivar budget: how many requests may still be sent in the window. A negative number is possible.
    :ivar ends: the best known end of the window; infinity until an answer has told one.
    :ivar requests: how many requests a window allows, or ``None`` if not known.
    :ivar ends_after: the window ends later than this time.
    :ivar last_ended_after: the window before this one ended later than this time.
    :ivar longest_reset: the largest ``reset`` of any answer, in seconds: a window lasts at least about as long.
    :ivar told_length: how many seconds a window lasts, or ``None`` if no policy has told it.
    """

    began: float
    budget: int
    ends: float
    requests: int | None = None
    ends_after: float = -math.inf
    last_ended_after: float = -math.inf
    longest_reset: float = 0.0
    told_length: float | None = None

    def learn(self, quota: Quota, sent: float, received: float, in_flight: int) -> None:
        """Take note of an answer.

        :param quota: this quota, as the answer tells it.
        :param sent: when the request was sent.
        :param received: when its answer came.
        :param in_flight: how many requests are still in flight.
        """
        # The service has counted the request in a window that ends after `ends_after`, and at `ends` at the latest.
        ends_after, ends = sent + quota.reset - 1, received + quota.reset
        self.longest_reset = max(self.longest_reset, quota.reset)
        self.requests, self.told_length = quota.requests, quota.window
        if sent < self.began and ends_after < self.began:
            # The answer may belong to the window before, so it says nothing about this one. If `ends` is too early for
            # a window that began after the last one, the request was counted in the last one. It was not spent here.
            self.budget += ends < self.last_ended_after + max(0.0, self.longest_reset - 1)
            return
        if ends_after >= self.ends:  # the answer belongs to a later window, so this one has ended meanwhile
            self.next(self.ends, quota.remaining - in_flight, ends)
        self.budget, self.ends = min(self.budget, quota.remaining), min(self.ends, ends)
        self.ends_after = max(self.ends_after, ends_after)

    def next(self, began: float, budget: int, ends: float) -> None:
        """Go on to the next window."""
        self.began, self.budget, self.ends = began, budget, ends
        self.last_ended_after = self.ends_after

    def state(self, now: float, in_flight: int) -> QuotaState | None:
        """Return the state of the quota, or ``None`` if the window has ended and the next one's size is not known."""
        remaining, ends, requests = self.budget, self.ends, self.requests
        lasts = self.told_length or self.longest_reset or None
        if ends <= now:
            if requests is None:
                return None
            remaining = requests - in_flight
        elif ends == math.inf:
            ends = self.began + (lasts or 0.0)
        return QuotaState(requests, max(0, remaining), max(0.0, ends - now), lasts)


class Pacer:
    """Decides when the next request may be sent.

    After a refusal everything waits. Then a single request, the *scout*, is sent first. While its answer is missing no
    other request is sent; if it is not refused, the others may follow.
    """

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._in_flight = 0
        self._quotas_known = False  # whether an answer has told the quotas of this window, or that there are none
        self._not_before = -math.inf  # nothing is sent before this time, whatever the quotas say
        self._needs_scout = False  # whether the next request is a scout
        self._scout: Ticket | None = None  # the scout in flight
        self._refused_until = -math.inf  # the end of the wait after a 429
        self._refused_for = 0.0  # the length of this wait, until a scout gets through
        self._upstream_hold = 0.0  # the length of the last wait after a refusal of the trace store, likewise

    def admit(self, now: float, max_wait: float) -> Ticket | float:
        """Let a request through, or return how many seconds to wait.

        :param now: the time.
        :param max_wait: for how long, in seconds, the request may wait for a window to end. If the wait is longer, the
            request is let through while no other is in flight, so that the server itself can refuse it.
        :return: the ticket, or the wait in seconds; infinity means until the next answer comes.
        """
        self._roll_over(now)
        wait = max((window.ends - now for window in self._windows.values() if window.budget <= 0), default=0.0)
        if self._in_flight and (not self._quotas_known or self._scout is not None or wait > max_wait):
            return math.inf
        # If the wait is endless or too long, and no answer is under way that could shorten it, this request must go.
        wait = max(self._not_before - now, wait if wait <= max_wait else 0.0)
        if wait > 0:
            return wait
        self._in_flight += 1
        for window in self._windows.values():
            window.budget -= 1
        ticket = Ticket(now)
        if self._needs_scout:
            self._scout = ticket
        return ticket

    def _roll_over(self, now: float) -> None:
        for name, window in list(self._windows.items()):
            if window.ends > now:
                continue
            if window.requests is None:  # as at the very beginning: a single request has to find out
                del self._windows[name]
                self._quotas_known = False
            else:
                # The requests in flight are spent in the new window too, until their answers show in which window the
                # service has counted them.
                window.next(now, window.requests - self._in_flight, math.inf)

    def not_sent(self, ticket: Ticket) -> None:
        """Take a ticket back. Its request was never sent, so it is not spent."""
        self.unanswered(ticket)
        for window in self._windows.values():
            window.budget += 1

    def unanswered(self, ticket: Ticket) -> None:
        """Take note that a request ended without a complete answer. The server may have counted it, so it is spent."""
        self._in_flight -= 1
        if ticket is self._scout:
            self._scout = None

    def answered(
        self, ticket: Ticket, now: float, *, status: int, quotas: Iterable[Quota], upstream_is_limited: bool = False
    ) -> None:
        """Take note of an answer and of the quotas that it tells.

        :param ticket: the ticket of the request.
        :param now: the time.
        :param status: the HTTP status.
        :param quotas: the quotas in the answer's header fields.
        :param upstream_is_limited: whether the trace store behind the service has refused, because of a limit of its
            own. The answer does not say when that ends, so everything waits for 5 s. Each time that the scout is
            refused too, the wait doubles, up to 60 s.
        """
        was_scout = ticket is self._scout
        self.unanswered(ticket)
        told = {quota.name: quota for quota in quotas}
        if told or status < 500:
            self._quotas_known = True
            # A quota that the answer does not mention any more holds until its window ends. If that time is not known,
            # it holds until the requests of the window are spent.
            self._windows = {
                name: window
                for name, window in self._windows.items()
                if name in told or (now < window.ends and (window.ends < math.inf or window.budget > 0))
            }
        for name, quota in told.items():
            if name in self._windows:
                self._windows[name].learn(quota, ticket.sent, now, self._in_flight)
            else:
                budget, ends = quota.remaining - self._in_flight, now + quota.reset
                window = self._windows[name] = _Window(-math.inf, budget, ends)
                window.learn(quota, ticket.sent, now, self._in_flight)
        if upstream_is_limited:
            if ticket.sent >= self._not_before:
                self._upstream_hold = min(UPSTREAM_HOLD_MAX, self._upstream_hold * 2 or UPSTREAM_HOLD)
                self._hold(now + self._upstream_hold)
        elif was_scout and status != 429:
            self._needs_scout = False
            self._upstream_hold = 0.0
            if self._refused_for:
                # The server rounds the wait up to whole seconds. So if several clients share an address, some of them
                # come up to a second late for the new window. The others leave them time for one request.
                lasts = max((quota.reset for quota in told.values()), default=self._refused_for)
                self._not_before = max(self._not_before, now + min(COURTESY, lasts / 10))
                self._refused_for = 0.0

    def refused(self, now: float, wait: float) -> None:
        """Send nothing for ``wait`` seconds after a 429, whatever the quotas say."""
        self._refused_for = wait
        self._refused_until = max(self._refused_until, now + wait)
        self._hold(now + wait)

    def refused_for(self, now: float) -> float:
        """Return for how many more seconds nothing is sent because of a 429. A negative number: the wait is over."""
        # The rounding removes the error of adding clock readings: a wait of 120 s must not become longer than 120 s.
        return round(self._refused_until - now, 6)

    def reason(self, now: float) -> str:
        """Return why no request is let through at the moment, in words for the log."""
        if now < self._refused_until:
            return "the service refused a request (429)"
        if now >= self._not_before:
            return "the quota is used up"
        if self._upstream_hold:
            return "the trace store behind the service refused a request"
        return "other clients go first after a refusal"

    def quota(self, now: float) -> QuotaState | None:
        """Return the state of the quota; of several quotas, of the one that allows the fewest requests from now on.

        This method changes nothing. Another thread may call it while the event loop takes note of an answer.
        """
        windows = list(self._windows.values())  # a copy, because another thread may change the dictionary
        known = [state for window in windows if (state := window.state(now, self._in_flight)) is not None]
        if not known:
            return None
        # Compare the quotas up to the end of the longest next window: the requests left in the current windows say
        # little about a long job.
        ahead = max(state.resets_in + (state.window_seconds or 0.0) for state in known)
        tightest = min(known, key=lambda state: _allowed(state, ahead))
        held = self._not_before - now
        if held <= 0:
            return tightest
        resets_in = held if tightest.remaining else max(held, tightest.resets_in)
        return QuotaState(tightest.requests, 0, resets_in, tightest.window_seconds)

    def _hold(self, until: float) -> None:
        self._not_before = max(self._not_before, until)
        self._needs_scout = True
        self._scout = None


def _allowed(state: QuotaState, seconds: float) -> float:
    """Return how many requests a quota allows in the next ``seconds``, as far as known."""
    if state.requests is None or state.window_seconds is None:
        return state.remaining
    return state.remaining + state.requests * ((seconds - state.resets_in) / state.window_seconds)
