"""An event loop over real sockets whose clock skips the time in which nothing happens."""

from __future__ import annotations

import asyncio
import select
import selectors
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

# How long the sockets must be silent, in real seconds, before the clock jumps. Loopback delivers within the call that
# sends, so that a short time is enough while this process has a single thread. The longer time is for other threads,
# which need to be scheduled before they answer.
GRACE = 0.002
GRACE_ALONE = 0.0005


_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _ImpatientSelector(selectors.DefaultSelector):
    """Moves the clock to the next timer when no socket is ready."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0
        self.threads = 0  # how many threads work for the loop; meanwhile the clock does not jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= GRACE or self.threads:
            return super().select(timeout)
        events = self._after_grace()
        if not events:
            self.jumped += timeout
        return events

    def _after_grace(self) -> list[tuple[selectors.SelectorKey, int]]:
        if threading.active_count() > 1:
            return super().select(GRACE)
        # `epoll` waits for whole milliseconds; `select` waits for less.
        select.select([self.fileno()], [], [], GRACE_ALONE)
        return super().select(0)


class FastClockLoop(asyncio.SelectorEventLoop):
    """An event loop over real sockets. If no socket is ready, its clock jumps to the next timer."""

    def __init__(self) -> None:
        self._impatient = _ImpatientSelector()
        super().__init__(self._impatient)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        future = super().run_in_executor(executor, func, *args)
        self._impatient.threads += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: object) -> None:
        self._impatient.threads -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - the signature
        self._impatient.threads += 1  # this waits for the threads
        try:
            await super().shutdown_default_executor()
        finally:
            self._impatient.threads -= 1

    def time(self) -> float:
        return super().time() + self._impatient.jumped
