"""The texts of errors: they name no page unless the page matters, and no SSL unless SSL is used."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from lyzr_traces_async import (
    APIConnectionError,
    ClientClosedError,
    InvalidArgumentError,
    LyzrTracesError,
    RetryPolicy,
    TracesClient,
    WrongEventLoopError,
)
from lyzr_traces_async.testing import FakeTracesServer

SESSION: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ONCE: Final = RetryPolicy(attempts=1)


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION, 100)
        yield server


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Hold a port of this machine on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def client_of(server: FakeTracesServer, **settings: Any) -> TracesClient:
    return TracesClient(server.api_key, base_url=server.base_url, **settings)


async def walk(client: TracesClient) -> None:
    async for _ in client.iter_session_traces(SESSION, limit=10, start_page=3):
        pass


async def walk_pages(client: TracesClient) -> None:
    async for _ in client.iter_session_pages(SESSION, limit=10, start_page=3):
        pass


async def stream(client: TracesClient) -> None:
    async with client.stream_sessions([SESSION]) as sessions:
        async for _ in sessions:
            pass


async def call(client: TracesClient) -> None:
    await client.list_session_traces(SESSION, page=3)


CALLS: Final[tuple[Callable[[TracesClient], Awaitable[None]], ...]] = (walk, walk_pages, stream, call)


def names_no_page(error: LyzrTracesError) -> bool:
    return error.page is None and "page" not in str(error)


@pytest.mark.parametrize("read", CALLS)
async def test_a_client_that_is_closed_under_a_call_names_no_page(
    server: FakeTracesServer, read: Callable[[TracesClient], Awaitable[None]]
) -> None:
    """The client is closed while an answer is under way. The error still names the session."""
    asked = asyncio.Event()
    server.on_request = lambda _: asked.set()
    server.latency = 1000
    client = client_of(server)
    reading = asyncio.ensure_future(read(client))
    await asked.wait()
    await client.aclose()
    with pytest.raises(ClientClosedError, match="was closed") as caught:
        await reading
    assert names_no_page(caught.value)


async def test_a_client_that_is_closed_between_two_pages_names_no_page(server: FakeTracesServer) -> None:
    """The walk notices at its next step."""
    client = client_of(server)
    pages = client.iter_session_pages(SESSION, limit=10, start_page=3)
    await anext(pages)
    await client.aclose()
    with pytest.raises(ClientClosedError, match="the client is closed") as caught:
        await anext(pages)
    assert names_no_page(caught.value)


@pytest.mark.parametrize("read", CALLS)
async def test_a_callers_session_that_is_closed_names_no_page(
    server: FakeTracesServer, read: Callable[[TracesClient], Awaitable[None]]
) -> None:
    """Any other page would fail in the same way."""
    async with aiohttp.ClientSession() as session:
        client = client_of(server, session=session)
    with pytest.raises(ClientClosedError, match="was given is closed") as caught:
        await read(client)
    assert names_no_page(caught.value)
    await client.aclose()


@pytest.mark.parametrize("read", CALLS)
def test_another_event_loop_names_no_page(read: Callable[[TracesClient], Awaitable[None]]) -> None:
    """Any other page would fail in the same way."""

    async def begin(client: TracesClient) -> None:
        with pytest.raises(APIConnectionError):
            await client.list_session_traces(SESSION)

    async def go_on(client: TracesClient) -> None:
        await read(client)

    client = TracesClient("key", base_url="http://127.0.0.1:1/v1", retry=ONCE)
    with asyncio.Runner() as home, asyncio.Runner() as abroad:
        home.run(begin(client))
        with pytest.raises(WrongEventLoopError) as caught:
            abroad.run(go_on(client))
        home.run(client.aclose())
    assert names_no_page(caught.value)


@pytest.mark.parametrize("read", [walk, walk_pages, call])
async def test_a_proxy_that_cannot_be_used_names_no_page(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[TracesClient], Awaitable[None]]
) -> None:
    """The proxy comes from the environment, and nothing was sent."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    async with TracesClient("key", base_url="https://api.example/v1") as client:
        with pytest.raises(InvalidArgumentError, match="HTTPS_PROXY") as caught:
            await read(client)
    assert names_no_page(caught.value)


async def test_an_error_about_a_page_still_names_the_page_to_resume_from(server: FakeTracesServer) -> None:
    """The page could not be read after all attempts."""
    server.fail_next(status=500)
    async with client_of(server, retry=ONCE) as client:
        with pytest.raises(LyzrTracesError, match="page 3") as caught:
            await walk(client)
    assert caught.value.page == 3


async def test_a_plain_http_url_that_cannot_be_reached_does_not_speak_of_ssl(closed_port: int) -> None:
    """Text and traceback name the host, the port and the reason."""
    async with TracesClient("key", base_url=f"http://127.0.0.1:{closed_port}/v1", retry=ONCE) as client:
        with pytest.raises(APIConnectionError) as caught:
            await call(client)
    text = str(caught.value)
    assert f"Cannot connect to host 127.0.0.1:{closed_port}: Connection refused" in text
    shown = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value.__cause__) + text
    for word in ("ssl", "tls", "certificate"):
        assert word not in shown.lower()
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


async def test_the_error_of_an_unreachable_https_url_does_not_speak_of_ssl(closed_port: int) -> None:
    """A refused connection has nothing to do with SSL."""
    async with TracesClient("key", base_url=f"https://127.0.0.1:{closed_port}/v1", retry=ONCE) as client:
        with pytest.raises(APIConnectionError) as caught:
            await call(client)
    assert f"Cannot connect to host 127.0.0.1:{closed_port}: Connection refused" in str(caught.value)
    assert "ssl" not in str(caught.value).lower()


async def test_an_ipv6_address_stands_in_brackets() -> None:
    """Without brackets its last group would look like the port."""
    async with TracesClient("key", base_url="http://[::1]:9/v1", retry=ONCE) as client:
        with pytest.raises(APIConnectionError, match=r"Cannot connect to host \[::1\]:9: \w"):
            await call(client)


async def test_a_unix_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A caller's session may connect to a Unix socket."""
    path = str(tmp_path / "s")
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=path)) as session,
        TracesClient("key", base_url="http://localhost/v1", retry=ONCE, session=session) as client,
    ):
        with pytest.raises(APIConnectionError) as caught:
            await call(client)
    assert f"Cannot connect to unix socket {path}: No such file or directory" in str(caught.value)
    assert "ssl" not in str(caught.value).lower()
