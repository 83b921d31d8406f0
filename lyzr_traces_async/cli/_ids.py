"""Session ids from the command line, or from standard input as they arrive."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Annotated, Final

from cyclopts import Parameter

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async._arguments import session_id_of

from ._environment import key_mask
from ._errors import text_of

__all__ = ["STDIN", "Id", "SessionIds", "id_in_line", "read_lines"]

# How a command declares them: `*session_ids: Id`.
Id = Annotated[
    str,
    Parameter(
        name="ID",
        help="A session's UUID. `-` reads ids from standard input, one per line; `#` begins a comment. You can give "
        "several ids, and `-` among them. A repeated id counts once.",
        allow_leading_hyphen=True,  # without it, a lone `-` is an unknown option
    ),
]

STDIN: Final = "-"
_CHUNK = 65536
# In bytes. Far more than an id and its comment need; a line without an end must not fill the memory.
_LONGEST_LINE = 4096


class SessionIds:
    """The ids that a command was given, without repetitions. They can be iterated over once.

    At the argument ``-``, the iteration reads standard input, one chunk at a time as it needs more ids. A malformed
    line is reported, and the iteration continues with the next line.

    :param given: the arguments.
    :param complain: called with the error of each malformed line.
    :ivar total: how many ids there are, or ``None`` if some come from standard input.
    :ivar malformed: how many lines of standard input were not ids.
    :raises InvalidArgumentError: if there are no arguments, or one is not an id; from the iteration, if standard input
        has no id.
    """

    def __init__(self, given: Sequence[str], complain: Callable[[str], None]) -> None:
        unknown = next((text for text in given if text.startswith("-") and text != STDIN), None)
        if unknown is not None:
            raise InvalidArgumentError(f"unknown option: {unknown}")
        if not given:
            raise InvalidArgumentError("no session id: give one or more, or - to read them from standard input")
        mask = key_mask()
        self._given = [text if text == STDIN else session_id_of(text, mask) for text in dict.fromkeys(given)]
        self._complain = complain
        self._mask = mask
        self.total = None if STDIN in self._given else len(self._given)
        self.malformed = 0

    @property
    def only(self) -> str | None:
        """The id, if exactly one was given as an argument; otherwise ``None``."""
        return self._given[0] if self.total == 1 else None

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        seen: set[str] = set()
        for text in self._given:
            if text != STDIN:
                if text not in seen:
                    seen.add(text)
                    yield text
                continue
            async with aclosing(self._piped()) as piped:
                async for session_id in piped:
                    if session_id not in seen:
                        seen.add(session_id)
                        yield session_id
        if not seen and not self.malformed:
            raise InvalidArgumentError("no session id on standard input: write one id per line")

    async def _piped(self) -> AsyncGenerator[str, None]:
        number = 0
        async with aclosing(read_lines()) as lines:
            async for line in lines:
                number += 1
                text = id_in_line(line)
                if not text:
                    continue
                try:
                    session_id = session_id_of(text, self._mask)
                except InvalidArgumentError as error:
                    self.malformed += 1
                    self._complain(f"line {number}: {text_of(error)}")
                else:
                    yield session_id


def id_in_line(line: bytes) -> str:
    """Return the text of a line without comment, surrounding blanks, line end and byte order mark."""
    return line.decode(errors="replace").partition("#")[0].replace("\ufeff", "").strip()


async def read_lines() -> AsyncGenerator[bytes, None]:
    """Yield the lines of standard input as they arrive. The event loop is not blocked meanwhile.

    The end of a line that is far too long for an id is dropped.

    :raises OSError: if standard input is closed or cannot be read.
    """
    if sys.stdin is None:
        raise OSError("standard input is closed")
    descriptor = sys.stdin.fileno()
    rest = b""
    while chunk := await _read(descriptor):
        first, *others = chunk.split(b"\n")
        rest = (rest + first)[:_LONGEST_LINE]
        for line in others:
            yield rest
            rest = line
    if rest:
        yield rest


async def _read(descriptor: int) -> bytes:
    """Read the next bytes in a daemon thread, so that Ctrl-C does not have to wait for input.

    Python joins the worker threads of asyncio and anyio at exit, but not this one. The thread reads from the
    descriptor, so it does not hold the lock of ``sys.stdin``, which the interpreter needs at exit.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()

    def settle(chunk: bytes, error: OSError | None) -> None:
        if done.done():  # the waiting task was cancelled
            return
        if error is None:
            done.set_result(chunk)
        else:
            done.set_exception(error)

    def read() -> None:
        chunk, failure = b"", None
        try:
            chunk = os.read(descriptor, _CHUNK)
        except OSError as error:
            failure = error
        with suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(settle, chunk, failure)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    return await done
