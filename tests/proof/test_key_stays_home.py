"""The key goes to the API and to nobody else, and what a server says of it is shown to nobody."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import os
import pickle
import shutil
import socket
import ssl
import subprocess
import sys
import time
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import aiohttp
import attrs
import pytest
import trustme
from aiohttp.abc import ResolveResult
from rich.console import Console
from rich.traceback import Traceback
from yarl import URL

from lyzr_traces_async import (
    APIConnectionError,
    InvalidArgumentError,
    LyzrTracesError,
    RedirectError,
    ResponseDecodeError,
    ResponseTooLargeError,
    RetryPolicy,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
KEY = "sk-canary-7Qx2vLr9TzB4"
# Every sign that some notation escapes.
ODD_KEY = """sk-'canary'-"7Qx2"-\\vLr9/<Tz>&B4%"""
ONCE = RetryPolicy(attempts=1)

PROXY_VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def _is_here(host: str, family: socket.AddressFamily = socket.AF_INET) -> bool:
    with socket.socket(family) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


# A second host. Not every system has more than one loopback address.
OTHER_HOST = "127.0.0.2" if _is_here("127.0.0.2") else "localhost"


@attrs.define
class Ear:
    """What a listener heard.

    :ivar connections: how often somebody has connected.
    :ivar heard: every byte that was sent to it.
    """

    port: int = 0
    connections: int = 0
    heard: bytes = b""


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def _listening(serve: Serve, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve connections on a free port."""
    writers = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await serve(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, host, 0, ssl=tls, family=socket.AF_INET)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def _stranger(host: str = "127.0.0.1") -> AsyncIterator[Ear]:
    """Listen as somebody who must not get the key; every request is answered well."""
    ear = Ear()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ear.connections += 1
        while data := await reader.read(65536):
            ear.heard += data
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with _listening(serve, host) as ear.port:
        yield ear


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[str]:
    """Answer each request with these bytes and close the connection; the base URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with _listening(serve) as port:
        yield f"http://127.0.0.1:{port}/v1"


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[bytes], None]) -> None:
    while data := await reader.read(65536):
        heard(data)
        writer.write(data)
        await writer.drain()


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, heard: Callable[[bytes], None]
) -> None:
    """Join a connection to a port of this machine, until one side ends it."""
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
    both = [
        asyncio.ensure_future(_pipe(reader, to_writer, heard)),
        asyncio.ensure_future(_pipe(to_reader, writer, lambda _: None)),
    ]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in both:
            way.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        to_writer.transport.abort()


@asynccontextmanager
async def _proxy(refusal: bytes = b"", tls: ssl.SSLContext | None = None) -> AsyncIterator[Ear]:
    """Listen as a proxy that opens tunnels, or refuses to."""
    ear = Ear()

    def hear(data: bytes) -> None:
        ear.heard += data

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ear.connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        hear(head)
        if not head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        elif refusal:
            writer.write(refusal)
        else:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _join(reader, writer, int(head.split()[1].rpartition(b":")[2]), hear)
        await writer.drain()

    async with _listening(serve, tls=tls) as ear.port:
        yield ear


@asynccontextmanager
async def _over_tls(server: FakeTracesServer, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """Put TLS before a server; the base URL."""
    plain = int(server.base_url.rpartition(":")[2].partition("/")[0])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, plain, lambda _: None)

    async with _listening(serve, tls=tls) as port:
        yield f"https://localhost:{port}/v1"


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY) as server:
        server.add_session(SESSION, traces=45)
        yield server


@asynccontextmanager
async def _client(server: FakeTracesServer, session: dict[str, Any] | None) -> AsyncIterator[TracesClient]:
    """Make a client, with a session of the caller's own where its arguments are given."""
    async with AsyncExitStack() as stack:
        own = None if session is None else await stack.enter_async_context(aiohttp.ClientSession(**session))
        yield await stack.enter_async_context(
            TracesClient(KEY, base_url=server.base_url, session=own, retry=ONCE)  # the same for all
        )


async def _all_is_well(server: FakeTracesServer, session: dict[str, Any] | None) -> None:
    async with _client(server, session) as client:
        assert [trace async for trace in client.iter_session_traces(SESSION, limit=10)] == list(server.traces(SESSION))
    assert {request.headers["x-api-key"] for request in server.requests} == {KEY}
    assert {request.headers["Host"] for request in server.requests} == {server.base_url.split("/")[2]}


# --- Redirects


LOCATIONS = {
    "a relative path": "/v1/traces/session/elsewhere",
    "this very host": "http://127.0.0.1:{own}/v1/traces/session/elsewhere",
    "another port": "http://127.0.0.1:{other}/v1",
    "another host": f"http://{OTHER_HOST}:{{other}}/v1",
    "another host without a scheme": f"//{OTHER_HOST}:{{other}}/v1",
    "another scheme": "https://127.0.0.1:{other}/v1",
}


@pytest.mark.parametrize("session", [None, {}], ids=["our session", "the caller's session"])
@pytest.mark.parametrize("place", LOCATIONS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(
    server: FakeTracesServer, status: int, place: str, session: dict[str, Any] | None
) -> None:
    """Of whatever kind and to wherever: it is an error that tells where the server points."""
    host = OTHER_HOST if "host" in place else "127.0.0.1"
    async with _stranger(host) as other, _client(server, session) as client:
        location = LOCATIONS[place].format(own=server.base_url.split(":")[2].partition("/")[0], other=other.port)
        server.fail_next(status=status, headers={"Location": location})
        with pytest.raises(RedirectError) as raised:
            await client.list_session_traces(SESSION)
        assert raised.value.headers["location"] == location
        assert other.connections == 0
        assert len(server.requests) == 1


# --- A session of the caller's own


SESSIONS: dict[str, dict[str, Any]] = {
    "a key of its own": {"headers": {"X-API-KEY": "theirs", "x-api-key": "theirs"}},
    "an authorization": {"headers": {"Authorization": "Bearer theirs"}},
    "a host": {"headers": {"Host": "elsewhere.example"}},
    "cookies": {"cookies": {"x-api-key": "theirs"}},
    "raise_for_status": {"raise_for_status": True},
    "a time-out": {"timeout": aiohttp.ClientTimeout(total=1e-9, connect=1e-9, sock_read=1e-9)},
    "HTTP/1.0": {"version": aiohttp.HttpVersion10},
    "fewer fields": {"skip_auto_headers": ["User-Agent", "Accept", "Accept-Encoding"]},
    "a small buffer": {"read_bufsize": 64},
}


@pytest.mark.parametrize("name", SESSIONS)
async def test_what_a_session_was_given_does_not_matter(server: FakeTracesServer, name: str) -> None:
    """Not to where the key goes, and not to the result."""
    await _all_is_well(server, SESSIONS[name])


async def test_the_base_url_of_a_session_does_not_matter(server: FakeTracesServer) -> None:
    """The client's own is a whole URL."""
    async with _stranger(OTHER_HOST) as other:
        await _all_is_well(server, {"base_url": f"http://{OTHER_HOST}:{other.port}/v1/"})
        assert other.connections == 0


async def test_the_middlewares_of_a_session_do_not_matter(server: FakeTracesServer) -> None:
    """One that tells somebody else of every request is not even called."""
    async with _stranger(OTHER_HOST) as other, aiohttp.ClientSession() as teller:

        async def elsewhere(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            await teller.get(f"http://{OTHER_HOST}:{other.port}/", headers=request.headers)
            return await send(request)

        await _all_is_well(server, {"middlewares": [elsewhere]})
        assert other.connections == 0


async def test_a_session_that_does_not_decompress_is_made_to(server: FakeTracesServer) -> None:
    """The page is read as if it were our own session."""
    page = {"traces": [], "pagination": {"page": 1, "limit": 100, "totalItems": 0, "totalPages": 0}}
    server.fail_next(body=gzip.compress(json.dumps(page).encode()), headers={"Content-Encoding": "gzip"})
    async with _client(server, {"auto_decompress": False}) as client:
        assert len(await client.list_session_traces(SESSION)) == 0


async def test_the_key_is_in_no_cookie_that_a_session_keeps(server: FakeTracesServer) -> None:
    """The server's own cookies are in the caller's jar, and nothing of ours."""
    server.fail_next(status=500, headers={"Set-Cookie": "a=b"})
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        client = TracesClient(KEY, base_url=server.base_url, session=session, retry=RetryPolicy(attempts=2))
        await client.list_session_traces(SESSION)
        assert [(cookie.key, cookie.value) for cookie in session.cookie_jar] == [("a", "b")]
        await client.aclose()


# --- Proxies


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, "NO_PROXY", "no_proxy", "REQUEST_METHOD", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("session", [None, {}, {"trust_env": True}], ids=["ours", "the caller's", "trust_env"])
@pytest.mark.parametrize("name", PROXY_VARIABLES)
@pytest.mark.usefixtures("no_proxies")
async def test_plain_http_passes_by_a_proxy_of_the_environment(
    server: FakeTracesServer, name: str, session: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would read the key; and http is for this very machine only."""
    async with _proxy() as proxy:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await _all_is_well(server, session)
        assert proxy.connections == 0


@pytest.mark.usefixtures("no_proxies")
async def test_plain_http_passes_by_the_proxy_of_a_session(server: FakeTracesServer) -> None:
    """Also where the session was given it for all its requests, with a password for it."""
    async with _proxy() as proxy:
        await _all_is_well(server, {"proxy": f"http://they:theirs@127.0.0.1:{proxy.port}"})
        assert proxy.connections == 0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certified(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("told", ["by the environment", "by the session"])
@pytest.mark.usefixtures("no_proxies")
async def test_https_goes_through_a_proxy_that_learns_nothing(
    server: FakeTracesServer,
    certified: ssl.SSLContext,
    trusting: ssl.SSLContext,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is asked for a tunnel, and what goes through that is not to be read."""
    async with _over_tls(server, certified) as base_url, _proxy() as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        how: dict[str, Any] = {"proxy": address}
        if told == "by the environment":
            monkeypatch.setenv("HTTPS_PROXY", address)
            how = {"trust_env": True}
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting), **how) as session:
            client = TracesClient(KEY, base_url=base_url, session=session, retry=ONCE)
            traces = [trace async for trace in client.iter_session_traces(SESSION)]
        assert traces == list(server.traces(SESSION))
        assert proxy.heard.startswith(b"CONNECT localhost:")
        assert KEY.encode() not in proxy.heard
        assert b"traces/session" not in proxy.heard


REFUSALS = {
    "a password is needed": b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n",
    "an answer in place of the API's": b"HTTP/1.1 200 OK\r\n",
    "an error": b"HTTP/1.1 503 Service Unavailable\r\n",
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.usefixtures("no_proxies")
async def test_a_proxy_that_gives_no_tunnel_gets_no_key(
    server: FakeTracesServer, certified: ssl.SSLContext, trusting: ssl.SSLContext, refusal: str
) -> None:
    """Nor does whom it points to; that is a connection that failed."""
    async with _stranger() as other, _over_tls(server, certified) as base_url:
        answer = REFUSALS[refusal].replace(b"%d", str(other.port).encode())
        async with _proxy(answer + b"Content-Length: 2\r\n\r\n{}") as proxy:
            connector = aiohttp.TCPConnector(ssl=trusting)
            where = f"http://127.0.0.1:{proxy.port}"
            async with aiohttp.ClientSession(connector=connector, proxy=where) as session:
                client = TracesClient(KEY, base_url=base_url, session=session, retry=ONCE)
                with pytest.raises(APIConnectionError) as raised:
                    await client.list_session_traces(SESSION)
        _shows_nothing(raised.value, KEY)
        assert KEY.encode() not in proxy.heard
        assert (other.connections, server.requests) == (0, [])


# --- The environment's proxy, and the client's own session


@pytest.fixture
def trusted(trusting: ssl.SSLContext, no_proxies: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Let the client's own connections trust the test's authority. aiohttp reads the system's when it is imported."""
    monkeypatch.setattr(aiohttp, "TCPConnector", partial(aiohttp.TCPConnector, ssl=trusting))


async def _reads(server: FakeTracesServer, base_url: str) -> None:
    async with TracesClient(KEY, base_url=base_url, retry=ONCE) as client:
        assert [trace async for trace in client.iter_session_traces(SESSION)] == list(server.traces(SESSION))
    assert all("Authorization" not in request.headers for request in server.requests)


async def _fails(base_url: str, attempts: int = 1) -> APIConnectionError:
    policy = RetryPolicy(attempts=attempts, wait_initial=0.01, wait_jitter=0)
    async with TracesClient(KEY, base_url=base_url, retry=policy) as client:
        with pytest.raises(APIConnectionError) as raised:
            await client.list_session_traces(SESSION)
    return raised.value


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "http://127.0.0.1:{}/", "127.0.0.1:{}"])
@pytest.mark.usefixtures("trusted")
async def test_https_goes_through_the_environments_proxy(
    server: FakeTracesServer, certified: ssl.SSLContext, name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a tunnel: it learns the host's name and nothing else."""
    async with _over_tls(server, certified) as base_url, _proxy() as proxy:
        monkeypatch.setenv(name, form.format(proxy.port))
        await _reads(server, base_url)
    assert proxy.heard.startswith(b"CONNECT localhost:")
    assert KEY.encode() not in proxy.heard
    assert b"traces/session" not in proxy.heard
    assert b"authorization" not in proxy.heard.lower()


@pytest.mark.usefixtures("trusted")
async def test_the_proxy_for_https_comes_before_the_one_for_all(
    server: FakeTracesServer, certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one for plain http is none for https."""
    async with _over_tls(server, certified) as base_url, _proxy() as proxy, _proxy() as another:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{another.port}")
        await _reads(server, base_url)
        assert (proxy.connections, another.connections) == (0, 0)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{another.port}")
        await _reads(server, base_url)
        assert (proxy.connections, another.connections) == (1, 0)


@pytest.mark.parametrize("but", ["localhost", "example.com, localhost", "*", "localhost:{port}"])
@pytest.mark.usefixtures("trusted")
async def test_no_proxy_is_heeded(
    server: FakeTracesServer, certified: ssl.SSLContext, but: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, with a port or without."""
    async with _over_tls(server, certified) as base_url, _proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", but.format(port=base_url.split(":")[2].partition("/")[0]))
        await _reads(server, base_url)
        assert proxy.connections == 0
        monkeypatch.setenv("NO_PROXY", "example.com, localhost.example, localhost:1")
        await _reads(server, base_url)
        assert proxy.connections == 1


ODD = "hunter2/@:"


@pytest.mark.parametrize(
    ("who", "says"),
    [(f"they:{quote(ODD, safe='')}", f"they:{ODD}"), ("they", "they:"), (":hunter2", ":hunter2")],
)
@pytest.mark.usefixtures("trusted")
async def test_a_proxy_gets_the_credentials_that_are_for_it(
    server: FakeTracesServer, certified: ssl.SSLContext, who: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its URL; the API does not get them."""
    async with _over_tls(server, certified) as base_url, _proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{who}@127.0.0.1:{proxy.port}")
        await _reads(server, base_url)
    said = b"\r\nProxy-Authorization: Basic " + b64encode(says.encode()) + b"\r\n"
    assert proxy.heard.count(said) == proxy.connections == 1
    assert all("Proxy-Authorization" not in request.headers for request in server.requests)


@pytest.mark.usefixtures("trusted")
async def test_a_proxy_over_tls_is_a_proxy_too(
    server: FakeTracesServer, certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tunnel through what is encrypted itself."""
    async with _over_tls(server, certified) as base_url, _proxy(tls=certified) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://localhost:{proxy.port}")
        await _reads(server, base_url)
    assert proxy.heard.startswith(b"CONNECT localhost:")


@pytest.mark.usefixtures("trusted")
async def test_nothing_of_a_netrc_file_is_sent(
    server: FakeTracesServer, certified: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to the API nor to the proxy: whoever wants that says so, with a session of the caller's own."""
    netrc = tmp_path / ".netrc"
    machines = ("localhost", "127.0.0.1", "default")
    netrc.write_text("".join(f"machine {machine} login they password hunter2\n" for machine in machines))
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with _over_tls(server, certified) as base_url, _proxy() as proxy:
        await _reads(server, base_url)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        await _reads(server, base_url)
    assert b"authorization" not in proxy.heard.lower()


@pytest.mark.parametrize(("refusal", "attempts"), [("a password is needed", 1), ("an error", 3)])
@pytest.mark.usefixtures("trusted")
async def test_a_proxy_that_refuses_is_an_error_without_its_password(
    refusal: str, attempts: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it does not take the password, another attempt would not change that."""
    caplog.set_level(logging.DEBUG)
    async with _proxy(REFUSALS[refusal] + b"Content-Length: 2\r\n\r\n{}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://they:hunter2@127.0.0.1:{proxy.port}")
        error = await _fails("https://localhost:1/v1", attempts=3)
    assert error.attempts == attempts
    for secret in (KEY, "hunter2", b64encode(b"they:hunter2").decode()):
        _shows_nothing(error, secret)
        assert secret not in caplog.text


@pytest.mark.parametrize("whose", ["ours", "the caller's", "the caller's, by the environment"])
@pytest.mark.usefixtures("trusted")
@pytest.mark.filterwarnings("ignore:.*aiohttp.encode_basic_auth:DeprecationWarning")
async def test_a_proxy_that_is_not_there_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, whose: str
) -> None:
    """The layer below would quote it, with all that it knows of the connection."""
    caplog.set_level(logging.DEBUG)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        proxy = f"http://they:hunter2@127.0.0.1:{held.getsockname()[1]}"
        if whose == "the caller's":
            session = aiohttp.ClientSession(proxy=proxy)
        else:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            session = aiohttp.ClientSession(trust_env=True)
        own = None if whose == "ours" else session
        async with session, TracesClient(KEY, base_url="https://localhost:1/v1", retry=ONCE, session=own) as client:
            with pytest.raises(APIConnectionError, match="ClientProxyConnectionError") as raised:
                await client.list_session_traces(SESSION)
    assert isinstance(raised.value.__cause__, OSError)
    for secret in ("hunter2", b64encode(b"they:hunter2").decode()):
        _shows_nothing(raised.value, secret)
        assert secret not in caplog.text


@pytest.mark.parametrize("told", ["by the session", "by the environment"])
@pytest.mark.usefixtures("no_proxies")
@pytest.mark.filterwarnings("ignore:.*aiohttp.encode_basic_auth:DeprecationWarning")
async def test_a_certificate_behind_a_proxy_that_does_not_verify_is_an_error_without_its_password(
    server: FakeTracesServer, certified: ssl.SSLContext, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here too the layer below would quote it; the cause is what it knows of the certificate."""
    async with _over_tls(server, certified) as base_url, _proxy() as proxy:
        address = f"http://they:hunter2@127.0.0.1:{proxy.port}"
        how: dict[str, Any] = {"proxy": address}
        if told == "by the environment":
            monkeypatch.setenv("HTTPS_PROXY", address)
            how = {"trust_env": True}
        async with aiohttp.ClientSession(**how) as session:
            client = TracesClient(KEY, base_url=base_url, session=session)
            with pytest.raises(APIConnectionError, match="does not verify") as raised:
                await client.list_session_traces(SESSION)
    assert raised.value.attempts == 1
    assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)
    for secret in (KEY, "hunter2", b64encode(b"they:hunter2").decode()):
        _shows_nothing(raised.value, secret)


@pytest.mark.parametrize("proxy", ["socks5://they:hunter2@127.0.0.1:1080", "http://they:hunter2@:99999", "http://"])
@pytest.mark.usefixtures("no_proxies")
async def test_a_proxy_of_another_kind_is_refused_rather_than_passed_by(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has set it wants nothing to go out by another way. It is not quoted: it may have a password."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with TracesClient(KEY) as client:
        with pytest.raises(InvalidArgumentError, match=r"ALL_PROXY.*SOCKS.*`session`") as raised:
            await client.list_session_traces(SESSION)
    _shows_nothing(raised.value, "hunter2")


@pytest.mark.usefixtures("no_proxies")
async def test_the_command_line_has_the_proxy_and_the_authorities_of_its_environment(
    server: FakeTracesServer, certified: ssl.SSLContext, authority: trustme.CA, tmp_path: Path
) -> None:
    """A certificate that only SSL_CERT_FILE vouches for, through a proxy."""
    pem = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(pem))
    async with _over_tls(server, certified) as base_url, _proxy() as proxy:
        environment = {
            **os.environ,
            "LYZR_API_KEY": KEY,
            "LYZR_TRACES_BASE_URL": base_url,
            "SSL_CERT_FILE": str(pem),
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lyzr_traces_async", "list", SESSION, "--format", "jsonl"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert len(out.splitlines()) == 45
    assert proxy.heard.startswith(b"CONNECT localhost:")
    assert KEY.encode() not in proxy.heard


# --- Plain http


@pytest.mark.parametrize("session", [None, {}], ids=["ours", "the caller's"])
@pytest.mark.parametrize(
    "host", ["localhost", "localhost.", "traces.localhost", "a.B.localhost.", "[::ffff:127.0.0.1]"]
)
@pytest.mark.usefixtures("no_proxies")
async def test_every_name_of_this_machine_leads_to_it(
    server: FakeTracesServer, host: str, session: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not a resolver knows it, and past every proxy; the server is called by the name that was given."""
    if host.startswith("[") and not _is_here("::ffff:127.0.0.1", socket.AF_INET6):
        pytest.skip("no IPv6 here")
    base_url = server.base_url.replace("127.0.0.1", host)
    called = (URL(base_url).host or "").removesuffix(".")  # as RFC 9110 has names in this field
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(_proxy())
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        own = None if session is None else await stack.enter_async_context(aiohttp.ClientSession(**session))
        client = await stack.enter_async_context(TracesClient(KEY, base_url=base_url, session=own, retry=ONCE))
        assert len(await client.list_session_traces(SESSION)) == 45
        assert proxy.connections == 0
    assert [URL(f"http://{request.headers['Host']}").host for request in server.requests] == [called]


class _Cluster(aiohttp.ThreadedResolver):
    """Names as a cluster has them."""

    async def resolve(self, host: str, *arguments: Any, **keywords: Any) -> list[ResolveResult]:
        assert host == "mock"
        return await super().resolve("localhost", *arguments, **keywords)


@pytest.mark.parametrize("given", ["as an argument", "by the environment"])
@pytest.mark.usefixtures("no_proxies")
async def test_plain_http_to_another_machine_is_possible_where_the_program_says_so(
    server: FakeTracesServer, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past every proxy, as always with plain http."""
    monkeypatch.setattr(aiohttp, "TCPConnector", partial(aiohttp.TCPConnector, resolver=_Cluster()))
    base_url = server.base_url.replace("127.0.0.1", "mock")
    argument = base_url if given == "as an argument" else None
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", base_url)
    with pytest.raises(InvalidArgumentError, match=r"in the clear.*allow_http=True"):
        TracesClient(KEY, base_url=argument)
    async with _proxy() as proxy:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with TracesClient(KEY, base_url=argument, allow_http=True, retry=ONCE) as client:
            assert repr(client) == f"<TracesClient {base_url}>"
            assert len(await client.list_session_traces(SESSION)) == 45
        assert proxy.connections == 0


async def test_a_certificate_that_does_not_verify_gets_no_key(
    server: FakeTracesServer, certified: ssl.SSLContext
) -> None:
    """The request is never sent."""
    async with (
        _over_tls(server, certified) as base_url,
        TracesClient(KEY, base_url=base_url) as client,
    ):
        with pytest.raises(APIConnectionError, match="does not verify") as raised:
            await client.list_session_traces(SESSION)
        _shows_nothing(raised.value, KEY)
        assert server.requests == []


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_redirect_of_an_https_api_is_not_followed_either(
    server: FakeTracesServer, certified: ssl.SSLContext, trusting: ssl.SSLContext, scheme: str
) -> None:
    """Least of all to plain http, where the key would travel in the clear."""
    async with _over_tls(server, certified) as base_url, _stranger() as other:
        server.fail_next(status=307, headers={"Location": f"{scheme}://localhost:{other.port}/v1"})
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
            client = TracesClient(KEY, base_url=base_url, session=session, retry=ONCE)
            with pytest.raises(RedirectError):
                await client.list_session_traces(SESSION)
        assert other.connections == 0


NETRC_SESSIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "netrc alone": lambda: {"trust_env": True},
    "and an authorization": lambda: {"trust_env": True, "headers": {"Authorization": "Bearer theirs"}},
    "and a password": lambda: {"trust_env": True, "auth": aiohttp.BasicAuth("they", "theirs")},
    "an authorization and a password": lambda: {
        "headers": {"Authorization": "Bearer theirs"},
        "auth": aiohttp.BasicAuth("they", "theirs"),
    },
}


@pytest.mark.filterwarnings("ignore:.*aiohttp.encode_basic_auth:DeprecationWarning")
@pytest.mark.parametrize("name", NETRC_SESSIONS)
@pytest.mark.usefixtures("no_proxies")
async def test_several_authorizations_at_once_are_no_foreign_exception(
    server: FakeTracesServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's netrc file, password and header field: the page comes, or an error of ours says why not."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login they password theirs\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with _client(server, NETRC_SESSIONS[name]()) as client:
        try:
            page = await client.list_session_traces(SESSION)
        except LyzrTracesError as error:
            _shows_nothing(error, KEY)
            assert server.requests == []
        else:
            assert page.traces == server.traces(SESSION)
            assert server.requests[0].headers["x-api-key"] == KEY


# --- The list of processes


def _ps(pid: int) -> str:
    command = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _proc(pid: int) -> str:
    return " ".join(Path(f"/proc/{pid}/{name}").read_bytes().decode() for name in ("cmdline", "comm", "wchan"))


LISTINGS: dict[str, Callable[[int], str]] = {
    **({"/proc": _proc} if sys.platform == "linux" else {}),
    **({"ps": _ps} if sys.platform != "win32" and shutil.which("ps") else {}),
}

if LISTINGS:

    @pytest.mark.parametrize("listing", LISTINGS)
    def test_the_list_of_processes_does_not_show_the_key(
        traces_server: FakeTracesServer, listing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Looked at while the command line is waiting for an answer."""
        traces_server.add_session(SESSION, traces=1)
        traces_server.fail_next(stall=60)
        monkeypatch.setenv("LYZR_API_KEY", traces_server.api_key)
        monkeypatch.setenv("LYZR_TRACES_BASE_URL", traces_server.base_url)
        command = [sys.executable, "-m", "lyzr_traces_async", "list", SESSION]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while not traces_server.requests:
                    assert process.poll() is None
                    time.sleep(0.01)
                shown = LISTINGS[listing](process.pid)
            finally:
                process.kill()
        assert SESSION in shown
        assert traces_server.api_key not in shown


# --- A server that says the key back


def _texts(error: BaseException) -> Iterator[tuple[str, str]]:
    """Everything that is shown of an error where errors are shown, with the locals of all frames but this file's."""
    kind = type(error).__name__
    yield f"the text of {kind}", f"{error}\n{error!r}"
    for name, value in vars(error).items():
        yield f"{kind}.{name}", f"{value}\n{value!r}\n{dict(value) if hasattr(value, 'items') else ''}"
    yield f"{kind}, pickled", pickle.dumps(error).decode(errors="replace")
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    lines = traceback.TracebackException(type(error), error, frames, capture_locals=True).format()
    yield f"the traceback of {kind}", "".join(lines)
    out = io.StringIO()
    console = Console(file=out, width=1000, force_terminal=False)
    console.print(Traceback.from_exception(type(error), error, frames, show_locals=True, width=1000))
    yield f"the traceback of {kind}, by rich", out.getvalue()
    for below in (error.__cause__, error.__context__):
        if below is not None:
            yield from _texts(below)


def _shows_nothing(error: BaseException, key: str) -> None:
    forms = (key, repr(key)[1:-1], json.dumps(key)[1:-1])
    shown = []
    for where, text in _texts(error):
        for form in forms:
            before, found, after = text.partition(form)
            if found:
                shown.append(f"{where}: ...{before[-60:]}{form}{after[:20]}...")
    assert shown == []


def _escaped(key: str) -> bytes:
    """JSON that means the key, and does not look like it."""
    return "".join(f"\\u{ord(letter):04x}" for letter in key).encode()


def _page(**changes: Any) -> bytes:
    trace: dict[str, Any] = {"traceId": "t", "timestamp": "2026-03-25T18:19:24.347Z", "observationCount": 1, **changes}
    return json.dumps(
        {"traces": [trace], "pagination": {"page": 1, "limit": 100, "totalItems": 1, "totalPages": 1}}
    ).encode()


# Arguments of `fail_next`.
ECHOES: dict[str, Callable[[str], dict[str, Any]]] = {
    "a message": lambda key: {"status": 401, "message": f"no such key: {key}"},
    "a message in a retried error": lambda key: {"status": 502, "message": f"no such key: {key}"},
    "a long message": lambda key: {"status": 401, "message": "-" * 490 + key},
    "an escaped message": lambda key: {"status": 401, "body": b'{"error": "%b"}' % _escaped(key)},
    "the issues": lambda key: {
        "status": 400,
        "body": json.dumps({"error": "no", "issues": [{"path": ["x-api-key"], "got": key}]}).encode(),
    },
    "escaped issues": lambda key: {"status": 400, "body": b'{"error": "no", "issues": ["%b"]}' % _escaped(key)},
    "a name in the issues": lambda key: {"status": 400, "body": json.dumps({"issues": [{key: 1}]}).encode()},
    "HTML": lambda key: {"status": 403, "body": f"<html><body>{key}</body></html>".encode()},
    "HTML cut within the key": lambda key: {"status": 403, "body": b"-" * 110 + key.encode()},
    "a body cut within the key": lambda key: {"status": 403, "body": b"-" * 2040 + key.encode()},
    "a header": lambda key: {"status": 404, "headers": {"X-Echo": f"key={key}"}},
    "the request id": lambda key: {"status": 404, "headers": {"X-Request-Id": key}},
    "a redirect": lambda key: {"status": 302, "headers": {"Location": f"http://127.0.0.1/?key={key}"}},
    "a long rate limit": lambda key: {"status": 429, "message": key, "headers": {"Retry-After": "3600"}},
    "a permanent error": lambda key: {"status": 503, "message": f"not configured for {key}"},
    "a broken page": lambda key: {"body": f"<p>{key}</p>".encode()},
    "a broken page cut within the key": lambda key: {"body": b"-" * (80 - len(key) // 2) + key.encode()},
    "a broken page that ends in the key": lambda key: {"body": b"[" * 10_000 + key.encode()},
    "a broken page's request id": lambda key: {"body": b"{}", "headers": {"X-Request-Id": key}},
    "a broken page's header": lambda key: {"body": b"{}", "headers": {"X-Echo": key}},
    "a value that is no time": lambda key: {"body": _page(timestamp=key)},
    "an escaped value that is no time": lambda key: {
        "body": _page(timestamp="HERE").replace(b"HERE", _escaped(key)),
    },
    "half a page": lambda key: {"body": _page(traceId=key), "truncate": True, "headers": {"X-Echo": key}},
}


@pytest.mark.parametrize("key", [KEY, ODD_KEY], ids=["a key", "an odd key"])
@pytest.mark.parametrize("name", ECHOES)
async def test_a_key_said_back_by_the_server_is_not_shown(
    name: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In no message, attribute, pickle or log, and not in a traceback with the values of its variables."""
    caplog.set_level(logging.DEBUG)
    async with FakeTracesServer(api_key=key) as server, TracesClient(key, base_url=server.base_url) as client:
        server.fail_next(99, **ECHOES[name](key))
        with pytest.raises(LyzrTracesError) as raised:
            await client.list_session_traces(SESSION)
    _shows_nothing(raised.value, key)
    assert key not in caplog.text


async def test_a_part_of_the_key_is_not_shown_where_a_text_is_cut(server: FakeTracesServer) -> None:
    """A broken page is shown by its first 80 bytes, and the key may lie across that line."""
    half = len(KEY) // 2
    server.fail_next(body=b"-" * (80 - half) + KEY.encode())
    async with _client(server, None) as client:
        with pytest.raises(ResponseDecodeError) as raised:
            await client.list_session_traces(SESSION)
    _shows_nothing(raised.value, KEY[:half])


async def test_a_header_named_like_the_key_is_not_shown(server: FakeTracesServer) -> None:
    """A name is as good a place as a value."""
    server.fail_next(status=404, headers={KEY: "1"})
    async with _client(server, None) as client:
        with pytest.raises(LyzrTracesError) as raised:
            await client.list_session_traces(SESSION)
    _shows_nothing(raised.value, KEY)


async def test_a_body_too_large_does_not_show_the_key(
    server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the piece that was too much, nor the header fields before it."""
    monkeypatch.setattr("lyzr_traces_async._transport.MAX_BODY", 10_000)
    server.fail_next(body=KEY.encode() * 1000, headers={"X-Request-Id": KEY, "X-Echo": KEY})
    async with _client(server, None) as client:
        with pytest.raises(ResponseTooLargeError) as raised:
            await client.list_session_traces(SESSION)
    _shows_nothing(raised.value, KEY)


# What is no good HTTP, with the key where `%b` is.
BROKEN_HTTP = {
    "a status line": b"HTTP/1.1 %b\r\n\r\n",
    "no status line": b"%b\r\n\r\n",
    "a reason": b"HTTP/1.1 500 %b\r\nContent-Length: 0\r\n\r\n",
    "a header line": b"HTTP/1.1 200 OK\r\n%b\r\n\r\n",
    "a header's name": b"HTTP/1.1 200 OK\r\nX %b: 1\r\n\r\n",
    "a header's value": b"HTTP/1.1 200 OK\r\nX-Echo: %b\x00\r\n\r\n",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\nX-",
    "half a body": b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\nContent-Length: 999\r\n\r\n%b",
    "a chunk's length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n%b",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n%b",
    "a coding": b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "a header too long": b"HTTP/1.1 200 OK\r\nX-Echo: " + b"%b" * 2000 + b"\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %b\r\nConnection: upgrade\r\n\r\n%b",
}


@pytest.mark.parametrize("name", BROKEN_HTTP)
async def test_a_key_said_back_in_broken_http_is_not_shown(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The layers below quote what they can't read; ours doesn't."""
    caplog.set_level(logging.DEBUG)
    async with (
        _answering(BROKEN_HTTP[name].replace(b"%b", KEY.encode())) as base_url,
        TracesClient(KEY, base_url=base_url, retry=ONCE, timeout=5) as client,
    ):
        with pytest.raises(LyzrTracesError) as raised:
            await client.list_session_traces(SESSION)
    _shows_nothing(raised.value, KEY)
    assert KEY not in caplog.text


# --- A client that can't be made


WRONG: dict[str, dict[str, Any]] = {
    "a base URL": {"base_url": "http://api.example/v1"},
    "a time-out": {"timeout": -1},
    "a number of requests": {"max_concurrency": 0},
}


def _made(**arguments: Any) -> NoReturn:
    TracesClient(**arguments)
    raise AssertionError("was made")


@pytest.mark.parametrize("name", WRONG)
def test_a_client_that_cannot_be_made_does_not_show_the_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came from the environment, and the traceback has the values of the constructor's variables."""
    monkeypatch.setenv("LYZR_API_KEY", KEY)
    with pytest.raises(InvalidArgumentError) as raised:
        _made(**WRONG[name])
    _shows_nothing(raised.value, KEY)


@pytest.mark.parametrize("name", WRONG)
def test_nor_one_that_was_passed_to_it(name: str) -> None:
    """The caller's own variables are the caller's; the constructor's are ours."""
    with pytest.raises(InvalidArgumentError) as raised:
        _made(api_key=KEY, **WRONG[name])
    _shows_nothing(raised.value, KEY)


@pytest.mark.parametrize("end", ["\n", " ", "\x00", "é"])
def test_a_key_that_is_refused_is_not_shown(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a whole key but for a line's end, say."""
    monkeypatch.setenv("LYZR_API_KEY", KEY)
    with pytest.raises(InvalidArgumentError) as raised:
        _made(api_key=KEY + end)
    _shows_nothing(raised.value, KEY)
