"""The fake server's coming and going, and the fixture that does both."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import sys
import threading
import urllib.request
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

import aiohttp
import anyio
import pytest

from lyzr_traces_async.testing import FakeTracesServer

pytest_plugins = ["pytester"]

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
REQUEST = f"GET /v1/traces/session/{SESSION}?limit=100 HTTP/1.1\r\nHost: x\r\nx-api-key: test-key\r\n\r\n".encode(
    "ascii"
)


def port_of(server: FakeTracesServer) -> int:
    return int(server.base_url.removeprefix("http://127.0.0.1:").removesuffix("/v1"))


async def test_the_address_is_known_from_the_start_and_after_the_end() -> None:
    """So that a test can also see what a client makes of a server that is gone."""
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
    """The second start is refused, and the first goes on."""
    async with FakeTracesServer() as server:
        with pytest.raises(RuntimeError, match="already running"):
            await server.__aenter__()
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        writer.close()


async def test_an_idle_connection_is_closed_after_five_seconds() -> None:
    """Counted from the last answer, as at the real service."""
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
    """Whatever its clients are doing: no time passes, no task is left, nothing is logged."""
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
            # More than the buffers of the two sockets take.
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
    """However far the loop has come with it: none is left that nobody knows of."""
    async with FakeTracesServer() as server:
        client = socket.create_connection(("127.0.0.1", port_of(server)))
        for _ in range(turns):
            await asyncio.sleep(0)
    client.settimeout(5)
    with client, suppress(ConnectionResetError):
        assert client.recv(1) == b""


async def test_leaving_by_cancellation_closes_the_server_too() -> None:
    """A cancelled scope cancels every wait within it, but not this one."""
    before = asyncio.all_tasks()
    with anyio.move_on_after(10):
        async with FakeTracesServer() as server:
            server.fail_next(stall=1000)
            async with aiohttp.ClientSession() as http, http.get(server.base_url):
                pytest.fail("the stall outlasts the scope")
    # Looked at before anything is awaited: a task that ends a little later would have been left behind.
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port_of(server))


async def test_an_exception_leaves_the_block_as_itself() -> None:
    """The server neither swallows nor wraps it."""
    with pytest.raises(ZeroDivisionError):
        async with FakeTracesServer():
            1 // 0  # noqa: B018 -- raises


# The fixture


def fetch(server: FakeTracesServer, **query: Any) -> Any:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    request = urllib.request.Request(  # noqa: S310 -- the address is the test's own server's
        f"{server.base_url}/traces/session/{SESSION}?{text}", headers={"x-api-key": server.api_key}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- likewise
        return json.load(answer)


def test_the_fixture_serves_synchronous_tests(traces_server: FakeTracesServer) -> None:
    """The test's thread changes the lists, orders failures and reads the records; there is no quota."""
    traces_server.add_session(SESSION, 30)
    assert len(fetch(traces_server)["traces"]) == 20
    traces_server.add_traces(SESSION, 5)
    traces_server.fail_next(status=502)
    with pytest.raises(HTTPError) as caught:
        fetch(traces_server)
    with caught.value as failure:
        assert "RateLimit" not in failure.headers
    assert fetch(traces_server, limit=10)["pagination"]["totalItems"] == 35
    assert [request.status for request in traces_server.requests] == [200, 502, 200]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # with the real clock: the server is in another thread
async def test_the_fixture_serves_asynchronous_tests(traces_server: FakeTracesServer) -> None:
    """It has an event loop of its own, so the test's may be of any kind."""
    traces_server.add_session(SESSION, 3)
    async with (
        aiohttp.ClientSession(headers={"x-api-key": traces_server.api_key}) as http,
        http.get(f"{traces_server.base_url}/traces/session/{SESSION}") as answer,
    ):
        assert len((await answer.json())["traces"]) == 3


def test_each_test_gets_a_server_of_its_own_that_is_gone_after_it(pytester: pytest.Pytester) -> None:
    """Users need no more than the library installed; the fixture is listed with its purpose."""
    pytester.makepyfile(
        f"""
        import socket
        import pytest

        seen = []

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(traces_server, n):
            traces_server.add_session("{SESSION}")
            seen.append(traces_server)

        def test_they_are_gone():
            assert seen[0] is not seen[1]
            for server in seen:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", int(server.base_url[17:-3])))
        """
    )
    pytester.makepyfile(
        test_hook="""
        from urllib.request import urlopen

        def test_it(traces_server):
            traces_server.on_request = lambda request: 1 / 0
            try:
                urlopen(traces_server.base_url)
            except OSError:
                pass
        """
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    ran.assert_outcomes(passed=4, errors=1)  # an exception of a hook is heard of after the test
    assert "ZeroDivisionError" in ran.stdout.str()
    listing = pytester.runpytest_inprocess("--fixtures", "-p", "no:cacheprovider").stdout.str()
    assert "A fake Lyzr traces API on 127.0.0.1 without a quota" in listing


def test_traces_may_be_added_from_many_threads() -> None:
    """No made-up trace comes twice, and none gets lost."""
    server = FakeTracesServer()
    server.add_session(SESSION)

    def add() -> None:
        for _ in range(50):
            server.add_traces(SESSION, 10)

    threads = [threading.Thread(target=add) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    ids = [trace.trace_id for trace in server.traces(SESSION)]
    assert len(ids) == len(set(ids)) == 2000
