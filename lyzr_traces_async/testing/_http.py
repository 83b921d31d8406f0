"""HTTP around an answering function: the one place that knows aiohttp."""

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

# The service closes an idle connection after so many seconds.
KEEP_ALIVE = 5.0
BACKLOG = 1024

# Linger for 0 seconds: closing then discards what is unsent and sends a RST. The structure differs by platform.
LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

# What is asked for comes beside the record, which is decoded, and has no repeated names.
Answering = Callable[[RecordedRequest, Target], Awaitable[Answer]]


class Listener:
    """Listens and sends what ``answering`` says."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        # A handler is cancelled when its client goes away: nobody is left to answer, and the next one may be waiting.
        self._server = web.Server(
            self._handle, handler_cancellation=True, keepalive_timeout=KEEP_ALIVE, access_log=None
        )
        self._listening: asyncio.Server

    async def start(self, host: str, port: int) -> tuple[Any, ...]:
        """Listen.

        :return: the address of the socket, or of the first where a name stands for several addresses.
        :raises OSError: if that is not possible.
        """
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, host, port, backlog=BACKLOG)
        address: tuple[Any, ...] = self._listening.sockets[0].getsockname()
        return address

    async def stop(self) -> None:
        """Stop listening, drop all connections and wait until their tasks have ended, which takes no time."""
        # Who leaves because of a cancellation must not leave a listening socket behind.
        with anyio.CancelScope(shield=True):
            # Nothing more is accepted. What has been is a connection two turns of the loop later, perhaps the third
            # from here: if it met a closed server before that, asyncio would lose its socket.
            for listening in self._listening.sockets:
                with suppress(NotImplementedError):  # on Windows
                    asyncio.get_running_loop().remove_reader(listening)
            for _ in range(3):
                await asyncio.sleep(0)
            self._listening.close()
            # aiohttp's own way waits for requests under way, and for clients to take what was sent.
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
            # Before it is sent: the client may look at the record as soon as it has the answer.
            record.status = answer.status
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _transport(request: web.BaseRequest) -> asyncio.Transport:
    transport = request.transport
    assert transport is not None  # noqa: S101 -- a handler that has lost its connection is cancelled
    return transport


def _reset(request: web.BaseRequest) -> None:
    transport = _transport(request)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    transport.abort()


async def _send_half(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    # The client may be leaving at this very moment, which aiohttp would report as a failure of the handler.
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(answer.body[: len(answer.body) // 2])
    _transport(request).close()
    return response
