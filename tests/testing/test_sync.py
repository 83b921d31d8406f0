"""The fake server for synchronous code and fixtures of any scope, and where it listens."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.testing import FakeTracesServer, Quota

pytest_plugins = ["pytester"]

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def port_of(server: FakeTracesServer) -> int:
    return int(server.base_url.removesuffix("/v1").rpartition(":")[2])


def fetch(server: FakeTracesServer, path: str = f"/traces/session/{SESSION}") -> tuple[int, Any]:
    """Ask for something, whatever the answer."""
    request = Request(server.base_url + path, headers={"x-api-key": server.api_key})  # noqa: S310 -- our own server's
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310 -- likewise
            return answer.status, json.load(answer)
    except HTTPError as failure:
        with failure:
            return failure.code, json.load(failure)


# The form for synchronous code


def test_a_plain_with_serves_synchronous_code() -> None:
    """With a quota, failures on order, and all other things; its thread and its port are gone at the end."""
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


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # with the real clock: the server is in another thread
async def test_it_serves_asynchronous_code_too() -> None:
    """It does not share the loop of who asks."""
    with FakeTracesServer() as server:
        traces = server.add_session(SESSION, 3)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert tuple([trace async for trace in client.iter_session_traces(SESSION)]) == traces


def test_a_fixture_of_any_scope_is_a_plain_with(pytester: pytest.Pytester) -> None:
    """As the documentation shows it: one server for several tests, with a quota."""
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


def test_a_hook_that_fails_is_heard_of_where_the_block_is_left() -> None:
    """Over what came of it there."""
    with pytest.raises(ZeroDivisionError), FakeTracesServer() as server:
        server.on_request = lambda _: 1 / 0  # type: ignore[assignment]
        assert fetch(server)[0] == 500
        raise LookupError("what came of it")


def test_a_hook_that_fails_does_not_hide_ctrl_c() -> None:
    """Which is then what leaves the block, and the server is gone all the same."""
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


def test_what_is_under_way_ends_with_the_block(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for a stalled answer, and nothing is logged."""
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


# One form at a time


def test_a_running_server_is_not_entered_again() -> None:
    """Neither in the same form nor in the other; the first goes on, and may be left and entered anew."""

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


async def test_nor_is_one_that_was_entered_asynchronously() -> None:
    """The text says how it was entered."""
    async with FakeTracesServer() as server:
        with pytest.raises(RuntimeError, match="already running: it was entered with `async with`"):
            server.__enter__()
        with pytest.raises(RuntimeError, match="entered with `async with`: it can't be left with `with`"):
            server.__exit__(None, None, None)
        socket.create_connection(("127.0.0.1", port_of(server))).close()


async def test_a_server_is_left_as_it_was_entered() -> None:
    """What was not entered cannot be left at all."""
    server = FakeTracesServer()
    with pytest.raises(RuntimeError, match="the server is not running: it can't be left with `with`"):
        server.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="the server is not running: it can't be left with `async with`"):
        await server.__aexit__(None, None, None)
    with server:
        with pytest.raises(RuntimeError, match="entered with `with`: it can't be left with `async with`"):
            await server.__aexit__(None, None, None)
        socket.create_connection(("127.0.0.1", port_of(server))).close()


# Where it listens


def test_it_listens_on_the_port_that_was_asked_for() -> None:
    """Also again, right after it was left with connections open."""
    with FakeTracesServer() as server:
        port = port_of(server)
    for _ in range(2):
        with FakeTracesServer(port=port) as server:
            assert server.base_url == f"http://127.0.0.1:{port}/v1"
            assert fetch(server)[0] == 404


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 -- what is tested
        pytest.param("::1", "[::1]", marks=needs_ipv6),
        pytest.param("::", "[::1]", marks=needs_ipv6),
    ],
)
async def test_the_base_url_is_one_that_a_client_here_can_use(host: str, shown: str) -> None:
    """All addresses are no address to connect to, and one of IPv6 stands in brackets."""
    async with FakeTracesServer(host=host) as server:
        assert server.base_url == f"http://{shown}:{port_of(server)}/v1"
        traces = server.add_session(SESSION, 3)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert (await client.list_session_traces(SESSION)).traces == traces


def test_a_name_stands_for_an_address() -> None:
    """The URL has the address, since a name may have several."""
    with FakeTracesServer(host="localhost") as server:
        assert server.base_url in {f"http://{host}:{port_of(server)}/v1" for host in ("127.0.0.1", "[::1]")}
        assert fetch(server)[0] == 404


@pytest.mark.parametrize("host", ["", " ", "http://x", "127.0.0.1:80", "[::1]", "a/b", "a\nb", "é", None, 5, b"x"])
def test_what_is_no_host_is_refused(host: Any) -> None:
    """Before anything is opened."""
    with pytest.raises(InvalidArgumentError, match="host must be a name or an IP address without brackets and port"):
        FakeTracesServer(host=host)


@pytest.mark.parametrize("port", [-1, 65536, "80", 80.0, True, None])
def test_what_is_no_port_is_refused(port: Any) -> None:
    """Before anything is opened."""
    with pytest.raises(InvalidArgumentError, match="port must be an integer from 0 to 65535, not "):
        FakeTracesServer(port=port)


@pytest.mark.parametrize("form", ["with", "async with"])
async def test_a_port_in_use_is_an_error_of_the_system(form: str) -> None:
    """Nothing is left behind, and the server can be entered later."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = FakeTracesServer(port=port)
        tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
        with pytest.raises(OSError, match=rf"'127.0.0.1', {port}\): .*address already in use"):
            if form == "with":
                server.__enter__()
            else:
                await server.__aenter__()
        assert (asyncio.all_tasks(), set(threading.enumerate())) == (tasks, threads)
        with pytest.raises(RuntimeError, match="no address yet"):
            server.base_url  # noqa: B018 -- the access is what is tested
    with server:
        assert port_of(server) == port
