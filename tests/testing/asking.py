"""Requests to the fake server, and a trace for it to serve."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import aiohttp

from lyzr_traces_async.models import Trace
from lyzr_traces_async.testing import FakeTracesServer

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

# The bytes of a request for a page of traces.
REQUEST = f"GET /v1/traces/session/{SESSION} HTTP/1.1\r\nHost: x\r\nx-api-key: test-key\r\n\r\n".encode("ascii")


async def get(
    http: aiohttp.ClientSession, server: FakeTracesServer, session_id: str = SESSION, **query: Any
) -> tuple[int, Any]:
    """Request a page of traces, and return the status and the body."""
    async with http.get(f"{server.base_url}/traces/session/{session_id}", params=query) as answer:
        return answer.status, await answer.json()


async def ids(http: aiohttp.ClientSession, server: FakeTracesServer, **query: Any) -> list[str]:
    """Return the trace ids of a page."""
    status, body = await get(http, server, **query)
    assert status == 200
    return [trace["traceId"] for trace in body["traces"]]


def ids_of(traces: tuple[Trace, ...]) -> list[str]:
    return [trace.trace_id for trace in traces]


def fetch(server: FakeTracesServer, path: str = f"/traces/session/{SESSION}") -> tuple[int, Any]:
    """Send a request from synchronous code, and return the status and the body."""
    request = Request(server.base_url + path, headers={"x-api-key": server.api_key})  # noqa: S310 - the test's server
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            return answer.status, json.load(answer)
    except HTTPError as failure:
        with failure:
            return failure.code, json.load(failure)


def port_of(server: FakeTracesServer) -> int:
    return int(server.base_url.removesuffix("/v1").rpartition(":")[2])
