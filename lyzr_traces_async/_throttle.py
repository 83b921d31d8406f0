"""The queue in front of the service: so many requests at once, and none that the quota would refuse.

Whenever something has changed (an answer came, somebody gave up, a wait is over) slots are granted to those whose turn
it is, as long as there are slots and the quota allows it. A slot is held while a request is under way, and never else.
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

# For so many rounds of the event loop a slot is kept from pages ahead. Whoever was just served is back by then with its
# next page, or with its next session, and would else find its slot taken each time.
ROUNDS_KEPT: Final = 8

# A wait that ends so many seconds after the one that was told of last is worth a line of its own in the log.
WORTH_A_LINE: Final = 5.0


class _Waiter:
    """A request in the queue.

    :ivar outcome: its ticket, or for how many more seconds nothing is sent, which is too long for it.
    """

    __slots__ = ("max_wait", "outcome", "since")

    def __init__(self, outcome: asyncio.Future[Ticket | float], max_wait: float, since: float) -> None:
        self.outcome = outcome
        self.max_wait = max_wait
        self.since = since


class Throttle:
    """Lets requests through, over everything that a client does.

    :param max_concurrency: requests in flight at once, at most. There are fewer where the server has refused some.
    :ivar got_through: when the last answer came that was no 429, on the event loop's clock.
    """

    def __init__(self, max_concurrency: int) -> None:
        # A client may be created outside of any event loop, and its counts read from another thread.
        self._loop: asyncio.AbstractEventLoop | None = None
        self.got_through = -math.inf
        self._turns: Turns[_Waiter] = Turns()
        self._capacity = Capacity(max_concurrency)
        self._pacer = Pacer()
        self._patience: Counter[float] = Counter()  # how many of those who wait have which `max_wait`
        self._alarm: asyncio.TimerHandle | None = None
        self._keeping = False  # a slot from pages ahead
        self._held_since: float | None = None
        self._held_seconds = 0.0
        self._announced = -math.inf

    async def send(
        self,
        request: Callable[[], Awaitable[Answer]],
        *,
        turn: object,
        max_wait: float,
        since: float = math.inf,
        refused: bool = False,
    ) -> Answer:
        """Make a request when its turn has come.

        :param turn: what the request belongs to: the walk of a session, or something of its own. Slots are shared
            fairly between turns.
        :param max_wait: for how long, in seconds, it may be held back by a refusal, or by the quota.
        :param since: when it was first to be made, on the clock of :meth:`now`; by default that is now.
        :param refused: whether it comes before others, since it was refused.
        :raises RateLimitError: without a request, if nothing is sent, or nothing has got through, for longer than that.
        """
        ticket = None if self._turns.waiting else self._admit(max_wait)
        if ticket is None:
            ticket = await self._wait(turn, max_wait, since, refused=refused)
        else:  # spares a turn of the event loop where there is no queue
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
            # Not before whoever made the request has said for how long everybody waits.
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
        """Send nothing for so long after a 429, whatever the quota says.

        Who may not wait for so long gives up, and so does who has waited for too long without anything getting through.
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
        """How many times the client was refused, with nothing getting through in between."""
        return self._capacity.in_vain

    def seconds_paced(self) -> float:
        """Return for how long the quota has held requests back, until now."""
        since = self._held_since
        return self._held_seconds + (0.0 if since is None else self.now() - since)

    def quota(self) -> QuotaState | None:
        """Return what is known of the quota; ``None`` until an answer has told one."""
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
                self._pacer.not_sent(ticket)  # cancelled at the very moment at which it was granted
                self._turns.finish(turn)
            self._grant()
            raise
        if isinstance(outcome, Ticket):
            return outcome
        raise _refusal(outcome)

    def _leave(self, waiter: _Waiter) -> None:
        self._turns.leave(waiter)
        self._patience[waiter.max_wait] -= 1
        if not self._patience[waiter.max_wait]:
            del self._patience[waiter.max_wait]

    def _learn(self, ticket: Ticket, answer: Answer) -> None:
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
        """Give slots to those whose turn it is, and see to it that this is done again when it is time.

        :param ahead: whether to give them to pages ahead without further ado.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            return  # what was left behind on a loop that has ended is being thrown away
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
            if waiter.outcome.done():  # it was cancelled, and has not noticed yet
                self._pacer.not_sent(admitted)
            else:
                self._turns.start(turn)
                waiter.outcome.set_result(admitted)
        self._come_back(loop, wait)

    def _keep(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        if rounds:
            loop.call_soon(self._keep, loop, rounds - 1)
        else:
            self._keeping = False
            self._grant(ahead=True)

    def _next(self) -> tuple[_Waiter, Ticket | float]:
        now = self.now()
        waiter = self._turns.first()
        admitted = self._pacer.admit(now, waiter.max_wait)
        if not isinstance(admitted, Ticket) and (least := min(self._patience)) < min(admitted, waiter.max_wait):
            # Somebody who may not wait for as long as the first need not do so.
            waiter = next(waiter for waiter in self._turns.waiting if waiter.max_wait == least)
            ticket = self._pacer.admit(now, least)
            if isinstance(ticket, Ticket):
                return waiter, ticket
        return waiter, admitted

    def _come_back(self, loop: asyncio.AbstractEventLoop, wait: float) -> None:
        """Look again after so many seconds. Where they have an end it is the quota that holds requests back."""
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
        if held and now + wait > self._announced + WORTH_A_LINE:
            self._announced = now + wait
            _logger.info("the service takes no more requests for now: waiting %.1f s", wait)


def _refusal(left: float) -> RateLimitError:
    error = RateLimitError(
        "nothing was sent: the server has refused other requests of this client, and it is not time yet for the next",
        status=429,
        retry_after=left,
    )
    error._unsent = True
    return error
