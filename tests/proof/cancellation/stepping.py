"""Await points: count those of a walk and of all its tasks, and act at one of them."""

from __future__ import annotations

import asyncio
import contextvars
import types
import weakref
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Steps:
    """Counts the await points of a walk, those of the tasks that it starts included, and strikes at one of them.

    :param at: the number of the point to strike at, from 1.
    :param strike: what to do there.
    :param on: whether to strike at all later points too.
    """

    def __init__(self, at: int, strike: Callable[[], object], *, on: bool = False) -> None:
        self.passed = 0
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._at = at
        self._on = on
        self._strike = strike
        self._ended = False

    @property
    def struck(self) -> bool:
        return self.passed >= self._at

    def end(self) -> None:
        """Count no further: what is to be cut off is over."""
        self._ended = True

    def point(self) -> None:
        if self._ended:
            return
        self.passed += 1
        if self.passed == self._at or (self._on and self.struck):
            self._strike()

    def left(self) -> list[str]:
        return [repr(task) for task in self.tasks if not task.done()]

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine as a task whose await points count, as do those of all tasks that come from it."""
        context = contextvars.copy_context()
        context.run(current_steps.set, self)
        return context.run(asyncio.get_running_loop().create_task, coroutine)


current_steps: contextvars.ContextVar[Steps] = contextvars.ContextVar("current_steps")


def stepping_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
    """Create a task: the event loop's task factory."""
    steps = current_steps.get(None)
    if steps is None:
        return asyncio.Task(coroutine, loop=loop, **more)
    task = asyncio.Task(_counted(coroutine, steps), loop=loop, **more)
    task.add_done_callback(lambda _: coroutine.close())  # it may have been cancelled before its first step
    steps.tasks.add(task)
    return task


async def _counted(coroutine: Any, steps: Steps) -> Any:
    return await _driven(coroutine, steps)


@types.coroutine
def _driven(coroutine: Any, steps: Steps) -> Generator[Any, Any, Any]:
    """Drive a coroutine as a task would, and count each time that it gives way."""
    go_on = partial(coroutine.send, None)
    try:
        while True:
            try:
                waits_for = go_on()
            except StopIteration as stop:
                return stop.value
            steps.point()
            try:
                go_on = partial(coroutine.send, (yield waits_for))
            except BaseException as exc:  # noqa: BLE001 - whatever it is, it is the coroutine's
                go_on = partial(coroutine.throw, exc)
    finally:
        del go_on


def outside_task(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run a coroutine as a task that is no part of the walk."""
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)


def outside_task_first(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run one ahead of all that is ready to run, as if it had been ready before."""
    task = outside_task(coroutine)
    asyncio.get_running_loop()._ready.rotate(1)  # type: ignore[attr-defined]
    return task
