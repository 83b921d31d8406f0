"""Connections: which are kept, and what happens if one breaks or cannot be made."""

from __future__ import annotations

import asyncio
import socket
import ssl
from itertools import pairwise

import aiohttp
import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from lyzr_traces_async import (
    APIConnectionError,
    RetryPolicy,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.causes import check_chain
from tests.helpers.clients import (
    AT_ONCE,
    SESSION,
    client_of,
)
from tests.helpers.raw_server import Play, RawServer, healthy, resetting


@pytest.mark.parametrize("wait", [3.9, 4.0, 4.5, 4.995, 4.998, 4.999, 5.0, 5.001, 6.0])
async def test_an_idle_connection_is_not_used_in_the_moment_in_which_the_service_closes_it(
    server: FakeTracesServer, wait: float
) -> None:
    """The service closes idle connections after 5 s, the client after 4 s. So no request is lost."""
    policy = RetryPolicy(wait_initial=wait, wait_jitter=0)
    async with client_of(server, retry=policy) as client:
        for _ in range(10):
            server.fail_next(status=500)
            await client.list_session_traces(SESSION)
        assert client.stats.requests == len(server.requests) == 20


async def test_a_reset_is_seen_by_the_server_once_for_each_attempt(server: FakeTracesServer) -> None:
    """This also holds on a used connection, on which aiohttp would by default send the request again by itself."""
    async with client_of(server, retry=AT_ONCE) as client:
        await client.list_session_traces(SESSION)
        server.fail_next(100, reset=True)
        with pytest.raises(APIConnectionError) as caught:
            await client.list_session_traces(SESSION)
        assert client.stats.requests == len(server.requests) == 4
    assert caught.value.attempts == 3
    check_chain(caught.value)


@pytest.mark.parametrize("ending", [b"", resetting], ids=["closed", "reset"])
async def test_a_kept_connection_that_was_just_closed_is_tried_again_at_once(ending: Play | bytes) -> None:
    """A server may close an idle connection just as a request is sent.

    Only the first such retry comes without back-off.
    """
    policy = RetryPolicy(attempts=3, wait_initial=100, wait_max=100, wait_jitter=0)
    async with (
        RawServer(healthy, ending, healthy, ending, ending, healthy) as raw,
        client_of(raw, retry=policy) as client,
    ):
        for _ in range(3):
            await client.list_session_traces(SESSION)
    waits = [after - before for before, after in pairwise(raw.times)]
    assert [round(wait / 100) for wait in waits] == [0, 0, 0, 0, 1]
    assert raw.connections == 4


async def test_connections_are_kept_for_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept for less than the 5 s after which the service closes them."""
    monkeypatch.setattr("aiohttp.connector.monotonic", asyncio.get_running_loop().time)
    async with RawServer() as raw, client_of(raw) as client:
        for pause in (0, 0, 3.5):
            await asyncio.sleep(pause)
            await client.list_session_traces(SESSION)
        assert raw.connections == 1
        await asyncio.sleep(4.9)
        await client.list_session_traces(SESSION)
        assert raw.connections == 2


async def test_as_many_connections_are_opened_as_requests_may_be_in_flight(server: FakeTracesServer) -> None:
    """The connection pool has no limit of its own."""
    async with client_of(server, max_concurrency=150) as client:
        await client.list_session_traces(SESSION)
        server.latency = 10
        open_at_once: list[int] = []
        server.on_request = lambda _: open_at_once.append(sum(request.status is None for request in server.requests))
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(150)))
    assert max(open_at_once) == 150


async def test_a_refused_connection_is_tried_again() -> None:
    """A server may start listening later. The cause of the error is the operating system's error."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    policy = RetryPolicy(attempts=3, wait_initial=10, wait_jitter=0)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # so that no other process listens on this port
        base_url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        client = TracesClient("test-key", base_url=base_url, retry=policy)
        with pytest.raises(APIConnectionError, match="ClientConnectorError") as caught:
            await client.list_session_traces(SESSION)
        assert (client.stats.requests, client.stats.retries) == (3, 2)
        await client.aclose()
    assert 30 <= loop.time() - begin < 35
    assert (caught.value.session_id, caught.value.page, caught.value.attempts) == (SESSION, 1, 3)
    assert isinstance(caught.value.__cause__, OSError)
    check_chain(caught.value)


async def test_a_certificate_that_does_not_verify_is_not_tried_again() -> None:
    """A retry would fail as well. With a session that trusts the issuer, the request succeeds."""
    authority = trustme.CA()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    async with RawServer(tls=theirs) as raw:
        async with client_of(raw) as client:
            with pytest.raises(APIConnectionError, match="certificate does not verify") as caught:
                await client.list_session_traces(SESSION)
            assert client.stats.requests == caught.value.attempts == 1
        check_chain(caught.value)
        assert not raw.heads
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=ours)) as session,
            client_of(raw, session=session) as client,
        ):
            assert not await client.list_session_traces(SESSION)
        await asyncio.sleep(0.01)


async def test_a_certificate_that_is_not_the_one_pinned_is_not_tried_again() -> None:
    """A caller's session may pin a certificate. A retry would get the same wrong one."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(theirs)
    pinned = aiohttp.TCPConnector(ssl=aiohttp.Fingerprint(bytes(32)))
    async with (
        RawServer(tls=theirs) as raw,
        aiohttp.ClientSession(connector=pinned) as session,
        client_of(raw, session=session) as client,
    ):
        with pytest.raises(APIConnectionError, match="certificate does not verify"):
            await client.list_session_traces(SESSION)
        assert client.stats.requests == 1
        assert not raw.heads
        await asyncio.sleep(0.01)


class Resolver(AbstractResolver):
    """Fails to resolve any host. System errors and errors of c-ares are of different kinds.

    :ivar asked: how often it was asked.
    """

    def __init__(self, error: OSError, cause: Exception | None = None) -> None:
        self.asked = 0
        self._error, self._cause = error, cause

    async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
        self.asked += 1
        raise self._error from self._cause

    async def close(self) -> None:
        """Close nothing: there is nothing to close."""


@pytest.mark.parametrize(
    ("resolver", "attempts"),
    [
        (Resolver(socket.gaierror(socket.EAI_NONAME, "Name or service not known")), 1),
        (Resolver(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")), 3),
        (Resolver(socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution")), 3),
        (Resolver(OSError(None, "Domain name not found"), Exception(4, "Domain name not found")), 1),
        (Resolver(OSError(None, "DNS server returned answer with no data"), Exception(1, "no data")), 1),
        (Resolver(OSError(None, "Timeout while contacting DNS servers"), Exception(12, "Timeout")), 3),
        (Resolver(OSError(None, "DNS lookup failed")), 3),
    ],
    ids=["unknown", "for now", "failed", "unknown to c-ares", "without address", "slow", "without a word"],
)
async def test_a_host_that_does_not_exist_is_not_tried_again(resolver: Resolver, attempts: int) -> None:
    """A host whose name cannot be resolved for the moment is retried."""
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        TracesClient("key", base_url="https://api.example/v1", session=session, retry=AT_ONCE) as client,
    ):
        with pytest.raises(APIConnectionError, match=r"Cannot connect to host api\.example:443: ") as caught:
            await client.list_session_traces(SESSION)
    assert resolver.asked == caught.value.attempts == attempts
    assert ("no such host" in str(caught.value)) is (attempts == 1)
    check_chain(caught.value)
