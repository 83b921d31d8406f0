"""A server, an environment without proxies, and a certificate authority for the tests."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest
import trustme

from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.listeners import KEY, PROXY_VARIABLES, SESSION


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY) as server:
        server.add_session(SESSION, traces=45)
        yield server


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, "NO_PROXY", "no_proxy", "REQUEST_METHOD", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def certified(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def trusted(trusting: ssl.SSLContext, no_proxies: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Let the client's own connections trust the tests' authority. aiohttp loads the system's when it is imported."""
    monkeypatch.setattr(aiohttp, "TCPConnector", partial(aiohttp.TCPConnector, ssl=trusting))
