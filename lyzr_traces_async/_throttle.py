"""The queue in front of the service. It limits the requests in flight, and sends none that the quota would refuse.

A request holds a slot only while it is in flight, never while it waits. Each time that something changes (an answer
has come, a caller has given up, a wait has ended), the throttle grants the free slots to the requests that are next in
the queue, as long as the quota allows them.

The decisions are made elsewhere: :mod:`._turns` decides who is next, :mod:`._capacity` how many requests may be in
flight, and :mod:`._pacing` when the next request may be sent.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from ._capacity import Capacity
from ._fields import quotas
from ._pacing import Pacer, Ticket
from ._responses import Answer, upstream_is_limited
from ._turns import Turns
from .errors import RateLimitError
from .models import QuotaState

__all__ = ["Throttle"]

_logger: Final = logging.getLogger("lyzr_traces_async")

# A free slot goes to prefetched pages only after so many iterations of the event loop. By then the session whose
# request was answered has asked for its next page, or a new session has begun. Without this delay they would find the
# slot taken each time.
ROUNDS_KEPT: Final = 8

# A wait is logged only if it ends at least so many seconds after the wait that was logged last.
WORTH_A_LINE: Final = 5.0


class _Waiter:
    """A request in the queue.

    :ivar outcome: its ticket; or the seconds for which nothing is sent, if this is longer than the request may wait.
    :ivar max_wait: for how long, in seconds, the request may be held back.
    :ivar since: when the request was first to be made.
    """

    __slots__ = ("max_wait", "outcome", "since")

    def __init__(self, outcome: asyncio.Future[Ticket | float], max_wait: float, since: float) -> None:
        self.outcome = outcome
        self.max_wait = max_wait
        self.since = since


class Throttle:
    """The queue for all requests of a client.

    :param max_concurrency: how many requests may be in flight at once. After a refusal of the server it is fewer.
    :ivar got_through: when the last answer other than a 429 came, on the event loop's clock.
    """

    def __init__(self, max_concurrency: int) -> None:
        # The loop is not known yet: a client may be created outside of an event loop. And another thread, without a
        # running loop, may read the counts.
        self._loop: asyncio.AbstractEventLoop | None = None
        self.got_through = -math.inf
        self._turns: Turns[_Waiter] = Turns()
        self._capacity = Capacity(max_concurrency)
        self._pacer = Pacer()
        self._patience: Counter[float] = Counter()  # the number of waiters for each `max_wait`
        self._alarm: asyncio.TimerHandle | None = None
        self._keeping = False  # whether a free slot is being kept from prefetched pages
        self._held_since: float | None = None  # since when the quota has been holding requests back
        self._held_seconds = 0.0  # how long it held requests back before that
        self._logged_until = -math.inf  # the end of the wait that was logged last

    async def send(
        self,
        request: Callable[[], Awaitable[Answer]],
        *,
        turn: object,
        max_wait: float,
        since: float = math.inf,
        refused: bool = False,
    ) -> Answer:
        """Make a request as soon as it gets a slot, and return its answer.

        :param request: makes the request.
        :param turn: the walk that the request belongs to, or an object of its own. Slots are shared fairly between
            turns.
        :param max_wait: for how long, in seconds, a refusal or the quota may hold the request back.
        :param since: when the request was first to be made, on the clock of :meth:`now`; by default this is now.
        :param refused: whether the server has refused this request before, so that it goes before others.
        :raises RateLimitError: without making the request, if nothing is sent for longer than ``max_wait`` after a 429,
            or if no request has got through for that long.
        """
        ticket = None if self._turns.waiting else self._admit(max_wait)
        if ticket is None:
            ticket = await self._wait(turn, max_wait, since, refused=refused)
        else:  # without a queue no iteration of the event loop is needed
            self._turns.start(turn)
        try:
            answer = await request()
        except BaseException:
            self._pacer.unanswered(ticket)
            self._turns.finish(turn)
            self._grant()
            raise
        self._learn(ticket, answer)
        self._turns.finish(turn)
        if answer.status == 429:
            # The caller reads from the answer how long to wait, and calls `refused`. Grant no slot before that.
            asyncio.get_running_loop().call_soon(self._grant)
        else:
            self._grant()
        return answer

    def now(self) -> float:
        """Return the time, on the event loop's clock."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.time()

    def refused(self, seconds: float) -> None:
        """Send nothing for so many seconds after a 429, whatever the quota says.

        Waiters whose ``max_wait`` is shorter give up. So do waiters that have waited longer than their ``max_wait``
        while no request of the client got through.
        """
        now = self.now()
        self._pacer.refused(now, seconds)
        left, in_vain = self._pacer.refused_for(now), now - self.got_through
        if min(self._patience, default=math.inf) < max(left, in_vain):
            for waiter in list(self._turns.waiting):
                if waiter.max_wait < max(left, min(in_vain, now - waiter.since)) and not waiter.outcome.done():
                    self._leave(waiter)
                    waiter.outcome.set_result(left)
        self._grant()

    @property
    def refused_in_vain(self) -> int:
        """How many bursts of requests were refused in a row, with no request getting through in between."""
        return self._capacity.in_vain

    def seconds_paced(self) -> float:
        """Return for how many seconds the quota has held requests back so far."""
        since = self._held_since
        return self._held_seconds + (0.0 if since is None else self.now() - since)

    def quota(self) -> QuotaState | None:
        """Return the state of the quota, or ``None`` until an answer has told one."""
        return None if self._loop is None else self._pacer.quota(self.now())

    def _admit(self, max_wait: float) -> Ticket | None:
        if self._turns.in_flight >= self._capacity.limit:
            return None
        admitted = self._pacer.admit(self.now(), max_wait)
        return admitted if isinstance(admitted, Ticket) else None

    async def _wait(self, turn: object, max_wait: float, since: float, *, refused: bool) -> Ticket:
        now = self.now()
        left = self._pacer.refused_for(now)
        if left > max_wait:
            raise _refusal(left)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), max_wait, min(since, now))
        self._turns.join(waiter, turn, refused=refused)
        self._patience[max_wait] += 1
        self._grant()
        try:
            outcome = await waiter.outcome
        except BaseException:
            if waiter in self._turns.waiting:
                self._leave(waiter)
            elif not waiter.outcome.cancelled() and isinstance(ticket := waiter.outcome.result(), Ticket):
                self._pacer.not_sent(ticket)  # it was cancelled after its slot was granted
                self._turns.finish(turn)
            self._grant()
            raise
        if isinstance(outcome, Ticket):
            return outcome
        raise _refusal(outcome)

    def _leave(self, waiter: _Waiter) -> None:
        """Take a waiter out of the queue."""
        self._turns.leave(waiter)
        self._patience[waiter.max_wait] -= 1
        if not self._patience[waiter.max_wait]:
            del self._patience[waiter.max_wait]

    def _learn(self, ticket: Ticket, answer: Answer) -> None:
        """Take note of an answer."""
        now = self.now()
        told = quotas(answer.fields)
        refused = answer.status == 429
        if refused:
            by_quota = any(not quota.remaining for quota in told)
            self._capacity.refused(ticket.sent, now, by_quota=by_quota)
        else:
            self._capacity.served(ticket.sent, self._turns.in_flight)
            self.got_through = now
        self._pacer.answered(
            ticket, now, status=answer.status, quotas=told, upstream_is_limited=upstream_is_limited(answer)
        )

    def _grant(self, *, ahead: bool = False) -> None:
        """Grant free slots to the next waiters. If the quota does not allow it yet, set an alarm to try again.

        :param ahead: whether prefetched pages get slots at once; otherwise only after :data:`ROUNDS_KEPT` iterations.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            return  # the loop has ended, so its waiters are being garbage-collected
        wait = math.inf
        while self._turns.waiting and self._turns.in_flight < self._capacity.limit:
            if self._turns.is_ahead and not ahead:
                if not self._keeping:
                    self._keeping = True
                    self._keep(loop, ROUNDS_KEPT)
                return
            waiter, admitted = self._next()
            if not isinstance(admitted, Ticket):
                wait = admitted
                break
            turn = self._turns.waiting[waiter]
            self._leave(waiter)
            if waiter.outcome.done():  # its task was cancelled, but has not run since
                self._pacer.not_sent(admitted)
            else:
                self._turns.start(turn)
                waiter.outcome.set_result(admitted)
        self._set_alarm(loop, wait)

    def _keep(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        """Let so many iterations of the event loop pass, then grant slots to prefetched pages too."""
        if rounds:
            loop.call_soon(self._keep, loop, rounds - 1)
        else:
            self._keeping = False
            self._grant(ahead=True)

    def _next(self) -> tuple[_Waiter, Ticket | float]:
        """Return the next waiter with its ticket, or with the seconds to wait."""
        now = self.now()
        waiter = self._turns.first()
        admitted = self._pacer.admit(now, waiter.max_wait)
        if not isinstance(admitted, Ticket) and (least := min(self._patience)) < min(admitted, waiter.max_wait):
            # The first waiter must wait longer than another one may. That other one need not wait behind it.
            waiter = next(waiter for waiter in self._turns.waiting if waiter.max_wait == least)
            ticket = self._pacer.admit(now, least)
            if isinstance(ticket, Ticket):
                return waiter, ticket
        return waiter, admitted

    def _set_alarm(self, loop: asyncio.AbstractEventLoop, wait: float) -> None:
        """Set the alarm for a wait, and keep account of the time for which the quota holds requests back.

        :param wait: seconds until slots can be granted again; infinity if only an answer can change anything.
        """
        now = self.now()
        held = wait < math.inf
        if held and self._held_since is None:
            self._held_since = now
        elif not held and self._held_since is not None:
            self._held_seconds += now - self._held_since
            self._held_since = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if held:
            self._alarm = loop.call_at(now + wait, self._grant)
        if held and now + wait > self._logged_until + WORTH_A_LINE:
            self._logged_until = now + wait
            _logger.info("%s: waiting %.1f s", self._pacer.reason(now), wait)


def _refusal(left: float) -> RateLimitError:
    error = RateLimitError(
        "nothing was sent: the service has refused other requests of this client, and the wait is not over yet",
        status=429,
        retry_after=left,
    )
    error._unsent = True
    return error
