"""Session ids, from the command line or from standard input as they come."""

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
        help="A session's UUID, or `-` for ids from standard input, also among others: one a line, `#` begins a "
        "comment. Repeated ids count once.",
        allow_leading_hyphen=True,  # or a lone `-` would be an unknown option
    ),
]

STDIN: Final = "-"
_CHUNK = 65536
# In bytes, far more than an id and its comment: a line without an end must not fill the memory.
_LONGEST_LINE = 4096


class SessionIds:
    """The ids that a command was given, without repetitions, to be iterated over once.

    Standard input is read where ``-`` stands among them, no further than ids are asked for. A line that is no id is
    told of, and the others go on.

    :param given: the arguments.
    :param complain: is told of each malformed line.
    :ivar total: how many they are, or ``None`` while standard input may bring any number.
    :ivar malformed: how many lines were no id.
    :raises InvalidArgumentError: if there is none, or an argument is no id; from the iteration, if standard input
        brings none.
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
        """The id, where there is exactly one and it is known."""
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
            raise InvalidArgumentError("no session id on standard input: it takes one a line")

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
    """Return what stands in a line, without its comment, blanks, line end and byte order mark; empty if nothing."""
    return line.decode(errors="replace").partition("#")[0].replace("\ufeff", "").strip()


async def read_lines() -> AsyncGenerator[bytes, None]:
    """Read standard input line by line, as it comes; the loop goes on meanwhile.

    Of a line that is far too long for an id, the end is lost.

    :raises OSError: if there is no standard input, or it cannot be read.
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
    """Read what is there, in a thread that Ctrl-C does not have to wait for.

    Those of asyncio and anyio are joined at the exit. This one is not, and it holds no lock of ``sys.stdin`` that the
    interpreter would want then.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()

    def settle(chunk: bytes, error: OSError | None) -> None:
        if done.done():  # nobody waits for it any more
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
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, chunk, failure)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    return await done
