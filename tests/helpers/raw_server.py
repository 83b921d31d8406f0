"""A server that sends the exact bytes it is given, when it is told to.

A server built on an HTTP library cannot send half a head, a wrong length or a damaged encoding. This one can. It also
holds a list of trace ids, and knows which page of that list a request asks for.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

_QUERY = re.compile(rb"GET [^ ]*\?page=([0-9]+)&limit=([0-9]+) HTTP/1.1\r\n")


def page_body(
    number: int = 1, traces: Iterable[str] = (), *, limit: int = 100, total: int = 0, pages: int | None = None
) -> bytes:
    """Return the body of a page with these trace ids.

    :param pages: ``totalPages``. By default it is computed from ``total`` and ``limit``.
    """
    rows = [
        {"traceId": trace, "name": "é", "timestamp": "2026-03-25T18:19:24.347Z", "observationCount": 1}
        for trace in traces
    ]
    pages = -(-total // limit) if pages is None else pages
    pagination = {"page": number, "limit": limit, "totalItems": total, "totalPages": pages}
    return msgspec.json.encode({"traces": rows, "pagination": pagination})


def head(length: int | None, *fields: str, status: int = 200, reason: str = "Any") -> bytes:
    """Return the head of an answer. Without a length there is no ``Content-Length``."""
    lines = [f"HTTP/1.1 {status} {reason}", "Content-Type: application/json", *fields]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def answer(body: bytes, *fields: str, status: int = 200, reason: str = "Any", length: int | None = None) -> bytes:
    """Return a whole answer.

    :param length: ``Content-Length``, if it is not to be the length of the body.
    """
    return head(len(body) if length is None else length, *fields, status=status, reason=reason) + body


class Exchange:
    """One request, and the means to answer it.

    :ivar page: the page the request asks for; 0 if it asks for none.
    :ivar limit: the limit it asks for; 0 if it asks for none.
    :ivar rows: the positions of that page in the list.
    :ivar body: what a healthy server would answer.
    :ivar fields: header fields that every answer to this request gets.
    """

    def __init__(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = _QUERY.match(request)
        self.page, self.limit = (int(query[1]), int(query[2])) if query else (0, 0)
        self.rows = range((self.page - 1) * self.limit, self.page * self.limit) if query else range(0)
        self.body = b""
        self.fields: list[str] = []
        self.writer = writer
        self._reader = reader

    def head(self, length: int | None, *fields: str, status: int = 200) -> bytes:
        """Return the head of an answer. Without a length there is no ``Content-Length``."""
        return head(length, *self.fields, *fields, status=status)

    def answer(self, body: bytes | None = None, *fields: str, status: int = 200, length: int | None = None) -> None:
        """Send a whole answer; by default the one of a healthy server."""
        body = self.body if body is None else body
        self.writer.write(answer(body, *self.fields, *fields, status=status, length=length))

    async def send(self, data: bytes) -> None:
        """Send some bytes, and wait until they have arrived alone."""
        self.writer.write(data)
        await self.writer.drain()
        await asyncio.sleep(0.01)

    def reset(self) -> None:
        """Reset the connection."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Send nothing more until the client leaves."""
        while await self._reader.read(1024):
            pass


# How a request is answered. In the place of a play, a server takes bytes: it sends them and closes the connection.
Play = Callable[[Exchange], Awaitable[None]]


async def healthy(exchange: Exchange) -> None:
    """Answer as a healthy server."""
    exchange.answer()


async def resetting(exchange: Exchange) -> None:
    """Reset the connection before any byte."""
    exchange.reset()


async def hanging(exchange: Exchange) -> None:
    """Send nothing until the client leaves."""
    await exchange.hang()


def keeping(data: bytes) -> Play:
    """Send these bytes, and keep the connection open for the next request."""

    async def play(exchange: Exchange) -> None:
        exchange.writer.write(data)

    return play


def trickling(data: bytes, seconds: float) -> Play:
    """Send one byte at a time, with so many seconds after each, and keep the connection open."""

    async def play(exchange: Exchange) -> None:
        for byte in data:
            exchange.writer.write(bytes([byte]))
            await exchange.writer.drain()
            await asyncio.sleep(seconds)

    return play


class RawServer:
    """Listens on a port of 127.0.0.1, and answers each request with the next play; with the last one again and again.

    :param plays: how requests are answered. Without any, all are answered as by a healthy server.
    :param rows: how many traces the list has.
    :ivar api_key: a key for its clients; requests with any other are answered too.
    :ivar plays: the plays that are still to come. They may be changed at any time.
    :ivar rows: the list of trace ids. It may be changed at any time.
    :ivar heads: the head of every request, in the order of arrival.
    :ivar asked: the page and limit of every request, in the order of arrival.
    :ivar times: when the requests arrived, on the loop's clock.
    :ivar connections: how many connections have been opened.
    """

    def __init__(self, *plays: Play | bytes, rows: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.api_key = "key"
        self.plays: list[Play | bytes] = list(plays) or [healthy]
        self.rows = [f"trace-{number}" for number in range(rows)]
        self.heads: list[bytes] = []
        self.asked: list[tuple[int, int]] = []
        self.times: list[float] = []
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """The base URL for a client."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._tasks)

    def body(self, exchange: Exchange) -> bytes:
        """Return what a healthy server would answer now."""
        rows = self.rows[exchange.rows.start : exchange.rows.stop]
        return page_body(exchange.page, rows, limit=exchange.limit or 1, total=len(self.rows))

    async def listen(self) -> None:
        """Listen again after `refuse` or `ignore`."""
        self.refuse()
        self._server = await asyncio.start_server(
            self._accepted, "127.0.0.1", self.port, reuse_port=True, ssl=self._tls
        )

    def refuse(self) -> None:
        """Refuse new connections from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        while self._sockets:
            self._sockets.pop().close()

    def ignore(self, *, backlog: int) -> None:
        """Accept no new connection from now on.

        :param backlog: how many connections the kernel establishes nevertheless. With 0 the backlog is full at once.
        """
        self.refuse()
        listening = self._bound()
        listening.listen(backlog)
        self._sockets.append(listening)
        if not backlog:
            for _ in range(2):
                waiting = socket.socket()
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", self.port))
                self._sockets.append(waiting)

    def _bound(self) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(("127.0.0.1", self.port))
        return bound

    async def __aenter__(self) -> Self:
        # This socket never listens. It keeps the port for this server while `refuse` holds.
        self._holder = self._bound()
        self.port = self._holder.getsockname()[1]
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.refuse()
        self._holder.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also if the task is cancelled before it begins

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    request = await reader.readuntil(b"\r\n\r\n")
                    exchange = Exchange(request, reader, writer)
                    exchange.body = self.body(exchange)
                    self.heads.append(request)
                    self.asked.append((exchange.page, exchange.limit))
                    self.times.append(asyncio.get_running_loop().time())
                    play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
                    if isinstance(play, bytes):
                        writer.write(play)
                        await writer.drain()
                        writer.close()
                    else:
                        await play(exchange)
                        await writer.drain()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
