"""The contract of the endpoints for a single trace and for transcripts, checked against a deployment.

These tests and those in ``test_traces.py`` share one limit of requests.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.service import Reply, Service, check_refusal, optional

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
async def row(service: Service, session_id: str) -> dict[str, Any]:
    """Return a trace as its list has it."""
    rows: list[dict[str, Any]] = (await service.get(session_id, limit=10)).document["traces"]
    if not rows:
        pytest.skip("the session has no traces")
    return max(rows, key=lambda row: row["observationCount"])


@pytest.fixture(scope="module")
async def trace(service: Service, session_id: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the same trace, requested alone."""
    reply = await service.ask(f"/traces/session/{session_id}/{row['traceId']}")
    assert reply.status == 200
    trace: dict[str, Any] = reply.document["trace"]
    return trace


@pytest.fixture(scope="module")
async def oldest(service: Service) -> Reply:
    """Return the two transcripts that ended first."""
    reply = await service.ask("/transcripts", sort="asc", limit=2)
    if not reply.document["items"]:
        pytest.skip("there are no transcripts")
    return reply


def _is_moment(text: Any) -> bool:
    return type(text) is str and datetime.fromisoformat(text).utcoffset() is not None


def _is_numbers(value: Any) -> bool:
    return value is None or all(type(number) in (int, float) for number in value.values())


async def test_a_trace_has_the_fields_of_its_list(trace: dict[str, Any], row: dict[str, Any]) -> None:
    """All values are equal. The list has the number of observations instead of the observations."""
    names = ("traceId", "name", "sessionId", "timestamp", "latencySeconds", "totalCostUsd", "htmlPath")
    assert {name: trace.get(name) for name in names} == {name: row.get(name) for name in names}


async def test_observations_have_the_documented_shape(trace: dict[str, Any]) -> None:
    """The id, the type and the start are always there, and each observation belongs to its trace."""
    texts = ("traceId", "parentObservationId", "name", "level", "statusMessage", "model", "environment")
    for one in trace["observations"]:
        assert type(one["id"]) is type(one["type"]) is str
        assert _is_moment(one["startTime"])
        assert all(optional(one, name, str) for name in texts)
        assert all(one.get(name) is None or _is_moment(one[name]) for name in ("endTime", "completionStartTime"))
        assert optional(one, "modelParameters", dict)
        assert _is_numbers(one.get("usageDetails"))
        assert _is_numbers(one.get("costDetails"))
        assert one.get("traceId") in (None, trace["traceId"])


async def test_an_unknown_trace_is_not_found(service: Service, session_id: str) -> None:
    """The status is 404, and the error says that the trace is missing."""
    reply = await service.ask(f"/traces/session/{session_id}/no-such-trace-{uuid4().hex}")
    check_refusal(reply, 404)
    assert reply.document["error"].startswith("Trace not found")


async def test_a_trace_id_has_at_most_256_characters(service: Service, session_id: str) -> None:
    """A longer one is refused with 400 and its issues."""
    reply = await service.ask(f"/traces/session/{session_id}/{'x' * 257}")
    check_refusal(reply, 400)
    assert reply.document["issues"]


async def test_a_list_of_transcripts_has_the_documented_shape(oldest: Reply) -> None:
    """It has sessions with typed fields, and the offsets of the list."""
    document = oldest.document
    assert {name: type(document[name]) for name in ("items", "total", "limit", "offset")} == {
        "items": list,
        "total": int,
        "limit": int,
        "offset": int,
    }
    assert (document["limit"], document["offset"]) == (2, 0)
    assert document["nextOffset"] == (2 if document["total"] > 2 else None)
    for item in document["items"]:
        assert all(type(item[name]) is str for name in ("id", "sessionId", "roomName", "orgId"))
        assert all(optional(item, name, str) for name in ("agentId", "createdByUserId", "closeReason"))
        assert all(_is_moment(item[name]) for name in ("startedAt", "endedAt", "createdAt", "updatedAt"))
        assert optional(item, "durationMs", int)
        assert type(item["messageCount"]) is int


async def test_transcripts_are_filtered_and_sorted_by_their_end(service: Service, oldest: Reply) -> None:
    """Both bounds are included."""
    items = oldest.document["items"]
    ends = [datetime.fromisoformat(item["endedAt"]) for item in items]
    assert ends == sorted(ends)
    reply = await service.ask("/transcripts", sort="desc", from_=items[0]["endedAt"], to=items[-1]["endedAt"])
    found = [datetime.fromisoformat(item["endedAt"]) for item in reply.document["items"]]
    assert found == sorted(found, reverse=True)
    assert {ends[0], ends[-1]} <= set(found)
    assert ends[0] <= found[-1] <= found[0] <= ends[-1]


async def test_an_agent_has_a_list_of_its_own(service: Service, oldest: Reply) -> None:
    """It has the sessions of that agent only."""
    agents = [item["agentId"] for item in oldest.document["items"] if item["agentId"] is not None]
    if not agents:
        pytest.skip("no session that was looked at has an agent")
    reply = await service.ask(f"/transcripts/agent/{agents[0]}", limit=5)
    assert reply.document["total"] >= 1
    assert {item["agentId"] for item in reply.document["items"]} == {agents[0]}


async def test_a_malformed_limit_is_refused(service: Service) -> None:
    """The status is 400 with issues. The range is 1 to 200."""
    reply = await service.ask("/transcripts", limit=201)
    check_refusal(reply, 400)
    assert reply.document["issues"]
