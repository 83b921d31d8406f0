"""How the fake server starts, closes its connections, and ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from contextlib import suppress

import aiohttp
import anyio
import pytest

from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import REQUEST, SESSION, port_of


async def test_the_address_stays_known_after_the_end() -> None:
    """A test can show how a client behaves when the server is gone."""
    server = FakeTracesServer()
    with pytest.raises(RuntimeError, match="enter it with `async with`"):
        server.base_url  # noqa: B018 -- the access is what is tested
    async with server:
        base_url = server.base_url
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        writer.close()
    assert server.base_url == base_url
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port_of(server))


async def test_a_running_server_is_not_started_twice() -> None:
    """The second start is refused, and the first server goes on."""
    async with FakeTracesServer() as server:
        with pytest.raises(RuntimeError, match="already running"):
            await server.__aenter__()
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        writer.close()


async def test_an_idle_connection_is_closed_after_five_seconds() -> None:
    """The time counts from the last answer, as in the real service."""
    loop = asyncio.get_running_loop()
    async with FakeTracesServer() as server:
        server.add_session(SESSION)
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        for _ in range(2):
            writer.write(REQUEST)
            await reader.readuntil(b'"totalPages":0}}')
            answered = loop.time()
            await asyncio.sleep(4)
            assert not reader.at_eof()
        assert await reader.read() == b""
        assert 4.9 <= loop.time() - answered < 6
        writer.close()


@pytest.mark.parametrize("state", ["idle", "stalled", "half a request", "not reading"])
async def test_leaving_ends_everything_at_once(state: str, caplog: pytest.LogCaptureFixture) -> None:
    """No time passes, no task is left and nothing is logged, whatever the client is doing."""
    caplog.set_level(logging.INFO)
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION)
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server), limit=1000)
        arrived = asyncio.Event()
        server.on_request = lambda _: arrived.set()
        if state == "stalled":
            server.fail_next(stall=10_000)
        elif state == "not reading":
            # More bytes than the buffers of the two sockets hold.
            server.fail_next(body=b"x" * 50_000_000)
        writer.write(REQUEST[:20] if state == "half a request" else REQUEST)
        if state == "idle":
            await reader.readuntil(b'"totalPages":0}}')
        elif state != "half a request":
            await arrived.wait()
        await asyncio.sleep(0.01)
        begin = loop.time()
    assert loop.time() - begin < 1
    assert asyncio.all_tasks() == before
    writer.transport.abort()
    await asyncio.sleep(0)
    gc.collect()
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


@pytest.mark.parametrize("turns", range(5))
async def test_leaving_ends_a_connection_that_is_just_being_made(turns: int) -> None:
    """The connection is closed at any stage of its creation."""
    async with FakeTracesServer() as server:
        client = socket.create_connection(("127.0.0.1", port_of(server)))
        for _ in range(turns):
            await asyncio.sleep(0)
    client.settimeout(5)
    with client, suppress(ConnectionResetError):
        assert client.recv(1) == b""


async def test_leaving_by_cancellation_closes_the_server_too() -> None:
    """A cancelled scope cancels every wait within it, but not the wait for the server's end."""
    before = asyncio.all_tasks()
    with anyio.move_on_after(10):
        async with FakeTracesServer() as server:
            server.fail_next(stall=1000)
            async with aiohttp.ClientSession() as http, http.get(server.base_url):
                pytest.fail("the stall outlasts the scope")
    # No await comes before this line: it would give a task that was left behind the time to end.
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port_of(server))


async def test_an_exception_leaves_the_block_as_itself() -> None:
    """The server neither swallows nor wraps it."""
    with pytest.raises(ZeroDivisionError):
        async with FakeTracesServer():
            1 // 0  # noqa: B018 -- raises
