"""A client that nobody closes warns in this library's words. It can be closed after its event loop has ended."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import aiohttp
import anyio
import pytest
import trustme

from lyzr_traces_async import ClientClosedError, NotFoundError, TracesClient, WrongEventLoopError, _pool
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import SESSION, client_of
from tests.helpers.raw_server import RawServer

WORDS = "a TracesClient was not closed.*aclose"


def descriptors() -> set[str]:
    """Return the open sockets of this process."""
    links = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor of the listing itself is closed by now
            links.add(str(link.readlink()))
    return {link for link in links if link.startswith("socket:")}


def wait_for_descriptors(expected: set[str]) -> None:
    """Wait until exactly these sockets are open.

    The server's ends are in this process too, and close a little later.
    """
    for _ in range(1000):
        if descriptors() == expected:
            return
        time.sleep(0.01)
    assert descriptors() == expected


def drop(held: list[TracesClient]) -> None:
    """Drop a client, and collect it."""
    held.clear()
    gc.collect()


@contextmanager
def no_handler_called() -> Iterator[None]:
    """Fail if the event loop's exception handler is called in the block."""
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    try:
        yield
    finally:
        asyncio.get_running_loop().set_exception_handler(None)
    assert told == []


@pytest.mark.parametrize("way", ["dropped", "in a cycle", "in another thread"])
async def test_a_client_that_is_dropped_open_warns(server: FakeTracesServer, way: str) -> None:
    """There is exactly one warning, in whichever thread the client is collected, and the loop reports nothing."""
    held = [client_of(server)]
    await held[0].list_session_traces(SESSION)
    if way == "in a cycle":
        held[0].itself = held[0]  # type: ignore[attr-defined]
    with no_handler_called():
        with pytest.warns(ResourceWarning, match=WORDS) as caught:
            await asyncio.to_thread(drop, held) if way == "in another thread" else drop(held)
        await asyncio.sleep(0.1)
        gc.collect()
    assert len(caught) == 1


async def test_a_dropped_clients_connections_are_closed() -> None:
    """The server sees the end of the connection."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
        assert await reader.read() == b""
        ended.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        held = [TracesClient("key", base_url=f"http://127.0.0.1:{port}/v1")]
        with pytest.raises(NotFoundError):
            await held[0].list_session_traces(SESSION)
        with pytest.warns(ResourceWarning, match=WORDS):
            drop(held)
        await asyncio.wait_for(ended.wait(), 3)


async def test_a_client_that_is_closed_or_unused_does_not_warn(server: FakeTracesServer) -> None:
    """A client that never sent a request needs no closing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client_of(server)
        async with client_of(server) as client:
            await client.list_session_traces(SESSION)
        del client
        gc.collect()


async def test_a_callers_session_is_left_alone(server: FakeTracesServer) -> None:
    """The session stays open when its client is dropped: the caller closes it."""
    async with aiohttp.ClientSession() as session:
        await client_of(server, session=session).list_session_traces(SESSION)
        gc.collect()
        assert not session.closed
        async with session.get(server.base_url):
            pass


def _worn(server: FakeTracesServer) -> tuple[TracesClient, asyncio.AbstractEventLoop]:
    """Return a client with two idle connections, and their loop, which does not run."""
    loop = asyncio.new_event_loop()
    client = client_of(server)

    async def use() -> None:
        await client.list_session_traces(SESSION)
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(2)))

    loop.run_until_complete(use())
    return client, loop


@pytest.fixture
def away() -> Iterator[FakeTracesServer]:
    """Run the fake server on another thread's loop. It stands for a server in another process."""
    server = FakeTracesServer(quota=None)
    with anyio.from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        server.add_session(SESSION, 3)
        yield server


linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs a list of open files")


@linux
def test_a_client_can_be_closed_when_its_loop_is_gone(away: FakeTracesServer) -> None:
    """It is closed on another loop without a warning, and its sockets are closed."""
    before = descriptors()
    client, loop = _worn(away)
    loop.close()
    assert descriptors() > before
    asyncio.run(client.aclose())
    wait_for_descriptors(before)
    with pytest.raises(ClientClosedError):
        asyncio.run(client.list_session_traces(SESSION))
    asyncio.run(client.aclose())
    del client
    gc.collect()


@linux
@pytest.mark.parametrize("way", ["closed", "dropped"])
def test_connections_over_tls_end_without_their_loop_too(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TLS connection is a transport within another."""
    authority = trustme.CA()
    certified, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(certified)
    authority.configure_trust(trusting)
    monkeypatch.setattr(aiohttp, "TCPConnector", partial(aiohttp.TCPConnector, ssl=trusting))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    raw = RawServer(tls=certified)
    with anyio.from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(raw):
        before = descriptors()
        loop = asyncio.new_event_loop()
        held = [TracesClient("key", base_url=raw.base_url)]
        loop.run_until_complete(held[0].list_session_traces(SESSION))
        loop.close()
        if way == "closed":
            asyncio.run(held[0].aclose())
            drop(held)
        else:
            with pytest.warns(ResourceWarning, match=WORDS) as caught:
                drop(held)
            assert len(caught) == 1
        gc.collect()
        wait_for_descriptors(before)


@linux
def test_a_client_can_be_closed_when_its_loop_has_left_a_request_in_flight(away: FakeTracesServer) -> None:
    """The connection in use is closed too. The task that waits for it is not woken on another loop."""
    before = descriptors()
    client, loop = _worn(away)
    away.fail_next(stall=100)
    task = loop.create_task(client.list_session_traces(SESSION))
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.close()
    asyncio.run(client.aclose())
    assert not task.done()
    del task
    gc.collect()
    wait_for_descriptors(before)


@linux
@pytest.mark.parametrize("state", ["closed", "stopped"])
def test_a_client_can_be_dropped_when_its_loop_does_not_run(away: FakeTracesServer, state: str) -> None:
    """There is one warning, and the sockets are closed."""
    before = descriptors()
    client, loop = _worn(away)
    held = [client]
    del client
    if state == "closed":
        loop.close()
    with pytest.warns(ResourceWarning, match=WORDS) as caught:
        drop(held)
    assert len(caught) == 1
    assert "call_soon" not in vars(loop)
    loop.close()
    wait_for_descriptors(before)
    gc.collect()


def test_a_client_whose_loop_only_stands_still_is_not_closed_on_another(away: FakeTracesServer) -> None:
    """The loop may run again."""
    client, loop = _worn(away)
    with pytest.raises(WrongEventLoopError):
        asyncio.run(client.aclose())
    loop.run_until_complete(client.list_session_traces(SESSION))
    loop.run_until_complete(client.aclose())
    loop.close()


EXITS = {
    "at the module's end": "client = make()\nasyncio.run(use(client))",
    "in a cycle": "client = make()\nclient.itself = client\nasyncio.run(use(client))",
    "with a loop that was never closed": "client = make()\nasyncio.new_event_loop().run_until_complete(use(client))",
    "in a function": "async def main():\n    await use(make())\nasyncio.run(main())",
}

# The process imports the library once. It forks a child for each ending, whose interpreter then ends normally.
PROGRAM = """
import asyncio, os, sys
from lyzr_traces_async import TracesClient

def make():
    return TracesClient({key!r}, base_url={base_url!r})

async def use(client):
    await client.list_session_traces({session!r})

for ending in {endings!r}:
    sys.stderr.write("\\0")
    sys.stderr.flush()
    child = os.fork()
    if not child:
        exec(ending)
        break
    assert os.waitpid(child, 0)[1] == 0
"""


@linux
@pytest.mark.parametrize("options", [(), ("-W", "always::ResourceWarning")], ids=["hidden", "shown"])
def test_at_the_interpreters_exit_there_is_a_warning_and_no_traceback(
    away: FakeTracesServer, options: tuple[str, ...]
) -> None:
    """The warning appears if warnings are shown, and nothing if they are not."""
    program = PROGRAM.format(key=away.api_key, base_url=away.base_url, session=SESSION, endings=list(EXITS.values()))
    done = subprocess.run([sys.executable, *options, "-c", program], capture_output=True, text=True, check=True)
    before, *outputs = done.stderr.split("\0")
    assert before == ""
    for how, noted in zip(EXITS, outputs, strict=True):
        if not options:
            assert noted == "", how
            continue
        if "never closed" in how:
            noted = "\n".join(line for line in noted.splitlines() if "unclosed event loop" not in line)  # noqa: PLW2901
        assert noted.count("ResourceWarning") == 1, how
        assert "a TracesClient was not closed" in noted, how
        assert "Traceback" not in noted, how
        assert "Unclosed" not in noted, how


async def _everything(client: TracesClient) -> None:
    with pytest.raises(WrongEventLoopError, match=r"needs an event loop of asyncio.*asyncio.run"):
        await client.list_session_traces(SESSION)
    with pytest.raises(WrongEventLoopError, match="needs an event loop of asyncio"):
        async for _ in client.iter_session_traces(SESSION):
            pass
    with pytest.raises(WrongEventLoopError, match="needs an event loop of asyncio"):
        async for _ in client.iter_session_pages(SESSION):
            pass
    with pytest.raises(WrongEventLoopError, match="needs an event loop of asyncio"):
        async with client.stream_sessions([SESSION]) as sessions:
            async for _ in sessions:
                pass


async def test_the_client_of_another_process_is_left_alone() -> None:
    """A fork has copied the client. Closing the copy would break the original, as both share one epoll object."""
    closed: list[bool] = []
    loop = asyncio.get_running_loop()
    _pool._forgotten(os.getpid() + 1, loop, partial(closed.append, True))
    assert not closed
    with pytest.warns(ResourceWarning, match="was not closed"):
        _pool._forgotten(os.getpid(), loop, partial(closed.append, True))
    await anyio.sleep(0.01)
    assert closed


def test_without_asyncio_the_error_says_that_it_is_needed() -> None:
    """The coroutine is run without any event loop."""

    async def use() -> None:
        async with TracesClient("key") as client:
            await _everything(client)

    with pytest.raises(StopIteration):
        use().send(None)


def test_under_trio_the_error_says_that_asyncio_is_needed() -> None:
    """Anyio also runs programs on Trio."""

    async def use() -> None:
        async with TracesClient("key") as client:
            await _everything(client)

    anyio.run(use, backend="trio")
