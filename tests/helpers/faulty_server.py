"""A server of one session's list that spoils the answers it is told to, down to single bytes and to the listening.

Beside `raw_server`, which plays the same to whoever asks, this one knows the page that is asked for.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import msgspec

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

_QUERY = re.compile(rb"GET /v1/traces/session/[0-9a-f-]{36}\?page=([0-9]+)&limit=([0-9]+) HTTP/1.1\r\n")


class Exchange:
    """One request, and the means to answer it.

    :ivar body: what a server in good health would answer.
    :ivar fields: header fields that every answer to this request gets.
    """

    def __init__(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = _QUERY.match(head)
        assert asked, head
        self.page, self.limit = int(asked[1]), int(asked[2])
        self.rows = range((self.page - 1) * self.limit, self.page * self.limit)
        self.body = b""
        self.fields: list[str] = []
        self.writer = writer
        self._reader = reader

    def answer(self, body: bytes | None = None, *fields: str, status: int = 200, length: int | None = None) -> None:
        """Send a whole answer, with a length that may be wrong."""
        body = self.body if body is None else body
        self.writer.write(self.head(len(body) if length is None else length, *fields, status=status) + body)

    def head(self, length: int | None, *fields: str, status: int = 200) -> bytes:
        """Return an answer's head; a length of ``None`` is not mentioned."""
        lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json", *self.fields, *fields]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join([*lines, "", ""]).encode()

    async def send(self, data: bytes) -> None:
        """Send some bytes, and let them arrive on their own."""
        self.writer.write(data)
        await self.writer.drain()
        await asyncio.sleep(0.01)

    def reset(self) -> None:
        """Reset the connection."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Say nothing more until the client leaves."""
        while await self._reader.read(1024):
            pass


Play = Callable[[Exchange], Awaitable[None]]


async def well(exchange: Exchange) -> None:
    """Answer as a server in good health."""
    exchange.answer()


def document(rows: Iterable[str], page: int, limit: int, total: int, pages: int | None = None) -> bytes:
    """Return the body of a page with these trace ids."""
    stamp = "2026-03-25T18:19:24.347Z"
    traces = [{"traceId": row, "name": "é", "timestamp": stamp, "observationCount": 1} for row in rows]
    return msgspec.json.encode({"traces": traces, "pagination": pagination(page, limit, total, pages)})


def pagination(page: int, limit: int, total: int, pages: int | None = None) -> dict[str, Any]:
    """Return what a page says of the list; by default it is the truth."""
    pages = -(-total // limit) if pages is None else pages
    return {"page": page, "limit": limit, "totalItems": total, "totalPages": pages}


class FaultyServer:
    """Serves a list of trace ids on a port of its own of 127.0.0.1.

    :ivar rows: the list. It may be changed at any time.
    :ivar play: how requests are answered.
    :ivar asked: page and limit of every request, in the order of arrival.
    :ivar times: when they arrived, on the loop's clock.
    :ivar open: how many connections are open now.
    """

    def __init__(self, rows: int, play: Play = well) -> None:
        self.rows = [f"trace-{number}" for number in range(rows)]
        self.play = play
        self.asked: list[tuple[int, int]] = []
        self.times: list[float] = []
        self._server: asyncio.Server | None = None
        self._deaf: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        # Bound, but not listening, it keeps the port while nobody listens: connections are refused.
        self._holder = self._bound(0)
        self.port: int = self._holder.getsockname()[1]

    @staticmethod
    def _bound(port: int) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(("127.0.0.1", port))
        return bound

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._tasks)

    def body(self, exchange: Exchange) -> bytes:
        """Return what is to be answered, as the list is now."""
        rows = self.rows[exchange.rows.start : exchange.rows.stop]
        return document(rows, exchange.page, exchange.limit, len(self.rows))

    async def listen(self) -> None:
        """Listen, and end `refuse` and `ignore`."""
        self.refuse()
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, reuse_port=True)

    def refuse(self) -> None:
        """Refuse new connections from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        while self._deaf:
            self._deaf.pop().close()

    def ignore(self, *, backlog: int) -> None:
        """Let new connections wait from now on: at a full backlog, or else established but never accepted."""
        self.refuse()
        listening = self._bound(self.port)
        listening.listen(backlog)
        self._deaf.append(listening)
        if not backlog:
            for _ in range(2):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", self.port))
                self._deaf.append(one)

    async def __aenter__(self) -> Self:
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
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    exchange = Exchange(await reader.readuntil(b"\r\n\r\n"), reader, writer)
                    self.asked.append((exchange.page, exchange.limit))
                    self.times.append(asyncio.get_running_loop().time())
                    exchange.body = self.body(exchange)
                    await self.play(exchange)
                    await writer.drain()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
