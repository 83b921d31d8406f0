"""The key goes to no unverified host, and over plain HTTP only to this machine unless the caller allows more."""

from __future__ import annotations

import socket
import ssl
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import ResolveResult
from yarl import URL

from lyzr_traces_async import (
    APIConnectionError,
    InvalidArgumentError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.listeners import KEY, ONCE, SESSION, is_bindable, over_tls, recording_proxy
from tests.proof.secrecy.showing import check_hidden


@pytest.mark.parametrize("session", [None, {}], ids=["ours", "the caller's"])
@pytest.mark.parametrize(
    "host", ["localhost", "localhost.", "traces.localhost", "a.B.localhost.", "[::ffff:127.0.0.1]"]
)
@pytest.mark.usefixtures("no_proxies")
async def test_every_name_of_this_machine_leads_to_it(
    server: FakeTracesServer, host: str, session: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client connects past every proxy, even if no resolver knows the name, and sends the given name as Host."""
    if host.startswith("[") and not is_bindable("::ffff:127.0.0.1", socket.AF_INET6):
        pytest.skip("no IPv6 here")
    base_url = server.base_url.replace("127.0.0.1", host)
    called = (URL(base_url).host or "").removesuffix(".")  # RFC 9110 has no final dot in this field
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(recording_proxy())
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        own = None if session is None else await stack.enter_async_context(aiohttp.ClientSession(**session))
        client = await stack.enter_async_context(TracesClient(KEY, base_url=base_url, session=own, retry=ONCE))
        assert len(await client.list_session_traces(SESSION)) == 45
        assert proxy.connections == 0
    assert [URL(f"http://{request.headers['Host']}").host for request in server.requests] == [called]


class _Cluster(aiohttp.ThreadedResolver):
    """Resolves a name as the DNS of a cluster would."""

    async def resolve(self, host: str, *arguments: Any, **keywords: Any) -> list[ResolveResult]:
        assert host == "mock"
        return await super().resolve("localhost", *arguments, **keywords)


@pytest.mark.parametrize("given", ["as an argument", "by the environment"])
@pytest.mark.usefixtures("no_proxies")
async def test_plain_http_to_another_machine_is_possible_with_allow_http(
    server: FakeTracesServer, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client connects past every proxy, as always with plain HTTP."""
    monkeypatch.setattr(aiohttp, "TCPConnector", partial(aiohttp.TCPConnector, resolver=_Cluster()))
    base_url = server.base_url.replace("127.0.0.1", "mock")
    argument = base_url if given == "as an argument" else None
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", base_url)
    with pytest.raises(InvalidArgumentError, match=r"in the clear.*allow_http=True"):
        TracesClient(KEY, base_url=argument)
    async with recording_proxy() as proxy:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with TracesClient(KEY, base_url=argument, allow_http=True, retry=ONCE) as client:
            assert repr(client) == f"<TracesClient {base_url}>"
            assert len(await client.list_session_traces(SESSION)) == 45
        assert proxy.connections == 0


async def test_a_certificate_that_does_not_verify_gets_no_key(
    server: FakeTracesServer, certified: ssl.SSLContext
) -> None:
    """The client does not send the request."""
    async with (
        over_tls(server, certified) as base_url,
        TracesClient(KEY, base_url=base_url) as client,
    ):
        with pytest.raises(APIConnectionError, match="does not verify") as raised:
            await client.list_session_traces(SESSION)
        check_hidden(raised.value, KEY)
        assert server.requests == []
