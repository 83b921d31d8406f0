"""Each field of one trace, of an observation, and of an ended session: read, null and absent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import pytest

from lyzr_traces_async import Observation, SessionInfo, TraceDetail
from lyzr_traces_async._decoding import decode_sessions, decode_trace
from lyzr_traces_async._wire import camel_case

OBSERVATION: Final[dict[str, Any]] = {
    "id": "o-1",
    "type": "GENERATION",
    "startTime": "2026-03-25T20:19:01+02:00",
    "traceId": "t-2",
    "parentObservationId": "o-3",
    "name": "llm-4",
    "level": "DEFAULT-5",
    "statusMessage": "done-6",
    "model": "model-7",
    "environment": "production-8",
    "endTime": "2026-03-25T18:19:09Z",
    "completionStartTime": "2026-03-25T18:19:10Z",
    "modelParameters": {"temperature": 11},
    "input": [12, {"role": "user"}],
    "output": "text-13",
    "metadata": {"more": 14},
    "usageDetails": {"input": 15.0},
    "costDetails": {"output": 16.5},
}
DETAIL: Final[dict[str, Any]] = {
    "traceId": "t-1",
    "name": "llm-2",
    "sessionId": "s-3",
    "timestamp": "2026-03-25T20:19:04+02:00",
    "latencySeconds": 5.5,
    "totalCostUsd": 6.5,
    "htmlPath": "/traces/7",
    "observations": [],
}
SESSION: Final[dict[str, Any]] = {
    "sessionId": "S-1",
    "roomName": "room-2",
    "agentId": "agent-3",
    "closeReason": "job_shutdown-4",
    "startedAt": "2026-03-25T20:19:05+02:00",
    "endedAt": "2026-03-25T16:19:06-02:00",
    "durationMs": 7,
    "messageCount": 8,
}
TIMES: Final = {
    "startTime": datetime(2026, 3, 25, 18, 19, 1, tzinfo=UTC),
    "endTime": datetime(2026, 3, 25, 18, 19, 9, tzinfo=UTC),
    "completionStartTime": datetime(2026, 3, 25, 18, 19, 10, tzinfo=UTC),
    "timestamp": datetime(2026, 3, 25, 18, 19, 4, tzinfo=UTC),
    "startedAt": datetime(2026, 3, 25, 18, 19, 5, tzinfo=UTC),
    "endedAt": datetime(2026, 3, 25, 18, 19, 6, tzinfo=UTC),
}
OPTIONAL_OF_OBSERVATIONS: Final = [name for name in OBSERVATION if name not in ("id", "type", "startTime")]
OPTIONAL_OF_DETAILS: Final = ["name", "sessionId", "latencySeconds", "totalCostUsd", "htmlPath"]
OPTIONAL_OF_SESSIONS: Final = ["agentId", "closeReason", "durationMs"]
EMPTY: Final[dict[str, Any]] = {"usageDetails": {}, "costDetails": {}}


def detail_of(document: dict[str, Any]) -> TraceDetail:
    return decode_trace(json.dumps({"trace": document}).encode())


def observation_of(document: dict[str, Any]) -> Observation:
    (observation,) = detail_of({**DETAIL, "observations": [document]}).observations
    return observation


def session_of(document: dict[str, Any]) -> SessionInfo:
    page = {"items": [document], "total": 1, "limit": 200, "offset": 0, "nextOffset": None}
    (session,) = decode_sessions(json.dumps(page).encode()).items
    return session


def changed(document: dict[str, Any], name: str, *, absent: bool) -> dict[str, Any]:
    """Return the document with a field that is null or absent."""
    return {key: None if key == name else value for key, value in document.items() if not (absent and key == name)}


def values(model: TraceDetail | Observation | SessionInfo) -> dict[str, Any]:
    """Return the values of a model by the API's names, without ``extra``."""
    return {camel_case(name): getattr(model, name) for name in attrs.fields_dict(type(model)) if name != "extra"}


def expected(document: dict[str, Any]) -> dict[str, Any]:
    return {name: TIMES.get(name, value) for name, value in document.items()}


def test_every_field_of_an_observation_is_read() -> None:
    """Times are in UTC, and every other value is as it was sent."""
    observation = observation_of(OBSERVATION)
    assert values(observation) == expected(OBSERVATION)
    for moment in (observation.start_time, observation.end_time, observation.completion_start_time):
        assert moment is not None
        assert moment.tzinfo is UTC
    assert observation.extra == {}


@pytest.mark.parametrize("absent", [True, False], ids=["absent", "null"])
@pytest.mark.parametrize("name", OPTIONAL_OF_OBSERVATIONS)
def test_a_missing_field_of_an_observation_is_none_or_empty(name: str, *, absent: bool) -> None:
    """Numbers by kind are empty. All other fields are read as usual."""
    observation = observation_of(changed(OBSERVATION, name, absent=absent))
    assert values(observation) == {**expected(OBSERVATION), name: EMPTY.get(name)}


def test_every_field_of_a_trace_with_observations_is_read() -> None:
    """The time is in UTC, and every other value is as it was sent."""
    detail = detail_of(DETAIL)
    assert values(detail) == {**expected(DETAIL), "observations": ()}
    assert detail.timestamp.tzinfo is UTC
    assert detail.extra == {}


@pytest.mark.parametrize("absent", [True, False], ids=["absent", "null"])
@pytest.mark.parametrize("name", OPTIONAL_OF_DETAILS)
def test_a_missing_field_of_a_trace_with_observations_is_none(name: str, *, absent: bool) -> None:
    """All other fields are read as usual."""
    detail = detail_of(changed(DETAIL, name, absent=absent))
    assert values(detail) == {**expected(DETAIL), "observations": (), name: None}


def test_observations_stay_in_the_servers_order() -> None:
    """They are not sorted by their start or id."""
    sent = [
        {"id": name, "type": "SPAN", "startTime": f"2026-03-25T18:19:0{second}Z"}
        for name, second in (("b", 3), ("a", 5), ("c", 1))
    ]
    assert [one.id for one in detail_of({**DETAIL, "observations": sent}).observations] == ["b", "a", "c"]


def test_every_field_of_an_ended_session_is_read() -> None:
    """Times are in UTC, and every other value is as it was sent, the id in its own case."""
    session = session_of(SESSION)
    assert values(session) == expected(SESSION)
    assert (session.started_at.tzinfo, session.ended_at.tzinfo) == (UTC, UTC)
    assert session.extra == {}


@pytest.mark.parametrize("absent", [True, False], ids=["absent", "null"])
@pytest.mark.parametrize("name", OPTIONAL_OF_SESSIONS)
def test_a_missing_field_of_an_ended_session_is_none(name: str, *, absent: bool) -> None:
    """All other fields are read as usual."""
    assert values(session_of(changed(SESSION, name, absent=absent))) == {**expected(SESSION), name: None}


@pytest.mark.parametrize(("size", "kept"), [(4096, True), (4097, False)])
def test_an_unknown_field_of_a_session_is_kept_up_to_4_kib(size: int, *, kept: bool) -> None:
    """The size is that of its JSON, in bytes."""
    text = "x" * (size - 2)  # and two quotes
    assert session_of({**SESSION, "more": text}).extra == ({"more": text} if kept else {})


@pytest.mark.parametrize("name", ["chatHistory", "sessionReport"])
def test_the_chat_and_the_report_of_a_session_are_left_out_at_any_size(name: str) -> None:
    """The other unknown fields are kept, with any value."""
    session = session_of({**SESSION, name: [], "orgId": "o", "createdByUserId": None, "tags": {"a": [1]}})
    assert session.extra == {"orgId": "o", "createdByUserId": None, "tags": {"a": [1]}}
