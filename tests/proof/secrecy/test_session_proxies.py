"""Plain HTTP bypasses proxies, and HTTPS passes through them in a tunnel that hides the key."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
import pytest

from lyzr_traces_async import (
    APIConnectionError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.listeners import (
    KEY,
    ONCE,
    PROXY_VARIABLES,
    REFUSALS,
    SESSION,
    check_walk,
    over_tls,
    recording_proxy,
    recording_server,
)
from tests.proof.secrecy.showing import check_hidden


@pytest.mark.parametrize("session", [None, {}, {"trust_env": True}], ids=["ours", "the caller's", "trust_env"])
@pytest.mark.parametrize("name", PROXY_VARIABLES)
@pytest.mark.usefixtures("no_proxies")
async def test_plain_http_bypasses_a_proxy_of_the_environment(
    server: FakeTracesServer, name: str, session: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy could read the key, and plain HTTP is meant for this machine only."""
    async with recording_proxy() as proxy:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await check_walk(server, session)
        assert proxy.connections == 0


@pytest.mark.usefixtures("no_proxies")
async def test_plain_http_bypasses_the_proxy_of_a_session(server: FakeTracesServer) -> None:
    """This holds also if the session has the proxy and its password for all requests."""
    async with recording_proxy() as proxy:
        await check_walk(server, {"proxy": f"http://they:theirs@127.0.0.1:{proxy.port}"})
        assert proxy.connections == 0


@pytest.mark.parametrize("told", ["by the environment", "by the session"])
@pytest.mark.usefixtures("no_proxies")
async def test_https_goes_through_a_proxy_that_learns_nothing(
    server: FakeTracesServer,
    certified: ssl.SSLContext,
    trusting: ssl.SSLContext,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client opens a tunnel, and the proxy can't read what passes through."""
    async with over_tls(server, certified) as base_url, recording_proxy() as proxy:
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


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.usefixtures("no_proxies")
async def test_a_proxy_that_gives_no_tunnel_gets_no_key(
    server: FakeTracesServer, certified: ssl.SSLContext, trusting: ssl.SSLContext, refusal: str
) -> None:
    """The host of a redirect gets no key either, and the client reports a failed connection."""
    async with recording_server() as other, over_tls(server, certified) as base_url:
        answer = REFUSALS[refusal].replace(b"%d", str(other.port).encode())
        async with recording_proxy(answer + b"Content-Length: 2\r\n\r\n{}") as proxy:
            connector = aiohttp.TCPConnector(ssl=trusting)
            where = f"http://127.0.0.1:{proxy.port}"
            async with aiohttp.ClientSession(connector=connector, proxy=where) as session:
                client = TracesClient(KEY, base_url=base_url, session=session, retry=ONCE)
                with pytest.raises(APIConnectionError) as raised:
                    await client.list_session_traces(SESSION)
        check_hidden(raised.value, KEY)
        assert KEY.encode() not in proxy.heard
        assert (other.connections, server.requests) == (0, [])
