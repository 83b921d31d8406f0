"""What is tried again, how often, and after how long."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID

import aiohttp
import anyio
import pytest
import tenacity
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from lyzr_traces_async import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    NotFoundError,
    RetryPolicy,
    ServerError,
    ServiceNotConfiguredError,
    TracesClient,
    __version__,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import Play, RawServer, answer, hanging, healthy, page_body, resetting, trickling

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
AT_ONCE = RetryPolicy(attempts=3, wait_initial=0, wait_jitter=0)


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION, 5)
        yield server


def client_of(server: FakeTracesServer | RawServer, **settings: Any) -> TracesClient:
    return TracesClient("test-key", base_url=server.base_url, **settings)


def times_of(server: FakeTracesServer) -> list[float]:
    """Return a list to which the time of every request is added."""
    times: list[float] = []
    loop = asyncio.get_running_loop()
    server.on_request = lambda _: times.append(loop.time())
    return times


def chain(error: BaseException | None, *, causes_only: bool = False) -> Iterator[BaseException]:
    """Return an exception and all behind it."""
    while error is not None:
        yield error
        if not causes_only and error.__context__ is not None and error.__context__ is not error.__cause__:
            yield from chain(error.__context__)
        error = error.__cause__


def check_chain(error: BaseException) -> None:
    """Of the libraries underneath, there may be causes only, and none that hold the request."""
    for each in chain(error):
        assert not isinstance(each, aiohttp.ClientResponseError | tenacity.RetryError)
        assert not hasattr(each, "request_info")
        context = each.__context__
        assert context is each.__cause__ or not type(context).__module__.startswith(("aiohttp", "tenacity", "anyio"))


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 507, 509, 520, 524, 530, 561, 598, 599])
async def test_a_passing_failure_is_tried_again(server: FakeTracesServer, status: int) -> None:
    """As often as the policy says in all; then the last real error is raised."""
    async with client_of(server, retry=RetryPolicy(attempts=4)) as client:
        server.fail_next(3, status=status)
        assert len(await client.list_session_traces(SESSION)) == 5
        assert [request.status for request in server.requests] == [status] * 3 + [200]
        assert (client.stats.requests, client.stats.retries, client.stats.rate_limited) == (4, 3, 0)
        server.fail_next(100, status=status)
        with pytest.raises(APIStatusError) as caught:
            await client.list_session_traces(SESSION)
    assert len(server.requests) == 8
    assert (caught.value.status, caught.value.attempts) == (status, 4)
    assert caught.value.request_id == server.requests[-1].headers["X-Request-Id"]
    check_chain(caught.value)


@pytest.mark.parametrize(
    "status", [201, 204, 301, 304, 400, 401, 403, 404, 405, 409, 413, 418, 423, 501, 505, 511, 525, 526]
)
async def test_what_another_attempt_would_not_change_is_not_tried_again(server: FakeTracesServer, status: int) -> None:
    """One request, then the error."""
    server.fail_next(100, status=status)
    async with client_of(server) as client:
        with pytest.raises(APIStatusError) as caught:
            await client.list_session_traces(SESSION)
        assert (client.stats.requests, client.stats.retries) == (1, 0)
    assert len(server.requests) == 1
    assert (caught.value.status, caught.value.attempts) == (status, 1)
    check_chain(caught.value)


@pytest.mark.parametrize(
    "said", ["Langfuse tracing is not configured on voice-agent-server", "Persistence is not configured"]
)
async def test_the_permanent_503_is_not_tried_again(server: FakeTracesServer, said: str) -> None:
    """It has an error of its own."""
    server.fail_next(100, status=503, message=said)
    async with client_of(server) as client:
        with pytest.raises(ServiceNotConfiguredError) as caught:
            await client.list_session_traces(SESSION)
    assert isinstance(caught.value, ServerError)
    assert len(server.requests) == 1


async def test_there_are_six_attempts_by_default(server: FakeTracesServer) -> None:
    """With waits of 0.5, 1, 2, 4 and 8 s between them, and up to 1 s more by chance (and 1 s for a busy machine)."""
    server.fail_next(100, status=500)
    times = times_of(server)
    async with client_of(server) as client:
        with pytest.raises(ServerError):
            await client.list_session_traces(SESSION)
    waits = [after - before for before, after in pairwise(times)]
    assert len(waits) == 5
    for wait, least in zip(waits, (0.5, 1, 2, 4, 8), strict=True):
        assert least <= wait < least + 2


@pytest.mark.parametrize("wait", [3.9, 4.0, 4.5, 4.995, 4.998, 4.999, 5.0, 5.001, 6.0])
async def test_an_idle_connection_is_not_used_in_the_moment_in_which_the_service_closes_it(
    server: FakeTracesServer, wait: float
) -> None:
    """The service does so after 5 s; the client has let go of it after 4. No request is lost with it."""
    policy = RetryPolicy(wait_initial=wait, wait_jitter=0)
    async with client_of(server, retry=policy) as client:
        for _ in range(10):
            server.fail_next(status=500)
            await client.list_session_traces(SESSION)
        assert client.stats.requests == len(server.requests) == 20


async def test_back_off_doubles_up_to_its_bound(server: FakeTracesServer) -> None:
    """As the policy says; without jitter it can be told exactly."""
    server.fail_next(100, status=500)
    times = times_of(server)
    policy = RetryPolicy(attempts=6, wait_initial=10, wait_max=50, wait_jitter=0)
    async with client_of(server, retry=policy) as client:
        with pytest.raises(ServerError):
            await client.list_session_traces(SESSION)
    waits = [after - before for before, after in pairwise(times)]
    for wait, least in zip(waits, (10, 20, 40, 50, 50), strict=True):
        assert least <= wait < least + 2


async def test_a_slot_is_not_held_over_a_back_off(server: FakeTracesServer) -> None:
    """With one slot, another request goes through meanwhile."""
    server.add_session(SESSION.replace("3", "4"), 1)
    server.fail_next(status=500, session_id=SESSION)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    policy = RetryPolicy(wait_initial=100, wait_max=100)
    async with client_of(server, retry=policy, max_concurrency=1) as client:
        waiting = asyncio.ensure_future(client.list_session_traces(SESSION))
        await asyncio.sleep(1)
        await client.list_session_traces(SESSION.replace("3", "4"))
        assert loop.time() - begin < 50
        assert len(await waiting) == 5
    assert loop.time() - begin >= 100


async def test_only_the_page_that_failed_is_tried_again(server: FakeTracesServer) -> None:
    """The others of its window are not asked for twice."""
    server.fail_next(2, status=500, page=3)
    async with client_of(server) as client:
        assert len([trace async for trace in client.iter_session_traces(SESSION, limit=1)]) == 5
    assert sorted(int(request.query["page"]) for request in server.requests) == [1, 2, 3, 3, 3, 4, 5, 6]


async def test_a_reset_is_seen_by_the_server_once_for_each_attempt(server: FakeTracesServer) -> None:
    """Also on a connection that was used before, where aiohttp by itself would send the request again unseen."""
    async with client_of(server, retry=AT_ONCE) as client:
        await client.list_session_traces(SESSION)
        server.fail_next(100, reset=True)
        with pytest.raises(APIConnectionError) as caught:
            await client.list_session_traces(SESSION)
        assert client.stats.requests == len(server.requests) == 4
    assert caught.value.attempts == 3
    check_chain(caught.value)


@pytest.mark.parametrize("ending", [b"", resetting])
async def test_a_kept_connection_that_was_just_closed_is_tried_again_at_once(ending: Play | bytes) -> None:
    """A server may close an idle connection at any time, also just as a request is sent; but once only."""
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
    """But for less than the 5 s after which the service closes them."""
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
    """The pool has no bound of its own."""
    async with client_of(server, max_concurrency=150) as client:
        await client.list_session_traces(SESSION)
        server.latency = 10
        open_at_once: list[int] = []
        server.on_request = lambda _: open_at_once.append(sum(request.status is None for request in server.requests))
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(150)))
    assert max(open_at_once) == 150


async def test_a_refused_connection_is_tried_again() -> None:
    """Nothing listens there, perhaps not yet; its cause is what the system said."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    policy = RetryPolicy(attempts=3, wait_initial=10, wait_jitter=0)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
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


BODY = answer(b" " * 1000)
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 20",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Type: appl",
    "no body": answer(b"", length=10),
    "half a body": answer(page_body(), length=1000),
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nabc",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "a bad chunk length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nabcdefg",
    "not HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "binary": bytes(range(128, 256)) * 8 + b"\r\n\r\n",
    "a bad field": b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
    "damaged gzip": answer(gzip.compress(page_body())[:10] + b"\xff" * 20, "Content-Encoding: gzip"),
    "gzip that is none": answer(page_body(), "Content-Encoding: gzip"),
    "damaged deflate": answer(b"\xff\xff\xff\xff", "Content-Encoding: deflate"),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_no_complete_answer_is_tried_again(what: str) -> None:
    """And if it stays so, it is one kind of error, whatever the layers below call it."""
    plays = (BROKEN[what], BROKEN[what], healthy, BROKEN[what])
    async with RawServer(*plays) as raw, client_of(raw, retry=AT_ONCE) as client:
        assert not await client.list_session_traces(SESSION)
        with pytest.raises(APIConnectionError, match="no complete answer") as caught:
            await client.list_session_traces(SESSION)
        assert client.stats.requests == len(raw.heads) == 6
    assert not isinstance(caught.value, APITimeoutError)
    assert caught.value.attempts == 3
    assert f"X-Request-Id: {caught.value.request_id}\r\n".encode() in raw.heads[-1]
    check_chain(caught.value)


async def test_a_truncated_body_is_tried_again(server: FakeTracesServer) -> None:
    """Half a page is no page."""
    server.fail_next(2, truncate=True)
    async with client_of(server) as client:
        assert len(await client.list_session_traces(SESSION)) == 5
    assert len(server.requests) == 3


@pytest.mark.parametrize("play", [hanging, trickling(BODY, 10), trickling(b"HTTP/1.1 200 OK\r\n", 10)])
async def test_an_attempt_takes_no_longer_than_the_timeout(play: Play) -> None:
    """From connecting to the body's last byte, however steadily it trickles; each attempt has it anew."""
    loop = asyncio.get_running_loop()
    policy = RetryPolicy(attempts=3, wait_initial=100, wait_max=100, wait_jitter=0)
    async with RawServer(play) as raw, client_of(raw, timeout=30, retry=policy) as client:
        begin = loop.time()
        with pytest.raises(APITimeoutError, match="within 30 s") as caught:
            await client.list_session_traces(SESSION)
        assert 290 <= loop.time() - begin < 300
    assert len(raw.heads) == caught.value.attempts == 3
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, APIConnectionError)
    check_chain(caught.value)


async def test_connecting_takes_no_longer_than_the_timeout() -> None:
    """Here the server takes the connection, but never begins with TLS."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(mute, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with TracesClient(
            "test-key", base_url=f"https://127.0.0.1:{port}/v1", timeout=20, retry=RetryPolicy(attempts=1)
        ) as client:
            begin = loop.time()
            with pytest.raises(APITimeoutError) as caught:
                await client.list_session_traces(SESSION)
            assert 20 <= loop.time() - begin < 25
        check_chain(caught.value)
        await asyncio.sleep(0.01)


async def test_the_timeout_is_not_for_the_waits_in_between(server: FakeTracesServer) -> None:
    """A request that waits for a slot has not begun."""
    server.latency = 20
    async with client_of(server, timeout=30, max_concurrency=1) as client:
        found = await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(5)))
    assert [len(each) for each in found] == [5] * 5
    assert len(server.requests) == 5


async def test_a_certificate_that_does_not_verify_is_not_tried_again() -> None:
    """It would not the next time either; with a session that trusts its issuer, it does."""
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
    """A caller's session may insist on one; it would not be that one the next time either."""
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
    """Asks nobody for a host's addresses, and fails; the system's errors are of one kind, those of c-ares of another.

    :ivar asked: how often.
    """

    def __init__(self, error: OSError, cause: Exception | None = None) -> None:
        self.asked = 0
        self._error, self._cause = error, cause

    async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
        self.asked += 1
        raise self._error from self._cause

    async def close(self) -> None:
        """Has nothing to close."""


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
    """But one that can't be looked up for the moment is."""
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


async def test_every_attempt_has_a_request_id_of_its_own(server: FakeTracesServer) -> None:
    """The one of the last attempt is on the error, where no answer has told another."""
    server.fail_next(100, reset=True)
    async with client_of(server, retry=AT_ONCE) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.list_session_traces(SESSION)
    ids = [request.headers["X-Request-Id"] for request in server.requests]
    assert len({UUID(each) for each in ids}) == 3
    assert caught.value.request_id == ids[-1]


async def test_the_request_id_of_the_answer_is_on_the_error(server: FakeTracesServer) -> None:
    """A proxy may have given it another one."""
    server.fail_next(status=404, headers={"X-Request-Id": "theirs"})
    async with client_of(server) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.request_id == "theirs"


async def test_every_request_says_who_asks(server: FakeTracesServer) -> None:
    """The library and what it is built on, with their versions; and what it wants to have."""
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
    [request] = server.requests
    assert request.headers["User-Agent"].startswith(f"lyzr-traces-async/{__version__} aiohttp/{aiohttp.__version__} ")
    assert request.headers["Accept"] == "application/json"
    assert request.headers["x-api-key"] == "test-key"
    assert request.method == "GET"


async def test_the_last_real_error_is_the_one_raised(server: FakeTracesServer) -> None:
    """Not the first one, and not one about retries."""
    server.fail_next(status=500)
    server.fail_next(reset=True)
    server.fail_next(status=404)
    async with client_of(server) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.attempts == 3
    check_chain(caught.value)
    assert [type(each) for each in chain(caught.value)] == [NotFoundError]


async def test_what_was_done_is_counted(server: FakeTracesServer) -> None:
    """Each attempt is a request; those after the first are retries, also after a 429."""
    server.fail_next(status=500)
    server.fail_next(2, status=429, headers={"Retry-After": "1"})
    async with client_of(server) as client:
        before = client.stats
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
        stats = client.stats
    assert (before.requests, before.retries, before.rate_limited) == (0, 0, 0)
    assert (stats.requests, stats.retries, stats.rate_limited) == (5, 3, 2)


async def test_a_cancelled_call_is_not_tried_again(server: FakeTracesServer) -> None:
    """By whatever means: here by a scope of anyio's."""
    server.fail_next(stall=1000)
    async with client_of(server, timeout=2000) as client:
        with anyio.move_on_after(10) as scope:
            await client.list_session_traces(SESSION)
        assert scope.cancelled_caught
        await asyncio.sleep(100)
        assert len(server.requests) == 1
