"""Answers that break off, are damaged or come too slowly."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from lyzr_traces_async import (
    APIConnectionError,
    APITimeoutError,
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
from tests.helpers.raw_server import Play, RawServer, answer, hanging, healthy, page_body, trickling

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
async def test_an_incomplete_answer_is_tried_again(what: str) -> None:
    """If all attempts fail, the error is always of one class, whichever error the HTTP library raised."""
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
    """A part of a page is not accepted."""
    server.fail_next(2, truncate=True)
    async with client_of(server) as client:
        assert len(await client.list_session_traces(SESSION)) == 5
    assert len(server.requests) == 3


@pytest.mark.parametrize("play", [hanging, trickling(BODY, 10), trickling(b"HTTP/1.1 200 OK\r\n", 10)])
async def test_an_attempt_takes_no_longer_than_the_timeout(play: Play) -> None:
    """The timeout covers an attempt from connecting to the last byte, and starts anew for each attempt."""
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
    """The server accepts the connection, but never begins the TLS handshake."""

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


async def test_the_timeout_does_not_cover_the_wait_for_a_slot(server: FakeTracesServer) -> None:
    """An attempt begins when the request is sent."""
    server.latency = 20
    async with client_of(server, timeout=30, max_concurrency=1) as client:
        found = await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(5)))
    assert [len(each) for each in found] == [5] * 5
    assert len(server.requests) == 5
