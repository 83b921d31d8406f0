"""The answers of the fake server: pages, refused keys, unknown sessions."""

from __future__ import annotations

import json

import aiohttp
import pytest

from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import OTHER, SESSION, get, ids, ids_of


async def test_the_pages_make_up_the_list(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The last page is short, a page past the end is empty, and all pages have the totals."""
    traces = server.add_session(SESSION, 45)
    pages = [await get(http, server, page=page, limit=20) for page in (1, 2, 3, 4)]
    assert [status for status, _ in pages] == [200] * 4
    assert [[trace["traceId"] for trace in body["traces"]] for _, body in pages] == [
        ids_of(traces[:20]),
        ids_of(traces[20:40]),
        ids_of(traces[40:]),
        [],
    ]
    assert [body["pagination"] for _, body in pages] == [
        {"page": page, "limit": 20, "totalItems": 45, "totalPages": 3} for page in (1, 2, 3, 4)
    ]


async def test_page_and_limit_have_the_services_defaults(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Without a query, page 1 has 20 traces."""
    traces = server.add_session(SESSION, 45)
    assert await ids(http, server) == ids_of(traces[:20])


async def test_a_session_without_traces_has_no_pages(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Both totals are 0, and the status is 200."""
    server.add_session(SESSION)
    assert await get(http, server, limit=100) == (
        200,
        {"traces": [], "pagination": {"page": 1, "limit": 100, "totalItems": 0, "totalPages": 0}},
    )


@pytest.mark.parametrize(
    ("headers", "message"),
    [({}, "Missing x-api-key"), ({"x-api-key": ""}, "Missing x-api-key"), ({"x-api-key": "no"}, "Invalid x-api-key")],
)
async def test_without_the_key_the_answer_is_401(
    server: FakeTracesServer, headers: dict[str, str], message: str
) -> None:
    """The key is checked before anything else."""
    server.add_session(SESSION, 1)
    async with aiohttp.ClientSession(headers=headers) as http:
        assert await get(http, server) == (401, {"error": message})
        assert await get(http, server, page=0) == (401, {"error": message})
        assert await get(http, server, session_id="no/such/path") == (401, {"error": message})


async def test_limits_of_1_and_of_100_are_accepted(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Both ends of the range are valid."""
    traces = server.add_session(SESSION, 101)
    assert await ids(http, server, limit=1, page=101) == ids_of(traces[100:])
    assert await ids(http, server, limit=100) == ids_of(traces[:100])


async def test_an_unknown_session_is_404(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A known id in upper case is unknown too, because the service compares ids exactly."""
    server.add_session(SESSION, 1)
    missing = (404, {"error": "Trace session not found"})
    assert await get(http, server, session_id=OTHER) == missing
    assert await get(http, server, session_id=SESSION.upper()) == missing


async def test_a_page_of_a_large_session_is_valid_json(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The body is joined from pieces, and its length is right."""
    server.add_session(SESSION, 1000)
    async with http.get(f"{server.base_url}/traces/session/{SESSION}", params={"page": 5, "limit": 100}) as answer:
        body = await answer.read()
        assert int(answer.headers["Content-Length"]) == len(body)
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert len(json.loads(body)["traces"]) == 100
