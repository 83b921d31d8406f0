"""Bytes on a kept connection that do not answer this request are not taken for its answer."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import msgspec
import pytest
from multidict import CIMultiDict

from lyzr_traces_async import APIConnectionError, NotFoundError, RetryPolicy, TracesClient, _exchange
from lyzr_traces_async._responses import Answer
from tests.helpers.raw_server import Exchange, Play, RawServer, answer, healthy, keeping, page_body

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER = "00000000-5717-4562-b3fc-2c963f66afa6"
QUICK = RetryPolicy(attempts=3, wait_initial=0.01, wait_jitter=0)

GONE = b'{"error": "Trace session not found"}'


def body(*session_ids: str | None) -> bytes:
    """Return a page with one trace of each of these sessions."""
    traces = [
        {"traceId": f"trace-{n}", "sessionId": each, "timestamp": "2026-03-25T18:19:24.347Z", "observationCount": 1}
        for n, each in enumerate(session_ids)
    ]
    pagination = {"page": 1, "limit": 100, "totalItems": len(traces), "totalPages": 1}
    return msgspec.json.encode({"traces": traces, "pagination": pagination})


def sent_id(server: RawServer, number: int) -> str:
    """Return the id of a request, counted from 0."""
    return next(
        line.split(b": ")[1].decode()
        for line in server.heads[number].split(b"\r\n")
        if line.lower().startswith(b"x-request-id: ")
    )


async def test_an_answer_to_an_earlier_request_is_not_taken() -> None:
    """It carries the id of that request. Its connection is closed, and the request is repeated on another one."""

    async def stale(exchange: Exchange) -> None:
        exchange.answer(GONE, f"X-Request-Id: {sent_id(server, 0)}", status=404)

    server = RawServer(healthy, stale, healthy)
    async with server, TracesClient("key", base_url=server.base_url) as client:
        assert len(await client.list_session_traces(OTHER)) == 0
        assert len(await client.list_session_traces(SESSION)) == 0
        assert (client.stats.requests, client.stats.retries) == (3, 1)
    assert server.connections == 2


async def test_an_answer_to_an_earlier_request_is_known_before_its_body() -> None:
    """The client does not wait for the body."""

    async def stale(exchange: Exchange) -> None:
        exchange.answer(b"", f"X-Request-Id: {sent_id(server, 0)}", length=10_000)

    server = RawServer(healthy, stale, healthy)
    async with server, TracesClient("key", base_url=server.base_url, timeout=60) as client:
        await client.list_session_traces(SESSION)
        async with asyncio.timeout(30):
            await client.list_session_traces(SESSION)
    assert server.connections == 2


async def test_a_server_that_gives_nothing_but_earlier_answers_is_an_error() -> None:
    """All attempts are made, each with an id of its own."""

    async def stale(exchange: Exchange) -> None:
        exchange.answer(page_body(), f"X-Request-Id: {sent_id(server, 0)}")

    server = RawServer(stale)
    async with server, TracesClient("key", base_url=server.base_url, retry=QUICK) as client:
        await client.list_session_traces(SESSION)
        with pytest.raises(APIConnectionError, match="belongs to an earlier request") as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.attempts == 3
    assert caught.value.request_id == sent_id(server, 3)


@pytest.mark.parametrize("said", ["of-a-proxy", OTHER, ""])
async def test_an_answer_with_an_unknown_id_is_taken(said: str) -> None:
    """A proxy may set its own id. The error then names that id."""
    server = RawServer(keeping(answer(GONE, f"X-Request-Id: {said}", status=404)))
    async with server, TracesClient("key", base_url=server.base_url) as client:
        for _ in range(2):
            with pytest.raises(NotFoundError) as caught:
                await client.list_session_traces(SESSION)
            assert caught.value.request_id == said
    assert server.connections == 1


async def test_traces_of_another_session_are_not_taken() -> None:
    """The connection is closed, although it is back in the pool by then."""
    server = RawServer(keeping(answer(body(SESSION, OTHER))), keeping(answer(body(SESSION))))
    async with server, TracesClient("key", base_url=server.base_url) as client:
        got = await client.list_session_traces(SESSION)
        assert [trace.session_id for trace in got] == [SESSION]
        assert (client.stats.requests, client.stats.retries) == (2, 1)
    assert server.connections == 2


async def test_a_server_that_gives_nothing_but_traces_of_another_session_is_an_error() -> None:
    """All attempts are made."""
    fields = "X-Request-Id: of-the-answer"
    server = RawServer(keeping(answer(body(OTHER), fields)))
    async with server, TracesClient("key", base_url=server.base_url, retry=QUICK) as client:
        with pytest.raises(APIConnectionError, match="traces of another session") as caught:
            await client.list_session_traces(SESSION)
    assert (caught.value.attempts, caught.value.request_id) == (3, "of-the-answer")
    assert server.connections == 3


@pytest.mark.parametrize("asked", [SESSION, SESSION.upper()])
async def test_a_traces_session_id_may_be_missing_or_in_another_case(asked: str) -> None:
    """The service stores the id as the writer of the trace sent it."""
    server = RawServer(keeping(answer(body(None, SESSION, SESSION.upper()))))
    async with server, TracesClient("key", base_url=server.base_url) as client:
        assert len(await client.list_session_traces(asked)) == 3
        assert client.stats.retries == 0


UNASKED = {
    "an answer": answer(page_body(5)),
    "an answer that ends the connection": answer(b"", "Connection: close", status=408),
    "half an answer": answer(page_body(5))[:-10],
    "what is no HTTP": b"\x15\x03\x03\x00\x02\x01\x00",
}


def then_unasked(data: bytes) -> Play:
    """Answer, and send more bytes a second later."""

    async def play(exchange: Exchange) -> None:
        exchange.answer()
        await asyncio.sleep(1)
        exchange.writer.write(data)

    return play


@pytest.mark.parametrize("what", UNASKED)
async def test_bytes_on_an_idle_connection_are_no_answer(what: str) -> None:
    """The next request goes out on another connection at once, and no failure is reported."""
    async with (
        RawServer(then_unasked(UNASKED[what]), healthy) as server,
        TracesClient("key", base_url=server.base_url, retry=RetryPolicy(wait_initial=100)) as client,
    ):
        loop = asyncio.get_running_loop()
        await client.list_session_traces(SESSION)
        await asyncio.sleep(2)
        begun = loop.time()
        assert (await client.list_session_traces(SESSION, page=2)).pagination.page == 2
        assert loop.time() - begun < 50
    assert server.connections == 2
    assert len(server.heads) == 2


async def test_an_answer_that_begins_on_an_idle_connection_is_no_answer() -> None:
    """Its rest arrives before the next answer, and spoils that answer."""
    unasked = answer(page_body(5))
    async with (
        RawServer(then_unasked(unasked[:20]), keeping(unasked[20:] + answer(page_body(2))), healthy) as server,
        TracesClient("key", base_url=server.base_url, retry=QUICK) as client,
    ):
        await client.list_session_traces(SESSION)
        await asyncio.sleep(2)
        assert (await client.list_session_traces(SESSION, page=2)).pagination.page == 2
    assert server.connections == 2


async def test_a_server_that_always_speaks_first_is_an_error() -> None:
    """Servers of another protocol do so. The client sends nothing to it, least of all the key."""
    heard: list[bytes] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        heard.append(await reader.read())
        writer.close()

    slow = _after_a_while()
    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with (
            aiohttp.ClientSession(trace_configs=[slow]) as session,
            TracesClient("key", base_url=f"http://127.0.0.1:{port}/v1", retry=QUICK, session=session) as client,
        ):
            with pytest.raises(APIConnectionError, match="sent data before the request") as caught:
                await client.list_session_traces(SESSION)
    assert caught.value.attempts == 3
    assert set(heard) <= {b""}


def _after_a_while() -> aiohttp.TraceConfig:
    """Wait between connecting and sending, so that the server's bytes arrive first."""

    async def wait(*_: object) -> None:
        await asyncio.sleep(0.05)

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(wait)
    return tracing


def _requests_alive() -> int:
    return sum(type(each) is aiohttp.ClientRequest for each in gc.get_objects())


async def test_a_request_is_gone_when_it_is_answered() -> None:
    """The request is in no reference cycle, so the garbage collector is not needed."""
    async with RawServer() as server, TracesClient("key", base_url=server.base_url) as client:
        gc.collect()
        gc.disable()
        try:
            before = _requests_alive()
            for _ in range(5):
                await client.list_session_traces(SESSION)
            # The connection may keep its last request.
            assert _requests_alive() <= before + 1
        finally:
            gc.enable()


def test_an_answer_that_came_on_no_connection_has_none_to_close() -> None:
    """A library that replays recorded requests gives such answers."""
    _exchange.Exchange("id", (), None).discard()
    Answer(200, CIMultiDict(), b"").discard()


async def test_the_id_on_an_error_is_read_in_one_way() -> None:
    """The body is incomplete or too large.

    Bytes in the id that are not UTF-8 are replaced, so that it can be printed.
    """
    field = b"X-Request-Id: of-the-\xff-answer"
    truncated = answer(page_body(), "FIELD", length=1000).replace(b"FIELD", field)
    large = answer(b"", "FIELD", length=2**30).replace(b"FIELD", field) + b" " * (17 * 2**20)
    for data in (truncated, large):
        async with (
            RawServer(data) as server,
            TracesClient("key", base_url=server.base_url, retry=RetryPolicy(attempts=1)) as client,
        ):
            with pytest.raises(Exception, match="attempt 1") as caught:
                await client.list_session_traces(SESSION)
            assert caught.value.request_id == "of-the-\ufffd-answer"  # type: ignore[attr-defined]
            assert str(caught.value).encode()


@pytest.mark.parametrize("session_id", [SESSION, SESSION.upper(), "3FA85f64-5717-4562-b3fc-2c963f66afa6"])
async def test_an_id_is_sent_and_named_as_it_was_given(session_id: str) -> None:
    """The same spelling is in the request, in the error and in the stream's result."""
    async with (
        RawServer(keeping(answer(GONE, status=404))) as server,
        TracesClient("key", base_url=server.base_url) as client,
    ):
        with pytest.raises(NotFoundError) as caught:
            await client.list_session_traces(session_id)
        assert caught.value.session_id == session_id
        async with client.stream_sessions([session_id]) as sessions:
            assert [session.session_id async for session in sessions] == [session_id]
    assert {head.split(b"?")[0] for head in server.heads} == {f"GET /v1/traces/session/{session_id}".encode()}
