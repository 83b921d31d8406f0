"""Malformed requests to the fake server, and unknown paths."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import aiohttp
import pytest

from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import SESSION, get


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ({"page": "0"}, "page", "too_small"),
        ({"page": "-1"}, "page", "too_small"),
        ({"page": "1.5"}, "page", "invalid_type"),
        ({"page": ""}, "page", "invalid_type"),
        ({"page": "9" * 5000}, "page", "invalid_type"),
        ({"page": ["1", "2"]}, "page", "invalid_type"),
        ({"limit": "0"}, "limit", "too_small"),
        ({"limit": "101"}, "limit", "too_big"),
        ({"limit": "ten"}, "limit", "invalid_type"),
        ({"session_id": "not-a-uuid"}, "sessionId", "invalid_format"),
        ({"session_id": SESSION.replace("-", "")}, "sessionId", "invalid_format"),
    ],
)
async def test_a_malformed_request_is_answered_with_its_issue(
    server: FakeTracesServer, http: aiohttp.ClientSession, query: dict[str, Any], path: str, code: str
) -> None:
    """The status is 400. The issue has the place and the kind of the mistake."""
    server.add_session(SESSION, 1)
    status, body = await get(http, server, **query)
    assert (status, body["error"]) == (400, "Validation failed")
    assert [(issue["path"], issue["code"]) for issue in body["issues"]] == [([path], code)]
    assert body["issues"][0]["message"]


async def test_all_issues_come_at_once(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Three mistakes give three issues, before the session is looked up."""
    status, body = await get(http, server, session_id="x", page=0, limit=0)
    assert status == 400
    assert [issue["path"] for issue in body["issues"]] == [["sessionId"], ["page"], ["limit"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/traces"),
        ("GET", "/traces/session/"),
        ("GET", f"/traces/session/{SESSION}/trace-abc-123/more"),
        ("POST", f"/traces/session/{SESSION}"),
    ],
)
async def test_unknown_paths_and_methods_are_404_in_json(
    server: FakeTracesServer, http: aiohttp.ClientSession, method: str, path: str
) -> None:
    """The body is an error of the service, not of the web framework."""
    server.add_session(SESSION, 1)
    async with http.request(method, server.base_url + path) as answer:
        assert (answer.status, await answer.json()) == (404, {"error": "Not found"})


@pytest.mark.parametrize("special", ["0" * 8, "f" * 8])
async def test_the_nil_and_the_max_uuid_are_uuids(
    server: FakeTracesServer, http: aiohttp.ClientSession, special: str
) -> None:
    """RFC 9562 defines both, although they have no version."""
    session_id = str(UUID(special * 4))
    server.add_session(session_id, 2)
    assert len((await get(http, server, session_id=session_id))[1]["traces"]) == 2


@pytest.mark.parametrize("agent", [None, "x"])
@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ([("limit", "0"), ("offset", "-1")], {"limit": "too_small", "offset": "too_small"}),
        ([("limit", "201")], {"limit": "too_big"}),
        ([("limit", "x"), ("offset", "1.5")], {"limit": "invalid_type", "offset": "invalid_type"}),
        ([("sort", "up")], {"sort": "invalid_value"}),
        ([("sort", "")], {"sort": "invalid_value"}),
        ([("sort", "asc"), ("sort", "asc")], {"sort": "invalid_type"}),
        ([("sessionId", "x")], {"sessionId": "invalid_format"}),
    ],
)
async def test_malformed_values_for_transcripts_are_400_with_issues(
    server: FakeTracesServer,
    http: aiohttp.ClientSession,
    query: list[tuple[str, str]],
    codes: dict[str, str],
    agent: str | None,
) -> None:
    """There is an issue for each value, in both lists of transcripts."""
    path = "/transcripts" if agent is None else f"/transcripts/agent/{agent}"
    async with http.get(server.base_url + path, params=query) as answer:
        body = await answer.json()
    assert (answer.status, body["error"]) == (400, "Validation failed")
    assert {issue["path"][0]: issue["code"] for issue in body["issues"]} == codes


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "yesterday",
        "2026",
        "2026-3-1",
        "2026-02-30",
        "2026-03-25T24:00:01Z",
        "2026-03-25T10:00:00",
        "2026-03-25 10:00:00Z",
        "2026-03-25T10:00:00Z ",
        "٢٠٢٦-03-25",
        "1774461600",
    ],
)
async def test_a_malformed_time_is_400(server: FakeTracesServer, http: aiohttp.ClientSession, moment: str) -> None:
    """A time needs an offset, and a date does not."""
    async with http.get(f"{server.base_url}/transcripts", params={"from": moment, "to": moment}) as answer:
        body = await answer.json()
    assert (answer.status, [issue["path"] for issue in body["issues"]]) == (400, [["from"], ["to"]])
