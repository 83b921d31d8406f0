"""Child processes that do what they are told: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, cast

# No task takes so long, in seconds, unless something hangs.
PATIENCE: Final = 900.0


class TaskFailedError(Exception):
    """A child could not do what it was told. The text says why."""


class Child:
    """A child process, from the parent's side.

    :param module: what it runs, as with ``python -m``.
    :param arguments: what follows that on the command line.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        self._orders = cast("IO[str]", self._process.stdin)
        self._replies = cast("IO[str]", self._process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()  # the end of its input is what makes it leave

    def do(self, task: str, **arguments: Any) -> Any:
        """Have one task done, and return what came of it.

        :raises TaskFailedError: if it failed.
        """
        try:
            self._orders.write(json.dumps({"task": task, **arguments}) + "\n")
            self._orders.flush()
            line = self._replies.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise TaskFailedError(f"the process ended with status {self._process.wait()}")
        reply = json.loads(line)
        if "failed" in reply:
            raise TaskFailedError(reply["failed"])
        return reply["done"]


async def serve(**tasks: Callable[..., Awaitable[Any]]) -> None:
    """Do tasks until the input ends: in the child."""
    # What libraries print must not come between the replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # In a thread, as the server has to answer requests meanwhile.
    while line := await asyncio.to_thread(sys.stdin.readline):
        message = json.loads(line)
        try:
            async with asyncio.timeout(PATIENCE):
                reply = {"done": await tasks[message.pop("task")](**message)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent reports it
            reply = {"failed": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
