"""Warnings and errors that Python reports beside a program: collected, and expected to be none."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from tests.helpers.clock import FastClockLoop
from tests.proof.cancellation.stepping import T, stepping_task


class Complaints:
    """What Python's development mode would show: warnings, and what reached the event loop's exception handler."""

    def __init__(self, caught: list[warnings.WarningMessage]) -> None:
        self._caught = caught
        self._reported: list[str] = []
        self._unraisable: list[str] = []

    def report(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._reported.append(f"{context.get('message')}: {context.get('exception')!r}")

    def unraisable(self, args: Any) -> None:
        self._unraisable.append(f"{args.err_msg}: {args.exc_value!r}")

    def forgive(self, pattern: str) -> None:
        gc.collect()
        self._caught[:] = [w for w in self._caught if not re.fullmatch(pattern, _text(w))]

    def all(self) -> list[str]:
        gc.collect()
        return [_text(warning) for warning in self._caught] + self._reported + self._unraisable


def _text(warning: warnings.WarningMessage) -> str:
    return f"{warning.category.__name__}: {warning.message}"


@contextlib.contextmanager
def listening() -> Iterator[Complaints]:
    """Collect all complaints, also of what is only found when memory is collected."""
    gc.freeze()  # what is there already, garbage too, is not looked through after every step
    hook = sys.unraisablehook
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        complaints = Complaints(caught)
        sys.unraisablehook = complaints.unraisable
        try:
            yield complaints
            assert complaints.all() == []
        finally:
            sys.unraisablehook = hook
            gc.unfreeze()


def run_without_complaint(main: Callable[[Complaints], Coroutine[Any, Any, T]]) -> T:
    """Run on a loop of its own with the fast clock; nothing may be complained of, up to the loop's end."""
    with listening() as complaints, asyncio.Runner(loop_factory=FastClockLoop) as runner:
        loop = runner.get_loop()
        loop.set_task_factory(stepping_task)
        loop.set_exception_handler(complaints.report)
        return runner.run(main(complaints))
