"""Child processes that run tasks: each task is a line of JSON in, each reply a line of JSON out."""

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

# In seconds: a task that takes longer hangs.
PATIENCE: Final = 900.0


class TaskFailedError(Exception):
    """A task failed in a child process. The text says why."""


class Child:
    """A child process, as the parent sees it.

    :param module: the module that the child runs, as with ``python -m``.
    :param arguments: the command-line arguments of the module.
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
        self._process.communicate()  # this closes the child's input, and the child exits

    def do(self, task: str, **arguments: Any) -> Any:
        """Run one task in the child, and return its result.

        :raises TaskFailedError: if the task failed or the child ended.
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
    """Run tasks until the input ends. This is called in the child."""
    # Standard output carries the replies only. Output of libraries goes to standard error.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Read in a thread, because the server has to answer requests meanwhile.
    while line := await asyncio.to_thread(sys.stdin.readline):
        message = json.loads(line)
        try:
            async with asyncio.timeout(PATIENCE):
                reply = {"done": await tasks[message.pop("task")](**message)}
        except Exception as error:  # noqa: BLE001 - the parent reports any error
            reply = {"failed": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
