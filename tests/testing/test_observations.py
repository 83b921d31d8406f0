"""Single traces of the fake server, and their observations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.models import Observation, Trace
from lyzr_traces_async.testing import FakeTracesServer
from lyzr_traces_async.testing._observations import make_up
from tests.testing.asking import OTHER, SESSION

UNKNOWN = "11111111-2222-4333-8444-555555555555"
BEGAN = datetime(2026, 3, 25, 18, 19, 24, 347_999, tzinfo=UTC)
TRACE = Trace("trace-abc-123", "voice-agent-response", SESSION, BEGAN, 1.25, 0.0034, 4, "/traces/view/trace-abc-123")
OBSERVATION = Observation("first", "SPAN", BEGAN)


async def get(
    http: aiohttp.ClientSession, server: FakeTracesServer, trace_id: str, session_id: str = SESSION
) -> tuple[int, Any]:
    """Request a trace with its id in the path exactly as given."""
    url = URL(f"{server.base_url}/traces/session/{session_id}/{trace_id}", encoded=True)
    async with http.get(url) as answer:
        return answer.status, await answer.json()


async def inside(http: aiohttp.ClientSession, server: FakeTracesServer, trace: Trace) -> list[dict[str, Any]]:
    """Return the observations of a trace."""
    status, body = await get(http, server, quote(trace.trace_id, safe=""))
    assert status == 200
    observations: list[dict[str, Any]] = body["trace"]["observations"]
    return observations


async def test_a_trace_is_sent_as_in_its_list_but_with_observations(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Observations replace their count. `extra` adds fields or replaces them."""
    server.add_session(SESSION, [attrs.evolve(TRACE, extra={"tags": ["a"], "name": None})])
    assert await get(http, server, "trace-abc-123") == (
        200,
        {
            "trace": {
                "traceId": "trace-abc-123",
                "name": None,
                "sessionId": SESSION,
                "timestamp": "2026-03-25T18:19:24.347Z",
                "latencySeconds": 1.25,
                "totalCostUsd": 0.0034,
                "htmlPath": "/traces/view/trace-abc-123",
                "observations": [],
                "tags": ["a"],
            }
        },
    )


@pytest.mark.parametrize("trace_id", ["../x", "..", ".", "a/b?c#d", "%2F", "a b+c", "é\u2028", "?", "x" * 256])
async def test_an_id_with_any_characters_is_one_part_of_the_path(
    server: FakeTracesServer, http: aiohttp.ClientSession, trace_id: str
) -> None:
    """The path is split before it is decoded. The record has the decoded path."""
    server.add_session(SESSION, [attrs.evolve(TRACE, trace_id=trace_id)])
    sent = quote(trace_id, safe="").replace(".", "%2E")
    status, body = await get(http, server, sent)
    assert (status, body["trace"]["traceId"]) == (200, trace_id)
    assert server.requests[0].path == f"/v1/traces/session/{SESSION}/{trace_id}"


@pytest.mark.parametrize("trace_id", ["a/b", "trace-abc-123/", "", "/trace-abc-123"])
async def test_a_path_with_further_parts_is_not_found(
    server: FakeTracesServer, http: aiohttp.ClientSession, trace_id: str
) -> None:
    """A slash that was not escaped splits the path."""
    server.add_session(SESSION, [TRACE, attrs.evolve(TRACE, trace_id="a/b")])
    assert await get(http, server, trace_id) == (404, {"error": "Not found"})


async def test_a_hidden_trace_can_be_requested_alone(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """It is only missing in the pages. A removed trace is gone."""
    hidden, removed = server.add_session(SESSION, 2)
    server.hide_traces(SESSION, 1)
    server.remove_traces(SESSION, at=1)
    assert (await get(http, server, hidden.trace_id))[0] == 200
    assert await get(http, server, removed.trace_id) == (404, {"error": "Trace not found"})


async def test_a_404_says_what_is_missing(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The session is unknown, the trace is unknown, or the trace belongs to another session."""
    server.add_session(SESSION, [TRACE])
    (elsewhere,) = server.add_session(OTHER, 1)
    for session_id, trace_id, said in [
        (UNKNOWN, "trace-abc-123", "Trace session not found"),
        (SESSION.upper(), "trace-abc-123", "Trace session not found"),
        (SESSION, "TRACE-abc-123", "Trace not found"),
        (SESSION, elsewhere.trace_id, "Trace not found for session"),
    ]:
        assert await get(http, server, trace_id, session_id) == (404, {"error": said})


async def test_checks_come_in_the_services_order(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The key is checked first, then the form of both ids, then their existence."""
    async with aiohttp.ClientSession() as keyless:
        assert await get(keyless, server, "x", "no-uuid") == (401, {"error": "Missing x-api-key"})
    status, body = await get(http, server, "x" * 257, "no-uuid")
    assert (status, body["error"]) == (400, "Validation failed")
    assert [issue["path"] for issue in body["issues"]] == [["sessionId"], ["traceId"]]
    status, body = await get(http, server, "x" * 257, UNKNOWN)
    assert [issue["code"] for issue in body["issues"]] == ["too_big"]
    assert (await get(http, server, "x" * 256, UNKNOWN))[0] == 404


async def test_made_up_observations_are_consistent_with_their_trace(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Their number, nesting, times, tokens and costs match the trace."""
    for trace in server.add_session(SESSION, 60, observations=True):
        observations = await inside(http, server, trace)
        assert len({one["id"] for one in observations}) == len(observations) == trace.observation_count
        (generation,) = [one for one in observations if one["type"] == "GENERATION"]
        assert generation["model"]
        assert generation["modelParameters"]
        assert generation["input"]
        assert generation["output"]
        usage, costs = generation["usageDetails"], generation["costDetails"]
        assert usage["input"] + usage["output"] == usage["total"] > 0
        assert costs.get("total") == trace.total_cost_usd
        assert costs == {} or costs["input"] + costs["output"] == costs["total"]
        assert generation["startTime"] < generation["completionStartTime"] < generation["endTime"]
        earlier: set[str | None] = {None}
        for one in observations:
            assert one["parentObservationId"] in earlier
            earlier.add(one["id"])
            assert one["traceId"] == trace.trace_id
            begin = datetime.fromisoformat(one["startTime"])
            end = datetime.fromisoformat(one["endTime"] or one["startTime"])
            assert trace.timestamp <= begin <= end
            assert end <= trace.timestamp + timedelta(seconds=trace.latency_seconds or 1, milliseconds=1)


async def test_an_agents_answer_has_a_tool_call_in_its_generation(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Each is nested in the one before: the step, the language model, the tool, and the tool's result."""
    server.add_session(SESSION, [TRACE], observations=True)
    observations = await inside(http, server, TRACE)
    assert [one["type"] for one in observations] == ["SPAN", "GENERATION", "SPAN", "EVENT"]
    assert [one["parentObservationId"] for one in observations] == [None, *(one["id"] for one in observations[:3])]
    assert observations[1]["model"] == "gpt-4o-mini"
    assert [message["role"] for message in observations[1]["input"]] == ["system", "user"]
    assert observations[3]["endTime"] is None


@pytest.mark.parametrize("cost", [None, float("inf"), float("nan")])
async def test_a_missing_end_or_cost_of_a_trace_is_not_made_up(
    server: FakeTracesServer, http: aiohttp.ClientSession, cost: float | None
) -> None:
    """The observations have no end and no costs then."""
    trace = attrs.evolve(TRACE, latency_seconds=None, total_cost_usd=cost)
    server.add_session(SESSION, [trace], observations=True)
    root, generation, *_ = await inside(http, server, trace)
    assert root["endTime"] is None
    assert generation["costDetails"] == {}


async def test_made_up_observations_are_the_same_every_time(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """They are the same in another request and on another server, and differ between traces."""
    first, second = server.add_session(SESSION, 2, observations=True)
    observations = await inside(http, server, first)
    assert await inside(http, server, first) == observations != await inside(http, server, second)
    async with FakeTracesServer() as other:
        other.add_session(SESSION, 2, observations=True)
        assert await inside(http, other, first) == observations


async def test_added_traces_have_observations_only_if_asked(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """The choice made for the session does not matter."""
    server.add_session(SESSION, 1, observations=True)
    (bare,) = server.add_traces(SESSION)
    (full,) = server.add_traces(SESSION, observations=True)
    assert await inside(http, server, bare) == []
    assert len(await inside(http, server, full)) == full.observation_count


numbers = st.floats() | st.integers()


@given(
    st.builds(
        Trace,
        trace_id=st.text(),
        name=st.none() | st.sampled_from(["speech-to-text", "text-to-speech", "x"]),
        session_id=st.none(),
        timestamp=st.datetimes(timezones=st.just(UTC)),
        latency_seconds=st.none() | numbers,
        total_cost_usd=st.none() | numbers,
        observation_count=st.integers(-5, 12),
        html_path=st.none(),
    )
)
def test_observations_are_made_up_for_any_trace(trace: Trace) -> None:
    """Extreme latencies, costs and times are no problem."""
    observations = list(make_up(trace))
    assert len(observations) == max(0, trace.observation_count)
    assert len({one.id for one in observations}) == len(observations)
    server = FakeTracesServer()
    server.add_session(SESSION, [attrs.evolve(trace, trace_id="x")], observations=True)
    server.set_observations(SESSION, "x", observations)


async def test_given_observations_are_served_as_given(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """They keep their order and microseconds. `extra` adds fields or replaces them."""
    server.add_session(SESSION, [TRACE], observations=True)
    given_ones = [
        attrs.evolve(OBSERVATION, id="second", extra={"scores": [1], "startTime": None}),
        attrs.evolve(OBSERVATION, parent_observation_id="second", output={"a": [None]}, usage_details={"input": 3}),
    ]
    server.set_observations(SESSION, "trace-abc-123", iter(given_ones))
    observations = await inside(http, server, TRACE)
    assert [one["id"] for one in observations] == ["second", "first"]
    assert (observations[0]["startTime"], observations[0]["scores"]) == (None, [1])
    assert observations[1] == OBSERVATION.to_dict() | {
        "parentObservationId": "second",
        "output": {"a": [None]},
        "usageDetails": {"input": 3},
        "startTime": "2026-03-25T18:19:24.347999Z",
    }
    server.set_observations(SESSION, "trace-abc-123", [])
    assert await inside(http, server, TRACE) == []


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda server: server.set_observations(UNKNOWN, "t", []), f"no session {UNKNOWN}"),
        (lambda server: server.set_observations(SESSION, "t", []), "has no trace 't'"),
        (
            lambda server: server.set_observations(SESSION, "trace-abc-123", [TRACE]),
            "observations must be an iterable of Observation, but one item is Trace(",
        ),
        (
            lambda server: server.set_observations(
                SESSION, "trace-abc-123", [attrs.evolve(OBSERVATION, end_time=BEGAN.replace(tzinfo=None))]
            ),
            "the end_time of observation 'first' must have a time zone",
        ),
        (
            lambda server: server.set_observations(
                SESSION, "trace-abc-123", [attrs.evolve(OBSERVATION, input=object())]
            ),
            "observation 'first' can't be sent as JSON",
        ),
        (
            lambda server: server.add_traces(
                SESSION, [attrs.evolve(TRACE, observation_count=10_001)], observations=True
            ),
            "'trace-abc-123' has 10001 observations, and at most 10000",
        ),
        (
            lambda server: server.add_session(OTHER, 1, observations="yes"),
            "observations must be True or False, not 'yes'",
        ),
    ],
)
async def test_invalid_observations_are_refused_and_change_nothing(
    server: FakeTracesServer, http: aiohttp.ClientSession, call: Any, text: str
) -> None:
    """Each error says what is wrong."""
    server.add_session(SESSION, [TRACE])
    server.set_observations(SESSION, "trace-abc-123", [OBSERVATION])
    with pytest.raises(InvalidArgumentError) as caught:
        call(server)
    assert text in str(caught.value)
    assert server.traces(SESSION) == (TRACE,)
    assert [one["id"] for one in await inside(http, server, TRACE)] == ["first"]
    assert server.add_session(OTHER) == ()


async def test_failures_meet_requests_for_one_trace_too(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A failure for a session applies to its single traces, and a failure for a page does not."""
    server.add_session(SESSION, [TRACE])
    server.add_session(OTHER, [TRACE])
    server.fail_next(status=502, page=1)
    server.fail_next(status=500, session_id=SESSION)
    assert (await get(http, server, "trace-abc-123", OTHER))[0] == 200
    assert (await get(http, server, "trace-abc-123"))[0] == 500
    assert (await get(http, server, "trace-abc-123"))[0] == 200
    server.fail_next(status=504)
    async with http.get(f"{server.base_url}/traces/session/{OTHER}") as answer:
        assert answer.status == 502
    assert (await get(http, server, "trace-abc-123", OTHER))[0] == 504
    assert [request.status for request in server.requests] == [200, 500, 200, 502, 504]
