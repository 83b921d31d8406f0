"""A session of the caller changes neither where the key goes nor the result."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lyzr_traces_async import (
    LyzrTracesError,
    RetryPolicy,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.listeners import KEY, OTHER_HOST, SESSION, check_walk, client_of, recording_server
from tests.proof.secrecy.showing import check_hidden

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
async def test_the_options_of_a_session_do_not_matter(server: FakeTracesServer, name: str) -> None:
    """They change neither where the key goes nor the result."""
    await check_walk(server, SESSIONS[name])


async def test_the_base_url_of_a_session_does_not_matter(server: FakeTracesServer) -> None:
    """The client always uses its own base URL."""
    async with recording_server(OTHER_HOST) as other:
        await check_walk(server, {"base_url": f"http://{OTHER_HOST}:{other.port}/v1/"})
        assert other.connections == 0


async def test_the_middlewares_of_a_session_do_not_matter(server: FakeTracesServer) -> None:
    """A middleware that forwards every request elsewhere is never called."""
    async with recording_server(OTHER_HOST) as other, aiohttp.ClientSession() as teller:

        async def elsewhere(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            await teller.get(f"http://{OTHER_HOST}:{other.port}/", headers=request.headers)
            return await send(request)

        await check_walk(server, {"middlewares": [elsewhere]})
        assert other.connections == 0


async def test_a_session_that_does_not_decompress_is_made_to(server: FakeTracesServer) -> None:
    """The client reads the page as with its own session."""
    page = {"traces": [], "pagination": {"page": 1, "limit": 100, "totalItems": 0, "totalPages": 0}}
    server.fail_next(body=gzip.compress(json.dumps(page).encode()), headers={"Content-Encoding": "gzip"})
    async with client_of(server, {"auto_decompress": False}) as client:
        assert len(await client.list_session_traces(SESSION)) == 0


async def test_the_key_is_in_no_cookie_that_a_session_keeps(server: FakeTracesServer) -> None:
    """The caller's jar holds the server's own cookies only."""
    server.fail_next(status=500, headers={"Set-Cookie": "a=b"})
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        client = TracesClient(KEY, base_url=server.base_url, session=session, retry=RetryPolicy(attempts=2))
        await client.list_session_traces(SESSION)
        assert [(cookie.key, cookie.value) for cookie in session.cookie_jar] == [("a", "b")]
        await client.aclose()


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
async def test_several_authorizations_at_once_raise_no_foreign_exception(
    server: FakeTracesServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the caller's netrc file, password and header field, the page arrives or an error of ours says why not."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login they password theirs\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with client_of(server, NETRC_SESSIONS[name]()) as client:
        try:
            page = await client.list_session_traces(SESSION)
        except LyzrTracesError as error:
            check_hidden(error, KEY)
            assert server.requests == []
        else:
            assert page.traces == server.traces(SESSION)
            assert server.requests[0].headers["x-api-key"] == KEY
