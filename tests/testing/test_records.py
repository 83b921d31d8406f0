"""The requests that the fake server has recorded."""

from __future__ import annotations

import aiohttp

from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import OTHER, SESSION, get


async def test_requests_are_recorded_in_the_order_of_arrival(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Each record has the request and the status of its answer."""
    server.add_session(SESSION, 1)
    await get(http, server, page=2, limit=5)
    await get(http, server, session_id=OTHER)
    first, second = server.requests
    assert (first.method, first.path, first.query, first.status) == (
        "GET",
        f"/v1/traces/session/{SESSION}",
        {"page": "2", "limit": "5"},
        200,
    )
    assert (second.path, second.query, second.status) == (f"/v1/traces/session/{OTHER}", {}, 404)


async def test_recorded_headers_are_found_in_any_case(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A repeated field is joined, and the mapping has each field once."""
    repeated = [("X-Request-Id", "r"), ("Via", "a"), ("Via", "b")]
    async with http.get(server.base_url, headers=repeated):
        pass
    headers = server.requests[0].headers
    assert headers["X-API-KEY"] == headers["x-api-key"] == "test-key"
    assert headers["VIA"] == "a, b"
    assert headers.get("absent") is None
    assert "Via" in headers
    assert list(headers).count("via") == 1
    assert len(headers) == len(set(headers))


async def test_the_key_is_in_no_repr(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The repr of the server, of a request and of its headers shows everything else."""
    await get(http, server, page=7)
    assert server.api_key == "test-key"
    text = f"{server!r} {server.requests!r} {server.requests[0].headers!r}"
    assert "test-key" not in text
    assert server.base_url in text
    assert "'page': '7'" in text
    assert "127.0.0.1" in repr(server.requests[0].headers)
