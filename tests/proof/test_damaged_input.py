"""Damaged answers: each is a typed error or a right page, never another exception and never a hang."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lyzr_traces_async import (
    APIStatusError,
    BadRequestError,
    LyzrTracesError,
    ResponseDecodeError,
    RetryPolicy,
    Trace,
    TracePage,
    TracesClient,
)
from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async._json import read_json
from lyzr_traces_async._shape import read_quickly, read_thoroughly
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers import plain_page

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
# One attempt of at most ten seconds, and no long wait for a quota that damage has made up.
POLICY = RetryPolicy(attempts=1, max_rate_limit_wait=30)

TRACE = {
    "traceId": "trace-äbc-123",
    "name": "voice-agent-response 😀",
    "sessionId": SESSION,
    "timestamp": "2026-03-25T18:19:24.347Z",
    "latencySeconds": 1.25,
    "totalCostUsd": 0.0034,
    "observationCount": 4,
    "htmlPath": "/traces/view/trace-abc-123",
}
DOCUMENT: dict[str, Any] = {
    "traces": [
        TRACE,
        {**TRACE, "traceId": "2", "name": None, "latencySeconds": 1, "totalCostUsd": None, "new": {"a": [1, None]}},
        {**TRACE, "traceId": "3", "timestamp": "2026-03-25T18:19:20.000Z"},
    ],
    "pagination": {"page": 1, "limit": 100, "totalItems": 3, "totalPages": 1},
}
BODY = json.dumps(DOCUMENT, ensure_ascii=False).encode()
ERROR = b'{"error": "Validation failed (429)", "issues": [{"path": ["page"], "code": "too_small"}, null, 1.5]}'


def _check(body: bytes) -> bool:
    """Decode a body, and say whether it is a page still."""
    try:
        page = decode_page(body)
    except ResponseDecodeError as error:
        _check_error(error)
        assert _either_way(body) == (None, None)
        return False
    _check_page(page, body)
    quick, thorough = _either_way(body)
    assert repr(thorough) == repr(page)
    assert quick is None or repr(quick) == repr(page)
    return True


def _either_way(body: bytes) -> tuple[TracePage | None, TracePage | None]:
    """Read a page quickly, and thoroughly: two pages, or refusals."""
    ways: list[TracePage | None] = []
    for read in (read_quickly, lambda body: read_thoroughly(read_json(body))):
        try:
            ways.append(read(body))
        except Exception:  # noqa: BLE001 - of which kinds the decoder knows, and is tested by itself
            ways.append(None)
    quick, thorough = ways
    return quick, thorough


def _check_page(page: TracePage, body: bytes) -> None:
    reference = plain_page.read(body)
    assert page == reference
    assert repr(page) == repr(reference)  # which tells 1 from 1.0
    assert pickle.loads(pickle.dumps(page)) == page  # noqa: S301 - our own
    assert len({hash(trace) for trace in page}) <= len(page)
    for trace in page:
        _check_trace(trace)


def _check_trace(trace: Trace) -> None:
    numbers = (trace.latency_seconds, trace.total_cost_usd)
    texts = (trace.trace_id, trace.name, trace.session_id, trace.html_path)
    assert all(number is None or type(number) is float for number in numbers)
    assert all(text is None or text.encode() is not None for text in texts)
    offset = trace.timestamp.utcoffset()
    assert offset is not None
    assert not offset


def _check_error(error: ResponseDecodeError) -> None:
    assert error.problems
    assert error.__cause__ is None
    _check_text(error)


def _check_text(error: LyzrTracesError) -> None:
    assert str(error).encode()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own


# --- Damage to bytes


@st.composite
def _damaged_bytes(draw: st.DrawFn, whole: bytes = BODY) -> bytes:
    """Flip, cut, insert and duplicate, a few times over."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(1, 40)))
        piece = bytes(data[start:end])
        how = draw(st.sampled_from(("flip", "cut", "insert", "duplicate", "end")))
        if how == "flip" and piece:
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del data[start:end]
        elif how == "insert":
            data[start:start] = draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(FRAGMENTS)))
        elif how == "duplicate":
            data[start:start] = piece * draw(st.integers(1, 3))
        else:
            del data[start:]
    return bytes(data)


FRAGMENTS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"null", b"true", b"-", b"1e999", b"-0", b"00", b"9" * 30, b"." + b"0" * 400),
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\udc00\\ud800",
        b"\\u0000",
        b"//",
        b"/**/",
    ),
    *(b"\xef\xbb\xbf", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00", b"\x7f", b"\xe2\x80\xa8"),
)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_damaged_bytes())
def test_damaged_bytes_are_refused_or_read_rightly(body: bytes) -> None:
    """As the standard library reads them too, where they are accepted."""
    _check(body)


# --- Damage to the structure


class _Literal(str):
    """A text that stands in the JSON as it is, legal or not."""

    __slots__ = ()


LITERALS = tuple(
    map(
        _Literal,
        (
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            "1e400",
            "-1e400",
            "01",
            "+1",
            ".5",
            "1.",
            "0x1",
            "'a'",
            "undefined",
            "",
        ),
    )
)
LONE = tuple(map(_Literal, (r'"\ud800"', r'"\udfff\ud800"', r'"\ud83d"', r'"a\udc00b"')))
NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**308, 10**400, -(10**400), 1e308, 5e-324)
TEXTS = ("", "4", "null", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-03-25T18:19:24", "a" * 70_000)
TIMES = ("2026-02-30T00:00:00Z", "2026-03-25T24:00:00Z", "2026-03-25T18:19:60Z", "2026-W13-3T18Z", "20260325T181924Z")

REPLACEMENTS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from((None, True, False, [], {}, [[]], {"a": {}}, *LITERALS, *LONE, *NUMBERS, *TEXTS, *TIMES)),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.lists(st.none() | st.integers(), max_size=3),
)


def _json(value: Any, repeat: frozenset[str] = frozenset()) -> str:
    """Write JSON that may be wrong: with literals as they are, and with some keys twice, the second time in full."""
    if isinstance(value, _Literal):
        return str(value)
    if isinstance(value, dict):
        pairs = [(name, _json(each, repeat)) for name, each in value.items()]
        again = [(name, "null") for name, _ in pairs if name in repeat]
        members = ",".join(f"{json.dumps(name)}:{text}" for name, text in again + pairs)
        return f"{{{members}}}"
    if isinstance(value, list):
        return f"[{','.join(_json(each, repeat) for each in value)}]"
    return json.dumps(value)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in _places(value[key], (*path, key)))]


PLACES = _places(DOCUMENT)


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> None:
    """Apply a change to where a path leads, if it still leads there."""
    *way, last = path
    for key in way:
        if not _has(value, key):
            return
        value = value[key]
    if _has(value, last):
        change(value, last)


def _has(value: Any, key: Any) -> bool:
    return key in value if isinstance(value, dict) else isinstance(value, list) and key in range(len(value))


@st.composite
def _damaged_structure(draw: st.DrawFn) -> bytes:
    """Drop, replace, add and repeat nodes, a few times over."""
    document = json.loads(BODY)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PLACES[1:]))
        how = draw(st.sampled_from(("drop", "replace", "replace", "wrap", "add")))
        new = draw(REPLACEMENTS)

        def change(parent: Any, key: Any, how: str = how, new: Any = new) -> None:
            if how == "drop":
                del parent[key]
            elif how == "wrap":
                parent[key] = [parent[key]]
            elif how == "add" and isinstance(parent, dict):
                parent[draw(st.text(max_size=8))] = new
            else:
                parent[key] = new

        _changed(document, path, change)
    repeat = draw(st.frozensets(st.sampled_from(sorted({*TRACE, *DOCUMENT, *DOCUMENT["pagination"]})), max_size=2))
    return _json(document, repeat).encode("utf-8", "surrogatepass")


@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_damaged_structure())
def test_a_damaged_structure_is_refused_or_read_rightly(body: bytes) -> None:
    """Nodes that are missing, of another type, in another place or there twice."""
    _check(body)


@given(st.dictionaries(st.text(max_size=10).filter(lambda name: name not in TRACE), REPLACEMENTS, max_size=4))
@settings(derandomize=True, deadline=None)
def test_fields_that_are_not_known_are_kept_or_refused(more: dict[str, Any]) -> None:
    """Whatever is in them: they are the trace's `extra`, unless they are no JSON."""
    document = {**DOCUMENT, "traces": [{**TRACE, **more}]}
    _check(_json(document).encode("utf-8", "surrogatepass"))


# --- What cannot be left to chance


def _with(**changes: str) -> bytes:
    return _json(
        {**DOCUMENT, "traces": [{**TRACE, **{name: _Literal(text) for name, text in changes.items()}}]}
    ).encode()


def _place(**changes: str) -> bytes:
    changed = {name: _Literal(text) for name, text in changes.items()}
    return _json({**DOCUMENT, "pagination": {**DOCUMENT["pagination"], **changed}}).encode()


def _deep(depth: int, opening: bytes, closing: bytes) -> bytes:
    return (
        BODY.replace(b'"new": ', b'"new": ' + opening * depth, 1)
        .replace(b'}}, {"traceId": "2"', b"", 1)
        .replace(b"[1, null]}", b"[1, null]}" + closing * depth, 1)
    )


GOOD: dict[str, bytes] = {
    "as it should be": BODY,
    "with a byte order mark": b"\xef\xbb\xbf" + BODY,
    "with blanks around it": b" \r\n\t" + BODY + b"\n",
    "with repeated keys": _json(DOCUMENT, frozenset({"traces", "traceId", "page"})).encode(),
    "nested a little": _deep(50, b'{"a": ', b"}"),
    "with an integer as a number": _with(latencySeconds="3", totalCostUsd="9007199254740993"),
    "with a number that is almost nothing": _with(latencySeconds="1e-999"),
    "with escapes": _with(name=r'"\ud83d\ude00\u0000\/\b"'),
    "with a lone surrogate": _with(name=r'"\ud800"'),
    "with a lone surrogate as a key": BODY.replace(b'"new"', rb'"\udc00"'),
    "with lone surrogates beside pairs and backslashes": _with(name=r'"\\\ud83d\ude00\ud83d\\ud83d\udc00\ud83d\ude00"'),
    "with an integer of 30 digits": _with(observationCount="9" * 30),
    "with more pages than can be": _place(totalPages="9" * 400),
}

BAD: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n",
    "two byte order marks": b"\xef\xbb\xbf" * 2 + BODY,
    "a byte order mark behind a blank": b" \xef\xbb\xbf" + BODY,
    **{f"in {coding}": BODY.decode().encode(coding) for coding in ("utf-16", "utf-16-le", "utf-32")},
    "in Latin-1": BODY.decode().replace("😀", "").encode("latin-1"),
    "still compressed": gzip.compress(BODY),
    "twice": BODY + BODY,
    "with something behind it": BODY + b";",
    "nested without end": b"[" * 1_000_000,
    "objects nested without end": b'{"a":' * 1_000_000,
    "nested deep in a field": _deep(100_000, b"[", b"]"),
    "with an integer of 10,000 digits": _with(observationCount="9" * 10_000),
    "with a number of 10,000 digits": _with(latencySeconds="9" * 10_000),
    "with a number out of range": _with(latencySeconds="1e999"),
    "with an integer out of a float's range": _with(latencySeconds="9" * 400),
    "with NaN": _with(latencySeconds="NaN"),
    "with Infinity": _with(totalCostUsd="-Infinity"),
    "with a lone surrogate in UTF-8": _with(name='"HERE"').replace(b"HERE", b"\xed\xa0\x80"),
    "with a control character": _with(name='"\x01"'),
    "with a comment": b"/* page */" + BODY,
    "with a comma too many": BODY[:-1] + b",}",
    "in single quotes": BODY.replace(b'"', b"'"),
    "a time before the first": _with(timestamp='"0001-01-01T00:00:00+23:59"'),
    "a time after the last": _with(timestamp='"9999-12-31T23:59:59-23:59"'),
    "a time with a lone surrogate": _with(timestamp=r'"2026-03-25T18:19:24\ud800"'),
    "a repeated key that spoils it": BODY[:-1] + b', "traces": null}',
    "a page below the first": _place(page="0"),
    "a negative total": _place(totalItems="-1"),
    "a total that is no integer": _place(totalItems="3.0"),
}


def test_a_good_page_is_read_however_it_is_written() -> None:
    """JSON leaves a writer some freedom."""
    assert {name: _check(body) for name, body in GOOD.items()} == dict.fromkeys(GOOD, True)


def test_what_is_no_page_is_refused() -> None:
    """Each of them with our own error, and with what is wrong."""
    assert {name: _check(body) for name, body in BAD.items()} == dict.fromkeys(BAD, False)


# --- The whole client


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[str]:
    """Answer each request with these bytes and close the connection; the base URL."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while await reader.readline() not in (b"\r\n", b""):
                pass
            writer.write(answer)
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


async def _page_or_error(base_url: str) -> TracePage | LyzrTracesError:
    async with TracesClient("key", base_url=base_url, retry=POLICY, timeout=10) as client:
        try:
            return await client.list_session_traces(SESSION)
        except LyzrTracesError as error:
            _check_text(error)
            return error


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.one_of(_damaged_bytes(), _damaged_structure()))
async def test_the_client_refuses_a_damaged_page_or_reads_it_rightly(body: bytes) -> None:
    """Over HTTP: the same page or error as from the decoder alone, or one about its place in the list."""
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
    """They are good ones before that, or the tests below would show nothing."""
    for name in ("plain", "in chunks", "compressed"):
        async with _answering(ANSWERS[name]) as base_url:
            assert await _page_or_error(base_url) == plain_page.read(BODY)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(ANSWERS)).flatmap(lambda name: _damaged_bytes(ANSWERS[name])))
async def test_the_client_survives_damaged_http(answer: bytes) -> None:
    """Damage to the status line, header fields, chunks and compression too: a page or an error of ours."""
    async with _answering(answer) as base_url:
        got = await _page_or_error(base_url)
    assert isinstance(got, TracePage | LyzrTracesError)


CODINGS = ("gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "x", "", "utf-8")
CHARSETS = ("utf-16", "latin-1", "x", "", "\x7f", "utf-8; charset=utf-16")


async def test_the_client_survives_bodies_that_are_not_what_the_head_says() -> None:
    """Codings that the body is not in; charsets, which JSON has none of, change nothing."""
    async with FakeTracesServer() as server:
        for coding in CODINGS:
            for body in (BODY, PACKED, PACKED[:-9], b"", gzip.compress(PACKED)):
                server.fail_next(body=body, headers={"Content-Encoding": coding})
                assert isinstance(await _page_or_error(server.base_url), TracePage | LyzrTracesError)
        for charset in CHARSETS:
            content_type = f"application/json; charset={charset}".replace("\x7f", "%")
            server.fail_next(body=BODY, headers={"Content-Type": content_type})
            assert await _page_or_error(server.base_url) == plain_page.read(BODY)


async def test_an_error_nested_deep_is_an_error_of_ours() -> None:
    """Whether the depth is one that can still be parsed or not: the status says what it is."""
    async with FakeTracesServer(quota=None) as server:
        for depth in (10, 100, 300, 500, 700, 800, 850, 900, 950, 1000, 3000, 10_000, 100_000):
            for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
                body = b'{"error": "no", "issues": %b1%b}' % (opening * depth, closing * depth)
                server.fail_next(status=400, body=body)
                got = await _page_or_error(server.base_url)
                assert isinstance(got, BadRequestError)


async def test_an_error_behind_a_byte_order_mark_is_read() -> None:
    """As a page is; and so is one with half a surrogate pair."""
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
@given(st.sampled_from((302, 400, 401, 404, 429, 500, 502, 503, 504)), _damaged_bytes(ERROR))
async def test_a_damaged_error_is_an_error_of_ours(status: int, body: bytes) -> None:
    """With the status that it came with, whatever became of its text."""
    async with FakeTracesServer(quota=None) as server:
        server.fail_next(10, status=status, body=body)
        got = await _page_or_error(server.base_url)
    assert isinstance(got, APIStatusError)
    assert got.status == status
