"""The host and the port of the fake server."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import SESSION, fetch, port_of


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def test_it_listens_on_the_requested_port() -> None:
    """It can listen there again at once, even after it was left with open connections."""
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
async def test_a_client_on_this_machine_can_use_the_base_url(host: str, shown: str) -> None:
    """`0.0.0.0` and `::` become a loopback address, and an IPv6 address has brackets."""
    async with FakeTracesServer(host=host) as server:
        assert server.base_url == f"http://{shown}:{port_of(server)}/v1"
        traces = server.add_session(SESSION, 3)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert (await client.list_session_traces(SESSION)).traces == traces


def test_the_base_url_has_the_address_of_a_host_name() -> None:
    """A name may have several addresses, and the server listens on one of them."""
    with FakeTracesServer(host="localhost") as server:
        assert server.base_url in {f"http://{host}:{port_of(server)}/v1" for host in ("127.0.0.1", "[::1]")}
        assert fetch(server)[0] == 404


@pytest.mark.parametrize("host", ["", " ", "http://x", "127.0.0.1:80", "[::1]", "a/b", "a\nb", "é", None, 5, b"x"])
def test_a_malformed_host_is_refused(host: Any) -> None:
    """The error comes before a socket is opened."""
    with pytest.raises(InvalidArgumentError, match="host must be a name or an IP address without brackets and port"):
        FakeTracesServer(host=host)


@pytest.mark.parametrize("port", [-1, 65536, "80", 80.0, True, None])
def test_a_malformed_port_is_refused(port: Any) -> None:
    """The error comes before a socket is opened."""
    with pytest.raises(InvalidArgumentError, match="port must be an integer from 0 to 65535, not "):
        FakeTracesServer(port=port)


@pytest.mark.parametrize("form", ["with", "async with"])
async def test_a_port_in_use_is_an_error_of_the_system(form: str) -> None:
    """No task and no thread is left, and the server can be entered later."""
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
