"""A damaged answer over HTTP becomes a page or an error of ours, never another exception or a hang."""

from __future__ import annotations

import gzip

from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async import (
    APIStatusError,
    BadRequestError,
    LyzrTracesError,
    RetryPolicy,
    TracePage,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers import plain_page
from tests.helpers.damage import BODY, SESSION, check_text, damaged_bytes, damaged_structure
from tests.helpers.raw_server import RawServer

# One attempt of at most ten seconds, and no long wait if damage invents a quota.
POLICY = RetryPolicy(attempts=1, max_rate_limit_wait=30)
ERROR = b'{"error": "Validation failed (429)", "issues": [{"path": ["page"], "code": "too_small"}, null, 1.5]}'


async def _page_or_error(base_url: str) -> TracePage | LyzrTracesError:
    async with TracesClient("key", base_url=base_url, retry=POLICY, timeout=10) as client:
        try:
            return await client.list_session_traces(SESSION)
        except LyzrTracesError as error:
            check_text(error)
            return error


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.one_of(damaged_bytes(), damaged_structure()))
async def test_the_client_refuses_a_damaged_page_or_reads_it_correctly(body: bytes) -> None:
    """A page that the client accepts equals the standard library's reading of it."""
    async with FakeTracesServer() as server:
        server.fail_next(body=body)
        got = await _page_or_error(server.base_url)
    if isinstance(got, TracePage):
        assert got == plain_page.read(body)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: 1\r\n"
QUOTA = b'RateLimit: "100-in-1min"; r=57; t=31\r\nRateLimit-Policy: "100-in-1min"; q=100; w=60\r\nRetry-After: 1\r\n'
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
PACKED = gzip.compress(BODY, mtime=0)
ANSWERS = {
    "plain": HEAD + QUOTA + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "in chunks": HEAD + CHUNKED,
    "compressed": HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),
    "a refusal": b"HTTP/1.1 429 Too Many\r\n" + QUOTA + b'Content-Length: 15\r\n\r\n{"error": "no"}',
}


async def test_the_client_reads_the_answers_that_will_be_damaged() -> None:
    """The other tests damage these answers, which must be good to begin with."""
    for name in ("plain", "in chunks", "compressed"):
        async with RawServer(ANSWERS[name]) as server:
            assert await _page_or_error(server.base_url) == plain_page.read(BODY)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(ANSWERS)).flatmap(lambda name: damaged_bytes(ANSWERS[name])))
async def test_the_client_survives_damaged_http(answer: bytes) -> None:
    """Damage to the status line, header fields, chunks or compression gives a page or an error of ours."""
    async with RawServer(answer) as server:
        got = await _page_or_error(server.base_url)
    assert isinstance(got, TracePage | LyzrTracesError)


CODINGS = ("gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "x", "", "utf-8")
CHARSETS = ("utf-16", "latin-1", "x", "", "\x7f", "utf-8; charset=utf-16")


async def test_the_client_survives_bodies_that_contradict_their_header_fields() -> None:
    """A wrong coding gives a page or an error, and a charset changes nothing, since JSON has none."""
    async with FakeTracesServer() as server:
        for coding in CODINGS:
            for body in (BODY, PACKED, PACKED[:-9], b"", gzip.compress(PACKED)):
                server.fail_next(body=body, headers={"Content-Encoding": coding})
                assert isinstance(await _page_or_error(server.base_url), TracePage | LyzrTracesError)
        for charset in CHARSETS:
            content_type = f"application/json; charset={charset}".replace("\x7f", "%")
            server.fail_next(body=BODY, headers={"Content-Type": content_type})
            assert await _page_or_error(server.base_url) == plain_page.read(BODY)


async def test_a_deeply_nested_error_is_an_error_of_ours() -> None:
    """The status decides the class, even if the body is nested too deeply to be parsed."""
    async with FakeTracesServer(quota=None) as server:
        for depth in (10, 100, 300, 500, 700, 800, 850, 900, 950, 1000, 3000, 10_000, 100_000):
            for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
                body = b'{"error": "no", "issues": %b1%b}' % (opening * depth, closing * depth)
                server.fail_next(status=400, body=body)
                got = await _page_or_error(server.base_url)
                assert isinstance(got, BadRequestError)


async def test_an_error_behind_a_byte_order_mark_is_read() -> None:
    """So is one with half a surrogate pair."""
    async with FakeTracesServer(quota=None) as server:
        for body, message in (
            (b"\xef\xbb\xbf" + ERROR, "Validation failed (429)"),
            (rb'{"error": "\ud83d"}', "\ufffd"),
        ):
            server.fail_next(status=400, body=body)
            got = await _page_or_error(server.base_url)
            assert isinstance(got, BadRequestError)
            assert got.message == message


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.sampled_from((302, 400, 401, 404, 429, 500, 502, 503, 504)), damaged_bytes(ERROR))
async def test_a_damaged_error_is_an_error_of_ours(status: int, body: bytes) -> None:
    """It has the status of the answer, even if its text is damaged."""
    async with FakeTracesServer(quota=None) as server:
        server.fail_next(10, status=status, body=body)
        got = await _page_or_error(server.base_url)
    assert isinstance(got, APIStatusError)
    assert got.status == status
