"""A key that the server sends back is not shown."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from lyzr_traces_async import (
    LyzrTracesError,
    ResponseDecodeError,
    ResponseTooLargeError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import RawServer
from tests.proof.secrecy.listeners import KEY, ONCE, SESSION, client_of
from tests.proof.secrecy.showing import check_hidden

# A key with every character that JSON, Python, URLs or HTML escape.
ODD_KEY = """sk-'canary'-"7Qx2"-\\vLr9/<Tz>&B4%"""


def _escaped(key: str) -> bytes:
    """Return the key with every character escaped as JSON allows."""
    return "".join(f"\\u{ord(letter):04x}" for letter in key).encode()


def _page(**changes: Any) -> bytes:
    trace: dict[str, Any] = {"traceId": "t", "timestamp": "2026-03-25T18:19:24.347Z", "observationCount": 1, **changes}
    return json.dumps(
        {"traces": [trace], "pagination": {"page": 1, "limit": 100, "totalItems": 1, "totalPages": 1}}
    ).encode()


# Arguments of `fail_next`.
ECHOES: dict[str, Callable[[str], dict[str, Any]]] = {
    "a message": lambda key: {"status": 401, "message": f"no such key: {key}"},
    "a message in a retried error": lambda key: {"status": 502, "message": f"no such key: {key}"},
    "a long message": lambda key: {"status": 401, "message": "-" * 490 + key},
    "an escaped message": lambda key: {"status": 401, "body": b'{"error": "%b"}' % _escaped(key)},
    "the issues": lambda key: {
        "status": 400,
        "body": json.dumps({"error": "no", "issues": [{"path": ["x-api-key"], "got": key}]}).encode(),
    },
    "escaped issues": lambda key: {"status": 400, "body": b'{"error": "no", "issues": ["%b"]}' % _escaped(key)},
    "a name in the issues": lambda key: {"status": 400, "body": json.dumps({"issues": [{key: 1}]}).encode()},
    "HTML": lambda key: {"status": 403, "body": f"<html><body>{key}</body></html>".encode()},
    "HTML cut within the key": lambda key: {"status": 403, "body": b"-" * 110 + key.encode()},
    "a body cut within the key": lambda key: {"status": 403, "body": b"-" * 2040 + key.encode()},
    "a header": lambda key: {"status": 404, "headers": {"X-Echo": f"key={key}"}},
    "the request id": lambda key: {"status": 404, "headers": {"X-Request-Id": key}},
    "a redirect": lambda key: {"status": 302, "headers": {"Location": f"http://127.0.0.1/?key={key}"}},
    "a long rate limit": lambda key: {"status": 429, "message": key, "headers": {"Retry-After": "3600"}},
    "a permanent error": lambda key: {"status": 503, "message": f"not configured for {key}"},
    "a broken page": lambda key: {"body": f"<p>{key}</p>".encode()},
    "a broken page cut within the key": lambda key: {"body": b"-" * (80 - len(key) // 2) + key.encode()},
    "a broken page that ends in the key": lambda key: {"body": b"[" * 10_000 + key.encode()},
    "a broken page's request id": lambda key: {"body": b"{}", "headers": {"X-Request-Id": key}},
    "a broken page's header": lambda key: {"body": b"{}", "headers": {"X-Echo": key}},
    "a value that is no time": lambda key: {"body": _page(timestamp=key)},
    "an escaped value that is no time": lambda key: {
        "body": _page(timestamp="HERE").replace(b"HERE", _escaped(key)),
    },
    "half a page": lambda key: {"body": _page(traceId=key), "truncate": True, "headers": {"X-Echo": key}},
}


@pytest.mark.parametrize("key", [KEY, ODD_KEY], ids=["a key", "an odd key"])
@pytest.mark.parametrize("name", ECHOES)
async def test_a_key_that_the_server_sends_back_is_not_shown(
    name: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No message, attribute, pickle, log or variable in a traceback has it."""
    caplog.set_level(logging.DEBUG)
    async with FakeTracesServer(api_key=key) as server, TracesClient(key, base_url=server.base_url) as client:
        server.fail_next(99, **ECHOES[name](key))
        with pytest.raises(LyzrTracesError) as raised:
            await client.list_session_traces(SESSION)
    check_hidden(raised.value, key)
    assert key not in caplog.text


async def test_a_part_of_the_key_is_not_shown_where_a_text_is_cut(server: FakeTracesServer) -> None:
    """An error quotes the first 80 bytes of a broken page, and the key may lie across that limit."""
    half = len(KEY) // 2
    server.fail_next(body=b"-" * (80 - half) + KEY.encode())
    async with client_of(server, None) as client:
        with pytest.raises(ResponseDecodeError) as raised:
            await client.list_session_traces(SESSION)
    check_hidden(raised.value, KEY[:half])


async def test_a_header_named_like_the_key_is_not_shown(server: FakeTracesServer) -> None:
    """The server may put the key into a field's name instead of its value."""
    server.fail_next(status=404, headers={KEY: "1"})
    async with client_of(server, None) as client:
        with pytest.raises(LyzrTracesError) as raised:
            await client.list_session_traces(SESSION)
    check_hidden(raised.value, KEY)


async def test_a_body_too_large_does_not_show_the_key(
    server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error holds neither the body nor the header fields with the key."""
    monkeypatch.setattr("lyzr_traces_async._transport.MAX_BODY", 10_000)
    server.fail_next(body=KEY.encode() * 1000, headers={"X-Request-Id": KEY, "X-Echo": KEY})
    async with client_of(server, None) as client:
        with pytest.raises(ResponseTooLargeError) as raised:
            await client.list_session_traces(SESSION)
    check_hidden(raised.value, KEY)


# Invalid HTTP, with the key in place of each `%b`.
BROKEN_HTTP = {
    "a status line": b"HTTP/1.1 %b\r\n\r\n",
    "no status line": b"%b\r\n\r\n",
    "a reason": b"HTTP/1.1 500 %b\r\nContent-Length: 0\r\n\r\n",
    "a header line": b"HTTP/1.1 200 OK\r\n%b\r\n\r\n",
    "a header's name": b"HTTP/1.1 200 OK\r\nX %b: 1\r\n\r\n",
    "a header's value": b"HTTP/1.1 200 OK\r\nX-Echo: %b\x00\r\n\r\n",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\nX-",
    "half a body": b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\nContent-Length: 999\r\n\r\n%b",
    "a chunk's length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n%b",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n%b",
    "a coding": b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "a header too long": b"HTTP/1.1 200 OK\r\nX-Echo: " + b"%b" * 2000 + b"\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %b\r\nConnection: upgrade\r\n\r\n%b",
}


@pytest.mark.parametrize("name", BROKEN_HTTP)
async def test_a_key_that_comes_back_in_broken_http_is_not_shown(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library quotes the bytes that it can't parse, and our error does not pass them on."""
    caplog.set_level(logging.DEBUG)
    async with (
        RawServer(BROKEN_HTTP[name].replace(b"%b", KEY.encode())) as server,
        TracesClient(KEY, base_url=server.base_url, retry=ONCE, timeout=5) as client,
    ):
        with pytest.raises(LyzrTracesError) as raised:
            await client.list_session_traces(SESSION)
    check_hidden(raised.value, KEY)
    assert KEY not in caplog.text
