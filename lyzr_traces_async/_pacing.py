"""The quota as arithmetic over what answers said and a ``now`` that is passed in. Pure.

The service counts requests in fixed windows: one opens with the first request after the one before has ended. An
answer tells how many requests were left when it was counted, and in how many seconds, rounded up, the window ends. So
``received + reset`` is never too early, and the smallest one of a window is the best known end. Every request that
was sent counts as spent, answered or not; an answer can only tell that strangers have spent more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import attrs

from ._fields import Quota
from .models import QuotaState

__all__ = ["Pacer", "Ticket"]

UPSTREAM_HOLD: Final = 5.0
UPSTREAM_HOLD_MAX: Final = 60.0

# For how long, in seconds, a window that follows a refusal is left to the first requests of other clients.
COURTESY: Final = 1.0


@attrs.define
class Ticket:
    """A request under way.

    :ivar sent: when it was let through, on the caller's monotonic clock.
    """

    sent: float


@attrs.define
class _Window:
    """The running window of one quota.

    :ivar began: when it was taken to have begun. Requests sent before may have been counted in the one before it.
    :ivar budget: how many requests may still be sent in it.
    :ivar ends: its best known end; infinity until an answer has told it.
    :ivar requests: how many requests a window allows, where known.
    :ivar ends_after: what its end is known to lie behind, and ``last_ended_after`` that of the one before.
    :ivar longest_reset: in how many seconds, at the most, it was ever said to end.
    :ivar told_length: how many seconds a window lasts, where a policy tells it.
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
        # The window that the answer was counted in ends later than `counted_until`, and by `ends`.
        counted_until, ends = sent + quota.reset - 1, received + quota.reset
        self.longest_reset = max(self.longest_reset, quota.reset)
        self.requests, self.told_length = quota.requests, quota.window
        if sent < self.began and counted_until < self.began:
            # It says nothing about this window. Where `ends` is too early for one that began after the last one's end,
            # the request was counted in the last one, and so not in this one.
            self.budget += ends < self.last_ended_after + max(0.0, self.longest_reset - 1)
            return
        if counted_until >= self.ends:  # a later window than the one known: that one has ended unnoticed
            self.next(self.ends, quota.remaining - in_flight, ends)
        self.budget, self.ends = min(self.budget, quota.remaining), min(self.ends, ends)
        self.ends_after = max(self.ends_after, counted_until)

    def next(self, began: float, budget: int, ends: float) -> None:
        """Go on to the window that follows."""
        self.began, self.budget, self.ends = began, budget, ends
        self.last_ended_after = self.ends_after

    def state(self, now: float, in_flight: int) -> QuotaState | None:
        """Return what is known of it; ``None`` where it has ended and the size of the next one is not known."""
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
    """Says when the next request may be sent."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._in_flight = 0
        self._told = False
        self._not_before = -math.inf
        # After a refusal one request has to find out whether the others may go: the scout, while it is under way.
        self._careful = False
        self._scout: Ticket | None = None
        self._refused_until = -math.inf
        self._refused_for = 0.0
        self._upstream_hold = 0.0  # how long the trace store's own limit holds everything back, while it lasts

    def admit(self, now: float, max_wait: float) -> Ticket | float:
        """Let a request through, or return how many seconds to wait: infinity until the next answer comes.

        :param max_wait: for how long, in seconds, the request may wait for a window to end. If that takes longer it is
            let through, one at a time, so that the refusal is the server's own.
        """
        self._roll_over(now)
        wait = max((window.ends - now for window in self._windows.values() if window.budget <= 0), default=0.0)
        if self._in_flight and (not self._told or self._scout is not None or wait > max_wait):
            return math.inf
        # Where the wait is endless or too long, and nothing is under way that could tell more, one has to find out.
        wait = max(self._not_before - now, wait if wait <= max_wait else 0.0)
        if wait > 0:
            return wait
        self._in_flight += 1
        for window in self._windows.values():
            window.budget -= 1
        ticket = Ticket(now)
        if self._careful:
            self._scout = ticket
        return ticket

    def _roll_over(self, now: float) -> None:
        for name, window in list(self._windows.items()):
            if window.ends > now:
                continue
            if window.requests is None:  # as at the very beginning: one request has to find out
                del self._windows[name]
                self._told = False
            else:
                # Requests still under way count as spent here too, until their answers show where they were counted.
                window.next(now, window.requests - self._in_flight, math.inf)

    def not_sent(self, ticket: Ticket) -> None:
        """Take a ticket back: the request was never sent."""
        self.unanswered(ticket)
        for window in self._windows.values():
            window.budget += 1

    def unanswered(self, ticket: Ticket) -> None:
        """Take note that a request ended without a complete answer. The server may have counted it."""
        self._in_flight -= 1
        if ticket is self._scout:
            self._scout = None

    def answered(
        self, ticket: Ticket, now: float, *, status: int, quotas: Iterable[Quota], upstream_is_limited: bool = False
    ) -> None:
        """Take note of an answer and of the quotas it tells of.

        :param upstream_is_limited: whether the trace store behind the service refused for a limit of its own. It says
            nothing of when that ends: everything waits for 5 s, and for twice as long each time that the one request
            which then finds out is refused too, up to 60 s.
        """
        was_scout = ticket is self._scout
        self.unanswered(ticket)
        told = {quota.name: quota for quota in quotas}
        if told or status < 500:
            self._told = True
            # A quota that is no longer mentioned holds until its window ends, not longer.
            # Where nobody knows when that is, it holds for as many requests as a window allows.
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
            self._careful = False
            self._upstream_hold = 0.0
            if self._refused_for:
                # The server rounds up to whole seconds, so that of several clients at one address some are up to a
                # second late for a window. They get one request through before the others use it up.
                lasts = max((quota.reset for quota in told.values()), default=self._refused_for)
                self._not_before = max(self._not_before, now + min(COURTESY, lasts / 10))
                self._refused_for = 0.0

    def refused(self, now: float, wait: float) -> None:
        """Send nothing for ``wait`` seconds after a 429, whatever the quota says."""
        self._refused_for = wait
        self._refused_until = max(self._refused_until, now + wait)
        self._hold(now + wait)

    def refused_for(self, now: float) -> float:
        """Return for how many more seconds nothing is sent because of a 429."""
        return round(self._refused_until - now, 6)  # a sum of clock readings is off by a hair, and 120 s are not more

    def quota(self, now: float) -> QuotaState | None:
        """Return what is known of the quota; of several, the one that gives the fewest requests for the time ahead.

        It changes nothing, and may be called from another thread, while an answer is being taken note of.
        """
        windows = list(self._windows.values())  # at one go, as it may change meanwhile
        known = [state for window in windows if (state := window.state(now, self._in_flight)) is not None]
        if not known:
            return None
        # As far ahead as the longest window that follows lasts: what is left now says little of a long job.
        ahead = max(state.resets_in + (state.window_seconds or 0.0) for state in known)
        tightest = min(known, key=lambda state: _given(state, ahead))
        held = self._not_before - now
        if held <= 0:
            return tightest
        resets_in = held if tightest.remaining else max(held, tightest.resets_in)
        return QuotaState(tightest.requests, 0, resets_in, tightest.window_seconds)

    def _hold(self, until: float) -> None:
        self._not_before = max(self._not_before, until)
        self._careful = True
        self._scout = None


def _given(state: QuotaState, seconds: float) -> float:
    """Return how many requests a quota gives for so many seconds, as far as that is known."""
    if state.requests is None or state.window_seconds is None:
        return state.remaining
    return state.remaining + state.requests * ((seconds - state.resets_in) / state.window_seconds)
