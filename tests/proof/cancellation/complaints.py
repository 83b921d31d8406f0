"""Warnings and errors that Python reports beside a program. The tests collect them and expect none."""

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
    """Collects what Python's development mode would show: warnings, and errors that reach the event loop's handler."""

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
    """Collect all complaints, also those that only a garbage collection brings to light."""
    gc.freeze()  # the collections after every step then skip all objects that exist already
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
    """Run on an event loop of its own with the fast clock, and expect no complaint up to the loop's end."""
    with listening() as complaints, asyncio.Runner(loop_factory=FastClockLoop) as runner:
        loop = runner.get_loop()
        loop.set_task_factory(stepping_task)
        loop.set_exception_handler(complaints.report)
        return runner.run(main(complaints))
