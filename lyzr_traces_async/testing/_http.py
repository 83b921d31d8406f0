"""The HTTP server. Only this module of the package uses aiohttp."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
from aiohttp import web

from ._answers import Answer, Delivery
from ._records import HeaderFields, RecordedRequest
from ._target import Target

# The service closes an idle connection after this number of seconds.
KEEP_ALIVE = 5.0
BACKLOG = 1024

# SO_LINGER with 0 seconds: closing the socket discards unsent data and sends a RST. The structure depends on the
# platform.
LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

# The target is passed beside the record, because the record's path is decoded and its query has no repeated names.
Answering = Callable[[RecordedRequest, Target], Awaitable[Answer]]


class Listener:
    """Listens for requests and sends the answers of ``answering``."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        # Cancel a handler when its client disconnects: nobody reads its answer, and other requests may be waiting.
        self._server = web.Server(
            self._handle, handler_cancellation=True, keepalive_timeout=KEEP_ALIVE, access_log=None
        )
        self._listening: asyncio.Server

    async def start(self, host: str, port: int) -> tuple[Any, ...]:
        """Start to listen.

        :return: the address of the socket; of the first socket if a name has several addresses.
        :raises OSError: if the server can't listen at this address.
        """
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, host, port, backlog=BACKLOG)
        address: tuple[Any, ...] = self._listening.sockets[0].getsockname()
        return address

    async def stop(self) -> None:
        """Stop listening, abort all connections, and wait until their tasks have ended. Do not wait for clients."""
        # Shielded: a cancelled caller must not leave a listening socket open.
        with anyio.CancelScope(shield=True):
            # Stop accepting. A socket that was accepted before becomes a connection up to three turns of the loop
            # later. If the server is closed earlier, asyncio loses this socket without closing it.
            for listening in self._listening.sockets:
                with suppress(NotImplementedError):  # on Windows
                    asyncio.get_running_loop().remove_reader(listening)
            for _ in range(3):
                await asyncio.sleep(0)
            self._listening.close()
            # aiohttp's own shutdown would wait for running requests, and until clients have read their answers.
            while connections := self._server.connections:
                for connection in connections:
                    if connection.transport is not None:
                        connection.transport.abort()
                await asyncio.sleep(0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        query = request.query
        record = RecordedRequest(
            method=request.method, path=request.path, query=dict(query), headers=HeaderFields(request.headers)
        )
        target = Target.of(request.method, request.rel_url.raw_path, query)
        answer = await self._answering(record, target)
        if answer.delivery is Delivery.TRUNCATED:
            return await _send_half(request, answer)
        if answer.delivery is Delivery.RESET:
            _reset(request)
        else:
            # Set the status before the answer is sent: a test may look at the record as soon as it has the answer.
            record.status = answer.status
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _transport(request: web.BaseRequest) -> asyncio.Transport:
    transport = request.transport
    assert transport is not None  # noqa: S101 -- a handler without a connection is cancelled
    return transport


def _reset(request: web.BaseRequest) -> None:
    transport = _transport(request)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    transport.abort()


async def _send_half(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    # If the client disconnects now, aiohttp would report the error as a failure of the handler.
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(answer.body[: len(answer.body) // 2])
    _transport(request).close()
    return response
