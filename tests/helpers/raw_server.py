"""A server that speaks no HTTP of its own: it sends the bytes it is given, when it is told to.

For what a server that is written in a proper HTTP library can't do: half heads, wrong lengths, damaged encodings.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

# What becomes of a request: the bytes to send before the connection is closed, or what to do with the connection.
Action = Callable[[asyncio.StreamWriter], Awaitable[None]]
Play = bytes | Action


class RawServer:
    """Listens on 127.0.0.1 and plays its plays in order, one for each request; the last one again and again.

    :ivar heads: the head of every request, in the order of arrival.
    :ivar times: when they arrived, on the loop's clock.
    :ivar connections: how many connections have been opened.
    """

    def __init__(self, *plays: Play, tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[bytes] = []
        self.times: list[float] = []
        self.connections = 0
        self._plays = list(plays)
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        await asyncio.gather(task, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.heads.append(head)
                    self.times.append(asyncio.get_running_loop().time())
                    play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
                    await (closing(play) if isinstance(play, bytes) else play)(writer)
                    await writer.drain()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def page(number: int = 1, *, limit: int = 100, items: int = 0, pages: int = 0) -> bytes:
    """Return the body of a page without traces."""
    pagination = {"page": number, "limit": limit, "totalItems": items, "totalPages": pages}
    return msgspec.json.encode({"traces": [], "pagination": pagination})


def answer(body: bytes, *fields: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return an answer with these header fields, and with a length that may be wrong."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body) if length is None else length}", "", ""]
    return "\r\n".join(lines).encode() + body


def closing(data: bytes) -> Action:
    """Send and close."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return play


def keeping(data: bytes) -> Action:
    """Send and leave the connection open for the next request."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return play


def trickling(data: bytes, seconds: float) -> Action:
    """Send one byte at a time, with so many seconds after each."""

    async def play(writer: asyncio.StreamWriter) -> None:
        for number in range(len(data)):
            writer.write(data[number : number + 1])
            await writer.drain()
            await asyncio.sleep(seconds)

    return play


async def resetting(writer: asyncio.StreamWriter) -> None:
    """Reset the connection before any byte."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hanging(writer: asyncio.StreamWriter) -> None:
    """Say nothing until the client leaves."""
    while not writer.is_closing():
        await asyncio.sleep(1)
