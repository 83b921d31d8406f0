"""Servers and proxies that record the bytes they receive, and clients that use them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import attrs

from lyzr_traces_async import (
    RetryPolicy,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
KEY = "sk-canary-7Qx2vLr9TzB4"
ONCE = RetryPolicy(attempts=1)
PROXY_VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def is_bindable(host: str, family: socket.AddressFamily = socket.AF_INET) -> bool:
    with socket.socket(family) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


# A second host. Some systems have only one loopback address.
OTHER_HOST = "127.0.0.2" if is_bindable("127.0.0.2") else "localhost"


@attrs.define
class Ear:
    """What a listener received.

    :ivar connections: the number of connections so far.
    :ivar heard: every byte that arrived.
    """

    port: int = 0
    connections: int = 0
    heard: bytes = b""


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def listening(serve: Serve, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve connections on a free port."""
    writers = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await serve(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, host, 0, ssl=tls, family=socket.AF_INET)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def recording_server(host: str = "127.0.0.1") -> AsyncIterator[Ear]:
    """Listen as a server that must not get the key. It answers every request with 200."""
    ear = Ear()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ear.connections += 1
        while data := await reader.read(65536):
            ear.heard += data
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with listening(serve, host) as ear.port:
        yield ear


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[bytes], None]) -> None:
    while data := await reader.read(65536):
        heard(data)
        writer.write(data)
        await writer.drain()


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, heard: Callable[[bytes], None]
) -> None:
    """Forward bytes between a connection and a port of this machine, until one side closes."""
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
    both = [
        asyncio.ensure_future(_pipe(reader, to_writer, heard)),
        asyncio.ensure_future(_pipe(to_reader, writer, lambda _: None)),
    ]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in both:
            way.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        to_writer.transport.abort()


@asynccontextmanager
async def recording_proxy(refusal: bytes = b"", tls: ssl.SSLContext | None = None) -> AsyncIterator[Ear]:
    """Listen as a proxy that opens tunnels, or refuses them."""
    ear = Ear()

    def hear(data: bytes) -> None:
        ear.heard += data

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ear.connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        hear(head)
        if not head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        elif refusal:
            writer.write(refusal)
        else:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _join(reader, writer, int(head.split()[1].rpartition(b":")[2]), hear)
        await writer.drain()

    async with listening(serve, tls=tls) as ear.port:
        yield ear


@asynccontextmanager
async def over_tls(server: FakeTracesServer, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """Put TLS in front of a server, and yield its base URL."""
    plain = int(server.base_url.rpartition(":")[2].partition("/")[0])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, plain, lambda _: None)

    async with listening(serve, tls=tls) as port:
        yield f"https://localhost:{port}/v1"


@asynccontextmanager
async def client_of(server: FakeTracesServer, session: dict[str, Any] | None) -> AsyncIterator[TracesClient]:
    """Yield a client, with a session of the caller's own if arguments for one are given."""
    async with AsyncExitStack() as stack:
        own = None if session is None else await stack.enter_async_context(aiohttp.ClientSession(**session))
        yield await stack.enter_async_context(TracesClient(KEY, base_url=server.base_url, session=own, retry=ONCE))


async def check_walk(server: FakeTracesServer, session: dict[str, Any] | None) -> None:
    async with client_of(server, session) as client:
        assert [trace async for trace in client.iter_session_traces(SESSION, limit=10)] == list(server.traces(SESSION))
    assert {request.headers["x-api-key"] for request in server.requests} == {KEY}
    assert {request.headers["Host"] for request in server.requests} == {server.base_url.split("/")[2]}


REFUSALS = {
    "a password is needed": b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n",
    "an answer in place of the API's": b"HTTP/1.1 200 OK\r\n",
    "an error": b"HTTP/1.1 503 Service Unavailable\r\n",
}
