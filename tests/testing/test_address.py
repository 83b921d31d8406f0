"""Where the fake server listens."""

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
