"""The fake server keeps the service's contract: what it answers, and what it shows of the requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import aiohttp
import attrs
import pytest

from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.models import Trace
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER = "0f0e0d0c-0b0a-4908-8706-050403020100"

TRACE = Trace(
    trace_id="trace-abc-123",
    name="voice-agent-response",
    session_id=SESSION,
    timestamp=datetime(2026, 3, 25, 18, 19, 24, 347_999, tzinfo=UTC),
    latency_seconds=1.25,
    total_cost_usd=0.0034,
    observation_count=4,
    html_path="/traces/view/trace-abc-123",
)


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key="its-key", quota=None) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"x-api-key": "its-key"}) as http:
        yield http


async def get(
    http: aiohttp.ClientSession, server: FakeTracesServer, session_id: str = SESSION, **query: Any
) -> tuple[int, Any]:
    async with http.get(f"{server.base_url}/traces/session/{session_id}", params=query) as answer:
        return answer.status, await answer.json()


async def ids(http: aiohttp.ClientSession, server: FakeTracesServer, **query: Any) -> list[str]:
    status, body = await get(http, server, **query)
    assert status == 200
    return [trace["traceId"] for trace in body["traces"]]


def ids_of(traces: tuple[Trace, ...]) -> list[str]:
    return [trace.trace_id for trace in traces]


# What is answered


async def test_a_trace_is_sent_as_the_service_sends_it(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Every field under the service's name, the time in UTC with milliseconds and Z, and `extra` beside them."""
    moved = TRACE.timestamp.astimezone(timezone(timedelta(hours=5, minutes=30)))
    server.add_session(SESSION, [attrs.evolve(TRACE, timestamp=moved, extra={"tags": ["a", {"b": None}]})])
    status, body = await get(http, server)
    assert status == 200
    assert body == {
        "traces": [
            {
                "traceId": "trace-abc-123",
                "name": "voice-agent-response",
                "sessionId": SESSION,
                "timestamp": "2026-03-25T18:19:24.347Z",
                "latencySeconds": 1.25,
                "totalCostUsd": 0.0034,
                "observationCount": 4,
                "htmlPath": "/traces/view/trace-abc-123",
                "tags": ["a", {"b": None}],
            }
        ],
        "pagination": {"page": 1, "limit": 20, "totalItems": 1, "totalPages": 1},
    }


async def test_what_a_trace_does_not_have_is_sent_as_null(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """The nullable fields are there, with null."""
    server.add_session(SESSION, [Trace("t", None, None, TRACE.timestamp, None, None, 0, None)])
    _, body = await get(http, server)
    assert body["traces"] == [
        {
            "traceId": "t",
            "name": None,
            "sessionId": None,
            "timestamp": "2026-03-25T18:19:24.347Z",
            "latencySeconds": None,
            "totalCostUsd": None,
            "observationCount": 0,
            "htmlPath": None,
        }
    ]


async def test_an_extra_field_can_take_the_place_of_a_known_one(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """So that a test can serve rows that break the contract."""
    server.add_session(SESSION, [attrs.evolve(TRACE, extra={"timestamp": "yesterday"})])
    _, body = await get(http, server)
    assert body["traces"][0]["timestamp"] == "yesterday"


async def test_the_pages_make_up_the_list(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """45 traces in pages of 20: the last is short, the one past the end is empty, all say where the end is."""
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
    """Without a query it is page 1 of 20 traces a page."""
    traces = server.add_session(SESSION, 45)
    assert await ids(http, server) == ids_of(traces[:20])


async def test_a_session_without_traces_has_no_pages(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Both totals are 0, and the status is still 200."""
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
    """Whatever else is wrong with the request: the key is looked at first."""
    server.add_session(SESSION, 1)
    async with aiohttp.ClientSession(headers=headers) as http:
        assert await get(http, server) == (401, {"error": message})
        assert await get(http, server, page=0) == (401, {"error": message})
        assert await get(http, server, session_id="no/such/path") == (401, {"error": message})


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
    """The status is 400, and the issue says where the mistake is and of what kind."""
    server.add_session(SESSION, 1)
    status, body = await get(http, server, **query)
    assert (status, body["error"]) == (400, "Validation failed")
    assert [(issue["path"], issue["code"]) for issue in body["issues"]] == [([path], code)]
    assert body["issues"][0]["message"]


async def test_all_issues_come_at_once(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Three mistakes, three issues, before anyone asks whether the session exists."""
    status, body = await get(http, server, session_id="x", page=0, limit=0)
    assert status == 400
    assert [issue["path"] for issue in body["issues"]] == [["sessionId"], ["page"], ["limit"]]


async def test_the_limits_are_within_the_limits(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A limit of 1 and one of 100 are served as asked."""
    traces = server.add_session(SESSION, 101)
    assert await ids(http, server, limit=1, page=101) == ids_of(traces[100:])
    assert await ids(http, server, limit=100) == ids_of(traces[:100])


async def test_an_unknown_session_is_404(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """So is a known one in upper case, since the service compares ids as they are."""
    server.add_session(SESSION, 1)
    missing = (404, {"error": "Trace session not found"})
    assert await get(http, server, session_id=OTHER) == missing
    assert await get(http, server, session_id=SESSION.upper()) == missing


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/traces"),
        ("GET", "/traces/session/"),
        ("GET", f"/traces/session/{SESSION}/trace-abc-123/more"),
        ("POST", f"/traces/session/{SESSION}"),
    ],
)
async def test_anything_else_is_404_in_json(
    server: FakeTracesServer, http: aiohttp.ClientSession, method: str, path: str
) -> None:
    """Unknown paths and methods get the service's kind of error, not the web framework's."""
    server.add_session(SESSION, 1)
    async with http.request(method, server.base_url + path) as answer:
        assert (answer.status, await answer.json()) == (404, {"error": "Not found"})


@pytest.mark.parametrize("special", ["0" * 8, "f" * 8])
async def test_the_nil_and_the_max_uuid_are_uuids(
    server: FakeTracesServer, http: aiohttp.ClientSession, special: str
) -> None:
    """RFC 9562 has both, though they have no version."""
    session_id = str(UUID(special * 4))
    server.add_session(session_id, 2)
    assert len((await get(http, server, session_id=session_id))[1]["traces"]) == 2


async def test_the_request_id_comes_back(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The request's own is echoed; where it has none, every answer gets a new one."""
    async with http.get(server.base_url, headers={"X-Request-Id": "mine"}) as answer:
        assert answer.headers["X-Request-Id"] == "mine"
    made = set()
    for _ in range(2):
        async with http.get(server.base_url) as answer:
            made.add(answer.headers["X-Request-Id"])
    assert len(made) == 2
    assert all(made)


# What the sessions have


async def test_generated_traces_are_fit_for_tests() -> None:
    """Unique, strictly newest first, varied, now and then incomplete, and the same on every server."""
    traces = FakeTracesServer().add_session(SESSION, 200)
    assert len(set(ids_of(traces))) == 200
    times = [trace.timestamp for trace in traces]
    assert times == sorted(set(times), reverse=True)
    assert {trace.session_id for trace in traces} == {SESSION}
    for name in ("name", "latency_seconds", "total_cost_usd", "observation_count"):
        assert len({getattr(trace, name) for trace in traces}) >= 3
    for name in ("latency_seconds", "total_cost_usd"):
        assert 0 < [getattr(trace, name) for trace in traces].count(None) < 20
    assert FakeTracesServer().add_session(SESSION, 200) == traces
    assert not set(ids_of(FakeTracesServer().add_session(OTHER, 200))) & set(ids_of(traces))


async def test_ids_are_compared_letter_by_letter(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """As the service does; a UUID means its lower case."""
    upper = server.add_session(SESSION.upper(), 1)
    first = server.add_session(UUID(SESSION), 2)
    second = server.add_traces(SESSION)
    assert server.traces(SESSION) == (*second, *first)
    assert await ids(http, server) == ids_of(second + first)
    assert server.traces(SESSION.upper()) == upper


async def test_new_traces_arrive_on_top(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """They push the others down, are newer, and have new ids."""
    old = server.add_session(SESSION, 3)
    new = server.add_traces(SESSION, 2)
    assert await ids(http, server) == ids_of(new + old)
    assert new[0].timestamp > new[1].timestamp > old[0].timestamp
    assert len(set(ids_of(new + old))) == 5


@pytest.mark.parametrize("at", [0, 1, 2, 3])
async def test_a_late_trace_lands_anywhere_in_the_order_of_time(server: FakeTracesServer, at: int) -> None:
    """Inserted traces have times between those of their new neighbours."""
    old = server.add_session(SESSION, 3)
    new = server.add_traces(SESSION, 4, at=at)
    listed = server.traces(SESSION)
    assert listed == (*old[:at], *new, *old[at:])
    times = [trace.timestamp for trace in listed]
    assert times == sorted(set(times), reverse=True)


async def test_given_traces_are_listed_as_given(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """In the given order, whatever their times, even twice, from any iterable."""
    older = attrs.evolve(TRACE, trace_id="older", timestamp=TRACE.timestamp - timedelta(days=1))
    assert server.add_session(SESSION, iter([older, TRACE, older])) == (older, TRACE, older)
    late = attrs.evolve(TRACE, trace_id="late")
    assert server.add_traces(SESSION, [late], at=3) == (late,)
    assert await ids(http, server) == ["older", "trace-abc-123", "older", "late"]


async def test_removed_traces_are_gone(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """From the top, or from elsewhere; the others move up and the total shrinks."""
    traces = server.add_session(SESSION, 6)
    assert server.remove_traces(SESSION) == traces[:1]
    assert server.remove_traces(SESSION, 2, at=1) == traces[2:4]
    _, body = await get(http, server)
    assert [trace["traceId"] for trace in body["traces"]] == ids_of((traces[1], *traces[4:]))
    assert body["pagination"]["totalItems"] == 3


async def test_hidden_rows_count_but_are_not_shown(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """They are dropped after paging: one page is short, another empty, and the totals are as before."""
    traces = server.add_session(SESSION, 8)
    assert server.hide_traces(SESSION, 3, at=1) == traces[1:4]
    pages = [await get(http, server, page=page, limit=2) for page in (1, 2, 3, 4)]
    assert [[trace["traceId"] for trace in body["traces"]] for _, body in pages] == [
        ids_of(traces[:1]),
        [],
        ids_of(traces[4:6]),
        ids_of(traces[6:]),
    ]
    assert {(body["pagination"]["totalItems"], body["pagination"]["totalPages"]) for _, body in pages} == {(8, 4)}
    assert server.traces(SESSION) == traces[:1] + traces[4:]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda server: server.add_session("not-a-uuid"), "must be a UUID"),
        (lambda server: server.add_session(5), "must be a UUID"),
        (lambda server: server.add_session(SESSION), "is already there"),
        (lambda server: server.add_session(OTHER, -1), "must be an integer >= 0, not -1"),
        (lambda server: server.add_session(OTHER, True), "must be an integer >= 0, not True"),
        (lambda server: server.add_session(OTHER, 1.0), "must be an integer >= 0, not 1.0"),
        (lambda server: server.add_session(OTHER, "abc"), "iterable of Trace, but one item is 'a'"),
        (
            lambda server: server.add_session(
                OTHER, [attrs.evolve(TRACE, timestamp=TRACE.timestamp.replace(tzinfo=None))]
            ),
            "'trace-abc-123' must have a time zone",
        ),
        (
            lambda server: server.add_session(OTHER, [attrs.evolve(TRACE, extra={"o": object()})]),
            "'trace-abc-123' can't be sent as JSON",
        ),
        (lambda server: server.add_traces(OTHER), f"no session {OTHER}"),
        (lambda server: server.add_traces(SESSION, at=4), "at must be an integer from 0 to 3, not 4"),
        (lambda server: server.add_traces(SESSION, at=-1), "at must be an integer from 0 to 3, not -1"),
        (lambda server: server.remove_traces(OTHER), f"no session {OTHER}"),
        (lambda server: server.remove_traces(SESSION, 4), "at + n must be at most 3, the number of rows, not 4"),
        (lambda server: server.remove_traces(SESSION, 2, at=2), "at + n must be at most 3, the number of rows, not 4"),
        (lambda server: server.remove_traces(SESSION, -1), "n must be an integer >= 0, not -1"),
        (lambda server: server.hide_traces(OTHER, 1), f"no session {OTHER}"),
        (lambda server: server.hide_traces(SESSION, 1, at=3), "at + n must be at most 3, the number of rows, not 4"),
        (lambda server: server.traces(OTHER), f"no session {OTHER}"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(call: Any, text: str) -> None:
    """Each refusal says what is wrong, and the session is as it was."""
    server = FakeTracesServer()
    traces = server.add_session(SESSION, 3)
    with pytest.raises(InvalidArgumentError) as caught:
        call(server)
    assert text in str(caught.value)
    assert server.traces(SESSION) == traces
    assert server.add_session(OTHER) == ()


# What can be watched and timed


async def test_requests_are_recorded_in_the_order_of_arrival(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Each with what was asked, and what it was answered with."""
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
    """A repeated field is one, and the mapping has every field once."""
    repeated = [("X-Request-Id", "r"), ("Via", "a"), ("Via", "b")]
    async with http.get(server.base_url, headers=repeated):
        pass
    headers = server.requests[0].headers
    assert headers["X-API-KEY"] == headers["x-api-key"] == "its-key"
    assert headers["VIA"] == "a, b"
    assert headers.get("absent") is None
    assert "Via" in headers
    assert list(headers).count("via") == 1
    assert len(headers) == len(set(headers))


async def test_the_key_is_in_no_repr(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Neither of the server nor of a request nor of its headers, which show all the rest."""
    await get(http, server, page=7)
    assert server.api_key == "its-key"
    text = f"{server!r} {server.requests!r} {server.requests[0].headers!r}"
    assert "its-key" not in text
    assert server.base_url in text
    assert "'page': '7'" in text
    assert "127.0.0.1" in repr(server.requests[0].headers)


async def test_the_hook_sees_a_request_before_its_answer_is_made(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """It finds it recorded and unanswered, and what it changes is in that very answer."""
    server.add_session(SESSION, 1)
    seen: list[tuple[RecordedRequest, int | None]] = []

    def arrive(request: RecordedRequest) -> None:
        assert server.requests[-1] is request
        seen.append((request, request.status))
        server.add_traces(SESSION)

    server.on_request = arrive
    assert len(await ids(http, server)) == 2
    assert len(await ids(http, server)) == 3
    assert seen == [(request, None) for request in server.requests]


async def test_a_hook_that_fails_is_heard_of(http: aiohttp.ClientSession) -> None:
    """The client gets a 500 instead of an answer that looks right, and the first exception leaves the block."""
    with pytest.raises(ZeroDivisionError, match="1"):
        async with FakeTracesServer() as server:
            server.add_session(SESSION, 1)

            def fail(_: RecordedRequest) -> None:
                raise ZeroDivisionError(len(server.requests))

            server.on_request = fail
            for _ in range(2):
                async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
                    assert answer.status == 500
                    assert "RateLimit" in answer.headers
                    assert await answer.json() == {"error": "Internal server error"}
            assert [request.status for request in server.requests] == [500, 500]
            raise LookupError("what came of it")


async def test_a_hook_that_fails_does_not_hide_a_cancellation(http: aiohttp.ClientSession) -> None:
    """Or Ctrl-C: whoever waits for that would wait for ever."""
    with pytest.raises(asyncio.CancelledError):
        async with FakeTracesServer() as server:
            server.on_request = lambda _: 1 / 0  # type: ignore[assignment]
            async with http.get(server.base_url):
                raise asyncio.CancelledError


async def test_latency_comes_before_every_answer(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Before errors too; requests at the same time wait at the same time."""
    loop = asyncio.get_running_loop()
    server.latency = 20.0
    begin = loop.time()
    await asyncio.gather(*(get(http, server) for _ in range(5)))
    assert 20 <= loop.time() - begin < 40


async def test_the_list_is_read_at_the_end_of_the_wait(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A trace that arrives while a request is on its way is in the answer."""
    server.add_session(SESSION, 1)
    server.latency = 10.0
    asyncio.get_running_loop().call_later(5.0, server.add_traces, SESSION)
    assert len(await ids(http, server)) == 2


@pytest.mark.parametrize("api_key", ["", " spaces ", "new\nline", "clé", "tab\t"])
def test_a_key_that_cannot_be_sent_is_refused(api_key: str) -> None:
    """At once, and without being shown."""
    with pytest.raises(InvalidArgumentError) as caught:
        FakeTracesServer(api_key=api_key)
    assert str(caught.value) == "api_key must be printable ASCII without spaces at its ends"


async def test_a_page_of_a_large_session_is_valid_json(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The body is put together from pieces; a reader of JSON finds it whole, and the length is right."""
    server.add_session(SESSION, 1000)
    async with http.get(f"{server.base_url}/traces/session/{SESSION}", params={"page": 5, "limit": 100}) as answer:
        body = await answer.read()
        assert int(answer.headers["Content-Length"]) == len(body)
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert len(json.loads(body)["traces"]) == 100
