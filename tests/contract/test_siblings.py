"""What a client relies on of the two endpoints beside the list of traces, shown on a deployment.

It is part of the contract: see ``test_traces.py``, with which it shares the number of requests.
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
    """A trace, as the list shows it."""
    rows: list[dict[str, Any]] = (await service.get(session_id, limit=10)).document["traces"]
    if not rows:
        pytest.skip("the session has no traces")
    return max(rows, key=lambda row: row["observationCount"])


@pytest.fixture(scope="module")
async def trace(service: Service, session_id: str, row: dict[str, Any]) -> dict[str, Any]:
    """The same trace, as it stands alone."""
    reply = await service.ask(f"/traces/session/{session_id}/{row['traceId']}")
    assert reply.status == 200
    trace: dict[str, Any] = reply.document["trace"]
    return trace


@pytest.fixture(scope="module")
async def oldest(service: Service) -> Reply:
    """The two transcripts that ended first."""
    reply = await service.ask("/transcripts", sort="asc", limit=2)
    if not reply.document["items"]:
        pytest.skip("there are no transcripts")
    return reply


def _is_moment(text: Any) -> bool:
    return type(text) is str and datetime.fromisoformat(text).utcoffset() is not None


def _is_numbers(value: Any) -> bool:
    return value is None or all(type(number) in (int, float) for number in value.values())


# --- One trace


async def test_a_trace_has_the_fields_that_its_list_shows(trace: dict[str, Any], row: dict[str, Any]) -> None:
    """The same of each, but for the number of observations."""
    names = ("traceId", "name", "sessionId", "timestamp", "latencySeconds", "totalCostUsd", "htmlPath")
    assert {name: trace.get(name) for name in names} == {name: row.get(name) for name in names}


async def test_observations_have_the_documented_shape(trace: dict[str, Any]) -> None:
    """Id, type and begin are always there; each belongs to its trace."""
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
    """404, and it says that it is the trace."""
    reply = await service.ask(f"/traces/session/{session_id}/no-such-trace-{uuid4().hex}")
    check_refusal(reply, 404)
    assert reply.document["error"].startswith("Trace not found")


async def test_a_trace_id_has_at_most_256_characters(service: Service, session_id: str) -> None:
    """400, with the issues."""
    reply = await service.ask(f"/traces/session/{session_id}/{'x' * 257}")
    check_refusal(reply, 400)
    assert reply.document["issues"]


# --- Transcripts


async def test_a_list_of_transcripts_has_the_documented_shape(oldest: Reply) -> None:
    """Sessions with their fields and types, and the place in the list."""
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
    """From the end of one on, that one is the first: bounds are included."""
    items = oldest.document["items"]
    ends = [datetime.fromisoformat(item["endedAt"]) for item in items]
    assert ends == sorted(ends)
    reply = await service.ask("/transcripts", sort="desc", from_=items[0]["endedAt"], to=items[-1]["endedAt"])
    found = [datetime.fromisoformat(item["endedAt"]) for item in reply.document["items"]]
    assert found == sorted(found, reverse=True)
    assert {ends[0], ends[-1]} <= set(found)
    assert ends[0] <= found[-1] <= found[0] <= ends[-1]


async def test_an_agent_has_a_list_of_its_own(service: Service, oldest: Reply) -> None:
    """With its sessions and no others."""
    agents = [item["agentId"] for item in oldest.document["items"] if item["agentId"] is not None]
    if not agents:
        pytest.skip("no session that was looked at has an agent")
    reply = await service.ask(f"/transcripts/agent/{agents[0]}", limit=5)
    assert reply.document["total"] >= 1
    assert {item["agentId"] for item in reply.document["items"]} == {agents[0]}


async def test_a_malformed_limit_is_refused(service: Service) -> None:
    """400 with the issues: its range is 1 to 200."""
    reply = await service.ask("/transcripts", limit=201)
    check_refusal(reply, 400)
    assert reply.document["issues"]
