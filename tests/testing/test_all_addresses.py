"""The addresses at which the fake server is reached."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

import pytest

from lyzr_traces_async.testing import FakeTracesServer


def reached(server: FakeTracesServer) -> list[str]:
    """Return those of two addresses of this machine at which the server listens."""
    port = int(server.base_url.removesuffix("/v1").rpartition(":")[2])
    found = []
    for host in ("127.0.0.1", "127.0.0.2"):
        with suppress(ConnectionRefusedError), socket.create_connection((host, port), timeout=10):
            found.append(host)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("127.0.0.2", ["127.0.0.2"]),
        ("0.0.0.0", ["127.0.0.1", "127.0.0.2"]),  # noqa: S104 - it is tested
    ],
)
def test_the_server_listens_on_its_host_or_on_all_addresses(host: str, addresses: list[str]) -> None:
    """`0.0.0.0` stands for all addresses of this machine. Any other address stands for itself alone."""
    with FakeTracesServer(host=host) as server:
        assert reached(server) == addresses
