"""The JSON of traces, and made-up traces."""

from __future__ import annotations

from datetime import timedelta, timezone

import aiohttp
import attrs

from lyzr_traces_async.models import Trace
from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import OTHER, SESSION, TRACE, get, ids_of


async def test_a_trace_is_sent_as_the_service_sends_it(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The time is in UTC with milliseconds and a Z, and the fields of `extra` are added."""
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


async def test_missing_values_are_sent_as_null(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """No nullable field is left out."""
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


async def test_an_extra_field_can_replace_a_known_one(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A test can serve rows that break the contract."""
    server.add_session(SESSION, [attrs.evolve(TRACE, extra={"timestamp": "yesterday"})])
    _, body = await get(http, server)
    assert body["traces"][0]["timestamp"] == "yesterday"


async def test_made_up_traces_are_varied_and_repeatable() -> None:
    """They are unique, newest first, sometimes incomplete, and the same on every server."""
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
