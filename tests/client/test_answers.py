"""Answers that are not a good page: which error they raise, how much of them is read, and that no key is shown."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lyzr_traces_async import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    LyzrTracesError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
    ResponseDecodeError,
    ResponseTooLargeError,
    RetryPolicy,
    ServerError,
    ServiceNotConfiguredError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import Exchange, Play, RawServer, answer, page_body

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
KEY = "canary-key-5e1f"
ONCE = RetryPolicy(attempts=1, max_rate_limit_wait=0)
MIB = 2**20


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY, quota=None) as server:
        server.add_session(SESSION, 5)
        yield server


def client_of(server: FakeTracesServer | RawServer) -> TracesClient:
    return TracesClient(KEY, base_url=server.base_url, retry=ONCE)


async def failure_of(server: FakeTracesServer | RawServer) -> LyzrTracesError:
    async with client_of(server) as client:
        with pytest.raises(LyzrTracesError) as caught:
            await client.list_session_traces(SESSION)
    assert (caught.value.session_id, caught.value.page, caught.value.attempts) == (SESSION, 1, 1)
    return caught.value


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (201, None, APIStatusError),
        (301, None, RedirectError),
        (400, None, BadRequestError),
        (401, None, AuthenticationError),
        (403, None, PermissionDeniedError),
        (404, None, NotFoundError),
        (405, None, APIStatusError),
        (429, None, RateLimitError),
        (500, None, ServerError),
        (502, None, ServerError),
        (503, None, ServerError),
        (503, "Langfuse tracing is not configured on voice-agent-server", ServiceNotConfiguredError),
        (599, None, ServerError),
    ],
)
async def test_a_status_has_its_error(
    server: FakeTracesServer, status: int, message: str | None, kind: type[APIStatusError]
) -> None:
    """Each status raises exactly its class, which carries the status."""
    server.fail_next(status=status, message=message)
    error = await failure_of(server)
    assert type(error) is kind
    assert isinstance(error, APIStatusError)
    assert error.status == status


async def test_an_error_has_all_that_the_server_said(server: FakeTracesServer) -> None:
    """The error carries the message, the body, the header fields and the id of the request."""
    server.fail_next(status=502, message="Langfuse request failed (500)", headers={"X-Proxy": "p1"})
    error = await failure_of(server)
    assert isinstance(error, APIStatusError)
    assert error.message == "Langfuse request failed (500)"
    assert json.loads(error.body) == {"error": "Langfuse request failed (500)"}
    assert error.headers["X-Proxy"] == error.headers["x-proxy"] == error.headers["X-PROXY"] == "p1"
    assert error.request_id == error.headers["X-Request-Id"] == server.requests[0].headers["X-Request-Id"]
    for part in ("HTTP 502", "Langfuse request failed (500)", SESSION, "page 1", str(error.request_id)):
        assert part in str(error)


async def test_a_400_has_the_servers_findings(server: FakeTracesServer) -> None:
    """The findings are decoded from the body of the answer."""
    issues = [{"path": ["limit"], "code": "too_big", "message": "Too big"}]
    server.fail_next(status=400, body=json.dumps({"error": "Validation failed", "issues": issues}).encode())
    error = await failure_of(server)
    assert isinstance(error, BadRequestError)
    assert (error.message, list(error.issues)) == ("Validation failed", issues)


async def test_a_wrong_key_is_an_authentication_error(server: FakeTracesServer) -> None:
    """The fake service itself refuses the key."""
    async with TracesClient("another", base_url=server.base_url) as client:
        with pytest.raises(AuthenticationError, match="Check the API key"):
            await client.list_session_traces(SESSION)


async def test_an_unknown_session_is_not_found(server: FakeTracesServer) -> None:
    """The text of the error says what the 404 can mean."""
    async with client_of(server) as client:
        with pytest.raises(NotFoundError, match="the call has not ended yet"):
            await client.list_session_traces(SESSION.replace("3", "4"))


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b"{}", b'{"error": 5}', b"\xff\xfe"])
async def test_an_error_that_is_no_json_error_is_one_of_its_status(server: FakeTracesServer, body: bytes) -> None:
    """A proxy may answer in its own format, or with an empty body."""
    server.fail_next(status=502, body=body, headers={"Content-Type": "text/html"})
    error = await failure_of(server)
    assert type(error) is ServerError
    assert error.body == body.decode(errors="replace")
    assert "HTTP 502" in str(error)


async def test_of_an_errors_body_2_kib_are_kept(server: FakeTracesServer) -> None:
    """That is enough to recognise the answer."""
    server.fail_next(status=500, body=b"x" * 10_000)
    error = await failure_of(server)
    assert isinstance(error, APIStatusError)
    assert error.body == "x" * 2048
    assert len(str(error)) < 2000


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_is_an_error(server: FakeTracesServer, status: int) -> None:
    """The answer is not taken for a page without traces."""
    server.fail_next(status=status, body=b"")
    error = await failure_of(server)
    assert isinstance(error, APIStatusError)
    assert (error.status, error.body) == (status, "")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(server: FakeTracesServer, status: int) -> None:
    """The key is never sent to another host."""
    async with RawServer() as elsewhere:
        location = f"{elsewhere.base_url}/traces"
        server.fail_next(status=status, headers={"Location": location})
        error = await failure_of(server)
        assert not elsewhere.connections
    assert isinstance(error, RedirectError)
    assert (error.status, error.headers["Location"]) == (status, location)
    assert len(server.requests) == 1


GOOD = {"traces": [], "pagination": {"page": 1, "limit": 100, "totalItems": 0, "totalPages": 0}}
TRACE = {"traceId": "t", "timestamp": "2026-01-01T00:00:00.000Z", "observationCount": 1}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON"),
        (b"<!doctype html><title>Sign in</title>", "not JSON"),
        (b'{"traces": [', "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "traces: required, but missing"),
        (b"[]", "an object"),
        (b"null", "an object"),
        (json.dumps(GOOD | {"traces": {}}).encode(), "traces: expected an array, got an object"),
        (json.dumps(GOOD | {"pagination": None}).encode(), "pagination: expected an object, got null"),
        (json.dumps(GOOD | {"traces": [TRACE, TRACE | {"traceId": 5}]}).encode(), "traces[1].traceId: expected"),
        (
            json.dumps(GOOD | {"traces": [TRACE | {"observationCount": "4"}]}).encode(),
            "traces[0].observationCount: ",
        ),
        (json.dumps(GOOD | {"traces": [TRACE | {"timestamp": "now"}]}).encode(), "traces[0].timestamp: "),
    ],
)
async def test_a_200_that_is_no_page_is_refused(server: FakeTracesServer, body: bytes, problem: str) -> None:
    """The error gives the path to every problem, and the request is not retried."""
    server.fail_next(body=body, headers={"X-Request-Id": "theirs"})
    error = await failure_of(server)
    assert isinstance(error, ResponseDecodeError)
    assert any(problem in each for each in error.problems)
    assert error.request_id == "theirs"
    assert len(server.requests) == 1
    assert error.__cause__ is None
    assert error.__context__ is None or isinstance(error.__context__, LyzrTracesError)


async def test_the_media_type_does_not_matter(server: FakeTracesServer) -> None:
    """A body that is a page is accepted with any ``Content-Type``."""
    server.fail_next(body=page_body(), headers={"Content-Type": "text/plain"})
    async with client_of(server) as client:
        assert not await client.list_session_traces(SESSION)


def _chunked(data: bytes, *fields: str) -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", *fields, "Transfer-Encoding: chunked", "", ""]).encode()
    parts = (data[start : start + MIB] for start in range(0, len(data), MIB))
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _bomb(mebibytes: int, compressor: Any) -> bytes:
    return b"".join(compressor.compress(bytes(MIB)) for _ in range(mebibytes)) + bytes(compressor.flush())


LARGE: dict[str, Callable[[], bytes]] = {
    "plain": lambda: answer(b" " * (16 * MIB + 1)),
    "chunked": lambda: _chunked(b" " * (16 * MIB + 1)),
    "without a length": lambda: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (17 * MIB),
    "an error": lambda: answer(b" " * (17 * MIB), status=500),
    "gzip": lambda: answer(_bomb(64, zlib.compressobj(wbits=31)), "Content-Encoding: gzip"),
    "chunked gzip": lambda: _chunked(_bomb(64, zlib.compressobj(wbits=31)), "Content-Encoding: gzip"),
    "deflate": lambda: answer(_bomb(64, zlib.compressobj()), "Content-Encoding: deflate"),
}


@pytest.mark.parametrize("what", LARGE)
async def test_a_body_of_more_than_16_mib_is_refused(what: str) -> None:
    """The size is counted after decompression. The request is not retried."""
    async with RawServer(LARGE[what]()) as raw:
        error = await failure_of(raw)
        assert len(raw.heads) == 1
    assert isinstance(error, ResponseTooLargeError)
    assert "16 MiB" in str(error)


async def test_a_body_of_16_mib_is_read() -> None:
    """The limit itself is allowed."""
    async with RawServer(answer(page_body().ljust(16 * MIB))) as raw, client_of(raw) as client:
        assert not await client.list_session_traces(SESSION)


def _endless(head: bytes, chunk: bytes, sent: list[int]) -> Play:
    async def play(exchange: Exchange) -> None:
        exchange.writer.write(head)
        while not exchange.writer.is_closing():
            exchange.writer.write(chunk)
            await exchange.writer.drain()
            sent.append(len(chunk))
            assert sum(sent) < 100 * MIB

    return play


async def test_reading_stops_at_the_limit_of_an_endless_body() -> None:
    """The server gets rid of 16 MiB, and of as much as the buffers of both sides hold."""
    sent: list[int] = []
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\nX-Request-Id: theirs\r\n\r\n"
    async with RawServer(_endless(head, bytes(MIB // 4), sent)) as raw:
        error = await failure_of(raw)
    assert isinstance(error, ResponseTooLargeError)
    assert error.request_id == "theirs"
    assert sum(sent) < 32 * MIB


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_page_is_read(coding: str) -> None:
    """Both gzip and deflate work, which every HTTP library has."""
    body = gzip.compress(page_body()) if coding == "gzip" else zlib.compress(page_body())
    async with RawServer(answer(body, f"Content-Encoding: {coding}")) as raw, client_of(raw) as client:
        assert not await client.list_session_traces(SESSION)


async def test_a_key_that_an_error_echoes_is_masked(server: FakeTracesServer) -> None:
    """The key is masked in the message, the body, the header fields and the findings."""
    body = json.dumps({"error": f"no such key: {KEY}", "issues": [{"key": KEY}]}).encode()
    server.fail_next(status=400, body=body, headers={"X-Echo": f"key={KEY}", "X-Request-Id": KEY})
    error = await failure_of(server)
    assert isinstance(error, BadRequestError)
    assert error.message == "no such key: ***"
    assert error.headers["X-Echo"] == "key=***"
    assert list(error.issues) == [{"key": "***"}]
    assert KEY not in error.body
    assert KEY not in repr(vars(error)) + str(error)


async def test_a_key_that_a_page_echoes_is_masked_in_the_problems(server: FakeTracesServer) -> None:
    """The problems quote values of the page."""
    server.fail_next(body=json.dumps(GOOD | {"traces": [TRACE | {"timestamp": KEY}]}).encode())
    error = await failure_of(server)
    assert isinstance(error, ResponseDecodeError)
    assert "***" in error.problems[0]
    assert KEY not in repr(vars(error)) + str(error)


async def test_a_key_that_is_written_with_escapes_is_masked_too(server: FakeTracesServer) -> None:
    """JSON can write one text in several ways."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
    server.fail_next(status=400, body=f'{{"error": "{escaped}", "issues": ["{escaped}"]}}'.encode())
    error = await failure_of(server)
    assert KEY not in repr(vars(error)) + str(error)


@pytest.mark.parametrize("body", [b"{}", b" " * (16 * MIB + 1)])
async def test_a_key_that_a_200_echoes_as_its_request_id_is_masked(server: FakeTracesServer, body: bytes) -> None:
    """The answer is no page, or is too large to be one."""
    server.fail_next(body=body, headers={"X-Request-Id": KEY})
    error = await failure_of(server)
    assert isinstance(error, ResponseDecodeError | ResponseTooLargeError)
    assert KEY not in repr(vars(error)) + str(error)


async def test_a_key_at_the_edge_of_what_is_quoted_is_masked_too(server: FakeTracesServer) -> None:
    """The error quotes the beginning of an answer that is no page, and must not quote a part of the key either."""
    for blanks in range(60, 80):
        server.fail_next(body=b'"' + b"." * blanks + KEY.encode() + b'"')
        error = await failure_of(server)
        assert KEY[:8] not in repr(vars(error)) + str(error)


@pytest.mark.parametrize(
    "sent",
    [
        f"HTTP/1.1 200 OK\r\nx-api key: {KEY}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nX: {KEY}\x00\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Length: {KEY}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{KEY}\r\n\r\n",
        f"{KEY}\r\n\r\n",
    ],
)
async def test_a_key_that_is_echoed_in_what_is_no_http_is_masked(sent: str) -> None:
    """The HTTP library quotes the bytes that it cannot parse."""
    async with RawServer(sent.encode()) as raw:
        error = await failure_of(raw)
    assert KEY not in repr(vars(error)) + str(error) + repr(error) + repr(error.__cause__)
