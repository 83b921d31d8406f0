"""Failures that a test orders from the fake server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import OTHER, REQUEST, SESSION, port_of


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer() as server:
        server.add_session(SESSION, 45)
        server.add_session(OTHER, 45)
        yield server


async def get(
    http: aiohttp.ClientSession, server: FakeTracesServer, session_id: str = SESSION, **query: Any
) -> aiohttp.ClientResponse:
    async with http.get(f"{server.base_url}/traces/session/{session_id}", params=query) as answer:
        await answer.read()
        return answer


async def status(http: aiohttp.ClientSession, server: FakeTracesServer, session_id: str = SESSION, **query: Any) -> int:
    return (await get(http, server, session_id, **query)).status


async def raw(server: FakeTracesServer) -> bytes:
    """Send one request, and return all bytes that the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    try:
        writer.write(REQUEST)
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (400, {"error": "Validation failed", "issues": []}),
        (401, {"error": "Invalid x-api-key"}),
        (403, {"error": "Forbidden"}),
        (404, {"error": "Trace session not found"}),
        (429, {"error": "Too many requests, please try again later."}),
        (500, {"error": "Internal server error"}),
        (502, {"error": "Langfuse request timed out"}),
        (504, {"error": "Gateway Timeout"}),
        (599, {"error": "Error"}),
    ],
)
async def test_a_status_comes_with_the_body_of_the_service(
    server: FakeTracesServer, http: aiohttp.ClientSession, code: int, text: dict[str, Any]
) -> None:
    """The quota's fields are there, and a 429 has no Retry-After. The next request succeeds."""
    server.fail_next(status=code)
    async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
        assert (answer.status, await answer.json()) == (code, text)
    assert answer.headers["RateLimit"].startswith('"100-in-1min"; r=99;')
    assert answer.headers["X-Request-Id"]
    assert "Retry-After" not in answer.headers
    assert await status(http, server) == 200
    assert [request.status for request in server.requests] == [code, 200]


async def test_a_503_is_that_of_a_proxy_unless_it_has_a_message(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """The service itself sends 503 only if it is not configured; its message asks for that."""
    server.fail_next(status=503)
    server.fail_next(status=503, message="Langfuse tracing is not configured on voice-agent-server")
    async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
        assert (answer.status, answer.content_type, await answer.text()) == (503, "text/plain", "Service Unavailable")
    async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
        assert answer.status == 503
        assert await answer.json() == {"error": "Langfuse tracing is not configured on voice-agent-server"}


async def test_a_message_replaces_the_text_of_the_error(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The message is the text of the JSON error."""
    server.fail_next(status=502, message="Langfuse request failed (429)")
    async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
        assert (answer.status, await answer.json()) == (502, {"error": "Langfuse request failed (429)"})


@pytest.mark.parametrize(
    ("options", "code", "content_type"),
    [
        ({}, 200, "application/json"),
        ({"status": 504}, 504, "application/json"),
        ({"status": 504, "headers": {"content-type": "text/html"}}, 504, "text/html"),
    ],
)
async def test_a_body_replaces_the_usual_one(
    server: FakeTracesServer, http: aiohttp.ClientSession, options: dict[str, Any], code: int, content_type: str
) -> None:
    """The defaults are status 200 and JSON."""
    server.fail_next(body=b"<html>", **options)
    async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (code, content_type, b"<html>")


async def test_headers_are_added_changed_and_removed(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Names may be in any case. The rest of the answer stays as usual."""
    server.fail_next(
        headers={
            "X-RateLimit-Remaining": "7",
            "x-request-id": "another",
            "ratelimit": None,
            "RateLimit-Policy": None,
            "Not-There": None,
            "Date": "Thu, 01 Jan 1970 00:00:00 GMT",
        }
    )
    async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
        assert answer.status == 200
        assert len((await answer.json())["traces"]) == 20
    assert answer.headers["X-RateLimit-Remaining"] == "7"
    assert answer.headers.getall("X-Request-Id") == ["another"]
    assert answer.headers.getall("Date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]
    assert not {"RateLimit", "RateLimit-Policy", "Not-There"} & set(answer.headers)


async def test_a_429_can_have_a_retry_after(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The value may be a date."""
    server.fail_next(status=429, headers={"Retry-After": "Fri, 31 Dec 2999 23:59:59 GMT"})
    answer = await get(http, server)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "Fri, 31 Dec 2999 23:59:59 GMT")


async def test_a_reset_comes_before_any_byte(server: FakeTracesServer) -> None:
    """The connection ends with a RST. No status is recorded, because none was sent."""
    server.fail_next(reset=True)
    with pytest.raises(ConnectionResetError):
        await raw(server)
    assert [request.status for request in server.requests] == [None]


async def test_a_truncated_answer_has_a_whole_head_and_half_a_body(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """The head promises the whole body, and the connection is closed in the middle of it."""
    whole = await (await http.get(f"{server.base_url}/traces/session/{SESSION}")).read()
    server.fail_next(truncate=True)
    head, _, body = (await raw(server)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"content-length: {len(whole)}" in head.decode().lower()
    assert body == whole[: len(whole) // 2]
    assert server.requests[-1].status is None


async def test_an_error_and_a_given_body_can_be_truncated_too(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """The client gets the status, and notices the loss when it reads the body."""
    server.fail_next(status=502, truncate=True)
    server.fail_next(body=b"12", truncate=True)
    for expected, part in ((502, b'{"error":"Langfuse '), (200, b"1")):
        async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
            assert answer.status == expected
            assert await answer.content.readexactly(len(part)) == part
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.content.readany()


async def test_a_client_that_leaves_during_a_truncated_answer_is_no_error(
    server: FakeTracesServer, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection may be closed before the server sends the half. The server logs nothing."""
    server.fail_next(truncate=True)
    _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    writer.write(REQUEST)
    writer.close()
    await writer.wait_closed()
    assert await status(http, server) == 200
    assert [request.status for request in server.requests] == [None, 200]
    assert not caplog.records


async def test_a_stall_delays_the_usual_answer(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The answer comes after a minute. Other requests are answered at once."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    server.fail_next(stall=60, page=1)
    times: dict[int, float] = {}

    async def timed(page: int) -> None:
        assert await status(http, server, page=page) == 200
        times[page] = loop.time() - begin

    await asyncio.gather(timed(1), timed(2))
    assert times[2] < 60 <= times[1]


async def test_a_stall_goes_with_other_failures_and_with_latency(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """The stall and the latency add up, and the failure comes after both."""
    loop = asyncio.get_running_loop()
    server.latency = 30
    server.fail_next(stall=60, status=500)
    server.fail_next(stall=60, reset=True)
    begin = loop.time()
    assert await status(http, server) == 500
    assert loop.time() - begin >= 90
    with pytest.raises(ConnectionResetError):
        await raw(server)
    assert loop.time() - begin >= 180


async def test_a_request_whose_client_gave_up_is_not_answered(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """The request is recorded without a status, and its stall ends."""
    server.fail_next(stall=1000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10):
            await get(http, server)
    await asyncio.sleep(2000)
    assert [request.status for request in server.requests] == [None]


async def test_failures_come_in_the_order_in_which_they_were_ordered(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Each failure is used for as many requests as ordered."""
    server.fail_next(2, status=502)
    server.fail_next(status=500)
    server.fail_next(status=504)
    assert [await status(http, server) for _ in range(5)] == [502, 502, 500, 504, 200]


async def test_a_failure_can_be_meant_for_a_session_or_a_page(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Other requests skip that failure, and get the next one that fits."""
    server.fail_next(status=500, session_id=UUID(OTHER))
    server.fail_next(status=502, page=2)
    server.fail_next(status=504, session_id=SESSION, page=2)
    server.fail_next(status=403)
    assert await status(http, server, page=2) == 502
    assert await status(http, server, page=2) == 504
    assert await status(http, server, page=2) == 403
    assert await status(http, server, page=2) == 200
    assert await status(http, server, session_id=OTHER, page=2) == 500
    assert await status(http, server, session_id=OTHER, page=2) == 200


async def test_a_request_without_a_page_counts_as_page_1(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A request with a malformed page, or not for traces, has no page."""
    server.fail_next(status=500, page=1)
    assert await status(http, server, page="x") == 400
    assert await status(http, server, session_id="no/such/path") == 404
    assert await status(http, server) == 500


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "pass at least one of status"),
        ({"headers": {}}, "pass at least one of status"),
        ({"page": 1, "session_id": SESSION}, "pass at least one of status"),
        ({"n": 0, "status": 500}, "n must be an integer >= 1, not 0"),
        ({"status": 199}, "status must be an integer from 200 to 599, not 199"),
        ({"status": 600}, "status must be an integer from 200 to 599, not 600"),
        ({"status": 200}, "status 200 alone is no failure"),
        ({"status": 500, "page": 0}, "page must be an integer >= 1, not 0"),
        ({"status": 500, "session_id": "x"}, "session_id must be a UUID"),
        ({"stall": 0}, "stall must be a number of seconds > 0, not 0"),
        ({"stall": float("inf")}, "stall must be a number of seconds > 0, not inf"),
        ({"body": "text"}, "body must be bytes, not str"),
        ({"message": "no"}, "pass it with status and without body"),
        ({"status": 500, "message": "no", "body": b"no"}, "pass it with status and without body"),
        ({"reset": True, "status": 500}, "nothing is sent after a reset"),
        ({"reset": True, "body": b""}, "nothing is sent after a reset"),
        ({"reset": True, "headers": {"A": "b"}}, "nothing is sent after a reset"),
        ({"reset": True, "truncate": True}, "nothing is sent after a reset"),
        ({"truncate": True, "body": b"1"}, "it needs a body of two bytes or more"),
        ({"truncate": True, "status": 204}, "it needs a body of two bytes or more"),
        ({"headers": {"Content-Length": "5"}}, "Content-Length is set by the server"),
        ({"headers": {"transfer-encoding": "chunked"}}, "transfer-encoding is set by the server"),
        ({"headers": {"Date": None}}, "Date can be changed, but not removed"),
        ({"headers": {"Two Words": "x"}}, "'Two Words': 'x' is not a valid header field"),
        ({"headers": {"A": "b\r\nC: d"}}, "is not a valid header field"),
        ({"headers": {"Retry-After": 5}}, "'Retry-After': 5 is not a valid header field"),
        ({"headers": {5: "x"}}, "5: 'x' is not a valid header field"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    server: FakeTracesServer, http: aiohttp.ClientSession, options: dict[str, Any], text: str
) -> None:
    """The error says why, and no request fails."""
    with pytest.raises(InvalidArgumentError) as caught:
        server.fail_next(**options)
    assert text in str(caught.value)
    assert await status(http, server) == 200


async def test_status_200_with_a_message_is_an_answer_of_the_wrong_shape(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Some gateways report errors this way."""
    server.fail_next(status=200, message="quota exceeded")
    async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
        assert (answer.status, await answer.json()) == (200, {"error": "quota exceeded"})
