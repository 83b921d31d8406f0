"""The fake server in synchronous code and in fixtures of any scope."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
from contextlib import suppress

import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.testing import FakeTracesServer, Quota
from tests.testing.asking import SESSION, fetch, port_of

pytest_plugins = ["pytester"]


def test_a_plain_with_serves_synchronous_code() -> None:
    """The quota and ordered failures work. The thread and the port are gone at the end."""
    before = set(threading.enumerate())
    with FakeTracesServer(quota=Quota(requests=3, seconds=600)) as server:
        server.add_session(SESSION, 3)
        server.fail_next(status=502)
        assert [fetch(server)[0] for _ in range(2)] == [502, 200]
        server.spend_quota()
        assert fetch(server, "/transcripts") == (429, {"error": "Too many requests, please try again later."})
        assert [request.status for request in server.requests] == [502, 200, 429]
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(server)))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # on the real clock, because the server is in another thread
async def test_it_serves_asynchronous_code_too() -> None:
    """The server does not share the event loop of its clients."""
    with FakeTracesServer() as server:
        traces = server.add_session(SESSION, 3)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert tuple([trace async for trace in client.iter_session_traces(SESSION)]) == traces


def test_a_fixture_of_any_scope_is_a_plain_with(pytester: pytest.Pytester) -> None:
    """As in the documentation, several tests share one server with a quota."""
    pytester.makeconftest(
        f"""
        import pytest
        from lyzr_traces_async.testing import FakeTracesServer, Quota

        @pytest.fixture(scope="session")
        def api():
            with FakeTracesServer(quota=Quota(requests=2, seconds=600)) as server:
                server.add_session("{SESSION}", traces=45)
                yield server
        """
    )
    pytester.makepyfile(
        f"""
        import pytest
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        @pytest.mark.parametrize("status", [200, 200, 429])
        def test_it(api, status):
            try:
                url = api.base_url + "/traces/session/{SESSION}"
                assert urlopen(Request(url, headers={{"x-api-key": api.api_key}})).status == status
            except HTTPError as failure:
                assert failure.code == status
        """
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    ran.assert_outcomes(passed=3)


def test_an_exception_of_the_hook_is_raised_at_the_end_of_the_block() -> None:
    """It replaces an exception that the bad answer has caused."""
    with pytest.raises(ZeroDivisionError), FakeTracesServer() as server:
        server.on_request = lambda _: 1 / 0  # type: ignore[assignment]
        assert fetch(server)[0] == 500
        raise LookupError("what came of it")


def test_a_hook_that_fails_does_not_hide_ctrl_c() -> None:
    """KeyboardInterrupt leaves the block, and the server is closed."""
    with pytest.raises(KeyboardInterrupt), FakeTracesServer() as server:
        server.on_request = lambda _: 1 / 0  # type: ignore[assignment]
        fetch(server)
        raise KeyboardInterrupt
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(server)))


def test_an_exception_leaves_the_block_as_itself() -> None:
    """Neither the thread nor its loop wraps it."""
    with pytest.raises(LookupError) as caught, FakeTracesServer():
        raise LookupError("mine")
    assert caught.value.__context__ is None


def test_a_stalled_request_ends_with_the_block(caplog: pytest.LogCaptureFixture) -> None:
    """Leaving does not wait for the answer, and nothing is logged."""
    caplog.set_level(logging.INFO)
    arrived = threading.Event()
    with FakeTracesServer() as server:
        server.on_request = lambda _: arrived.set()
        server.fail_next(stall=10_000)
        stalled = socket.create_connection(("127.0.0.1", port_of(server)))
        stalled.sendall(b"GET /v1/transcripts HTTP/1.1\r\nHost: x\r\n\r\n")
        assert arrived.wait(10)
    with stalled, suppress(ConnectionResetError):
        assert stalled.recv(1) == b""
    gc.collect()
    assert caplog.records == []


def test_a_running_server_is_not_entered_again() -> None:
    """Both forms of `with` are refused. The server goes on, and can be left and entered again."""

    async def enter(server: FakeTracesServer) -> None:
        async with server:
            pass

    server = FakeTracesServer()
    for _ in range(2):
        with server:
            with pytest.raises(RuntimeError, match="already running: it was entered with `with`"):
                server.__enter__()
            with pytest.raises(RuntimeError, match="already running: it was entered with `with`"):
                asyncio.run(enter(server))
            assert fetch(server)[0] == 404


async def test_a_server_entered_asynchronously_is_not_entered_again() -> None:
    """The error says how the server was entered."""
    async with FakeTracesServer() as server:
        with pytest.raises(RuntimeError, match="already running: it was entered with `async with`"):
            server.__enter__()
        with pytest.raises(RuntimeError, match="entered with `async with`: it can't be left with `with`"):
            server.__exit__(None, None, None)
        socket.create_connection(("127.0.0.1", port_of(server))).close()


async def test_a_server_is_left_as_it_was_entered() -> None:
    """A server that was not entered cannot be left."""
    server = FakeTracesServer()
    with pytest.raises(RuntimeError, match="the server is not running: it can't be left with `with`"):
        server.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="the server is not running: it can't be left with `async with`"):
        await server.__aexit__(None, None, None)
    with server:
        with pytest.raises(RuntimeError, match="entered with `with`: it can't be left with `async with`"):
            await server.__aexit__(None, None, None)
        socket.create_connection(("127.0.0.1", port_of(server))).close()
