"""Count the await points of a walk and of all its tasks, and act at one of them."""

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
    """Counts the await points of a walk, including those of its tasks, and calls a function at one of them.

    :param at: the number of the await point, from 1.
    :param strike: the function to call there.
    :param on: whether to call it at all later await points too.
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
        """Stop counting: the code to be interrupted has ended."""
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
        """Run a coroutine as a task. Its await points count, and so do those of all tasks that it starts."""
        context = contextvars.copy_context()
        context.run(current_steps.set, self)
        return context.run(asyncio.get_running_loop().create_task, coroutine)


current_steps: contextvars.ContextVar[Steps] = contextvars.ContextVar("current_steps")


def stepping_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
    """Create a task that counts its await points. This is the event loop's task factory."""
    steps = current_steps.get(None)
    if steps is None:
        return asyncio.Task(coroutine, loop=loop, **more)
    task = asyncio.Task(_counted(coroutine, steps), loop=loop, **more)
    task.add_done_callback(
        lambda _: coroutine.close()
    )  # closes a coroutine whose task was cancelled before its first step
    steps.tasks.add(task)
    return task


async def _counted(coroutine: Any, steps: Steps) -> Any:
    return await _driven(coroutine, steps)


@types.coroutine
def _driven(coroutine: Any, steps: Steps) -> Generator[Any, Any, Any]:
    """Drive a coroutine as a task would, and count each time that it gives control to the event loop."""
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
            except BaseException as exc:  # noqa: BLE001 - every exception goes to the coroutine
                go_on = partial(coroutine.throw, exc)
    finally:
        del go_on


def outside_task(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run a coroutine as a task whose await points do not count."""
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)


def outside_task_first(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run such a task before all that the event loop has ready, as if it had been ready earlier."""
    task = outside_task(coroutine)
    asyncio.get_running_loop()._ready.rotate(1)  # type: ignore[attr-defined]
    return task
