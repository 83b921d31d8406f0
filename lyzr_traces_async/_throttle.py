"""The queue in front of the service: so many requests at once, and none that the quota would refuse."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from ._fields import quotas
from ._pacing import Pacer, Ticket
from ._responses import Answer, upstream_is_limited

__all__ = ["Throttle"]

_logger: Final = logging.getLogger("lyzr_traces_async")


class Throttle:
    """Lets requests through, over everything that a client does.

    :param max_concurrency: requests in flight at once.
    :param max_wait: how long the quota may hold a request back, in seconds.
    """

    def __init__(self, max_concurrency: int, max_wait: float) -> None:
        self._max_concurrency = max_concurrency
        # A client may be created outside of any event loop, and its counts read from another thread.
        self._limiter: anyio.CapacityLimiter | None = None
        self._now: Callable[[], float] = time.monotonic
        self._pacer = Pacer(max_wait)
        self._waiting = 0
        self._news = anyio.Event()
        self._held = 0
        self._held_since = 0.0
        self._held_seconds = 0.0
        self._announced = -math.inf

    async def send(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a request when its turn has come."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._max_concurrency)
            self._now = asyncio.get_running_loop().time
        try:
            self._limiter.acquire_nowait()  # spares a turn of the event loop where there is no queue
        except anyio.WouldBlock:
            await self._limiter.acquire()
        try:
            ticket = await self._admission()
            try:
                answer = await request()
            except BaseException:
                self._pacer.unanswered()
                raise
            else:
                now = self._now()
                self._pacer.answered(ticket, now, status=answer.status, quotas=quotas(answer.fields))
                if upstream_is_limited(answer):
                    self._pacer.upstream_refused(ticket, now)
                return answer
            finally:
                self._tell()
        finally:
            self._limiter.release()

    def hold(self, seconds: float) -> None:
        """Send nothing for so long, whatever the quota says."""
        self._pacer.hold(self._now() + seconds)

    def seconds_paced(self) -> float:
        """Return for how long the quota has held requests back, until now."""
        running = self._now() - self._held_since if self._held else 0.0
        return self._held_seconds + running

    async def _admission(self) -> Ticket:
        while not isinstance(admitted := self._pacer.admit(self._now()), Ticket):
            with self._counted(admitted), anyio.move_on_after(admitted):
                await self._news.wait()
        return admitted

    def _tell(self) -> None:
        if self._waiting:
            self._news.set()
            self._news = anyio.Event()

    @contextmanager
    def _counted(self, seconds: float) -> Iterator[None]:
        """Count the waiting; what is not endless is the quota's doing, not that of an answer on its way."""
        now = self._now()
        paced = seconds < math.inf
        if paced and not self._held:
            self._held_since = now
        if paced and now + seconds > self._announced + 1:
            self._announced = now + seconds
            _logger.info("the quota is used up: waiting %.1f s for the next window", seconds)
        self._waiting += 1
        self._held += paced
        try:
            yield
        finally:
            self._waiting -= 1
            self._held -= paced
            if paced and not self._held:
                self._held_seconds += self._now() - self._held_since
