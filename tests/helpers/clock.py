"""An event loop over real sockets that skips the time in which nothing happens."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

# How long the sockets must have been silent, in real seconds, before the clock jumps. Loopback delivers at once, so
# this only has to cover the kernel's and other threads' hand-over.
GRACE = 0.002


_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _ImpatientSelector(selectors.DefaultSelector):
    """Where nothing but time would happen next, makes time happen."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0
        self.threads = 0  # that work for the loop, and take their time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= GRACE or self.threads:
            return super().select(timeout)
        events = super().select(GRACE)
        if not events:
            self.jumped += timeout
        return events


class FastClockLoop(asyncio.SelectorEventLoop):
    """An event loop over real sockets whose clock skips the time in which nothing happens."""

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
        self._impatient.threads += 1  # it waits for them
        try:
            await super().shutdown_default_executor()
        finally:
            self._impatient.threads -= 1

    def time(self) -> float:
        return super().time() + self._impatient.jumped
