"""The answers of the other endpoints, from bytes to values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import Observation, ResponseDecodeError, SessionInfo, TraceDetail
from lyzr_traces_async._decoding import decode_sessions, decode_trace

MOMENT = "2026-03-25T18:19:24.347Z"
AWARE = datetime(2026, 3, 25, 18, 19, 24, 347_000, UTC)
OBSERVATION: dict[str, Any] = {"id": "o-1", "type": "GENERATION", "startTime": MOMENT}
DETAIL: dict[str, Any] = {"traceId": "t-1", "timestamp": MOMENT, "observations": [OBSERVATION]}
SESSION: dict[str, Any] = {
    "id": "x-1",
    "sessionId": "s-1",
    "roomName": "room",
    "agentId": None,
    "orgId": "org",
    "startedAt": MOMENT,
    "endedAt": MOMENT,
    "durationMs": 1250,
    "messageCount": 3,
    "closeReason": None,
    "chatHistory": [{"role": "user", "content": "hello"}],
    "sessionReport": {"events": []},
}


def detail(**changes: Any) -> TraceDetail:
    return decode_trace(json.dumps({"trace": {**DETAIL, **changes}}).encode())


def observation(**changes: Any) -> Observation:
    (one,) = detail(observations=[{**OBSERVATION, **changes}]).observations
    return one


def sessions(*items: Any, **changes: Any) -> bytes:
    page = {"items": items, "total": len(items), "limit": 200, "offset": 0, "nextOffset": None, **changes}
    return json.dumps(page).encode()


def session(**changes: Any) -> SessionInfo:
    (one,) = decode_sessions(sessions({**SESSION, **changes})).items
    return one


def test_an_absent_field_of_a_trace_is_none() -> None:
    """A mapping of numbers by kind is empty instead."""
    assert detail() == TraceDetail(
        "t-1", None, None, AWARE, None, None, None, (Observation("o-1", "GENERATION", AWARE),)
    )


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("startTime", "2026-03-25T20:19:24.347+02:00", AWARE),
        ("endTime", MOMENT, AWARE),
        ("completionStartTime", None, None),
        ("completionStartTime", MOMENT, AWARE),
        ("parentObservationId", "o-0", "o-0"),
        ("model", None, None),
        ("modelParameters", {"temperature": 0.5}, {"temperature": 0.5}),
        ("modelParameters", None, None),
        ("input", [{"role": "user", "content": None}], [{"role": "user", "content": None}]),
        ("input", "text", "text"),
        ("output", 0, 0),
        ("metadata", {"a": [1]}, {"a": [1]}),
        ("usageDetails", {"input": 3, "total": 4.5, "cached": None}, {"input": 3, "total": 4.5}),
        ("costDetails", None, {}),
    ],
)
def test_an_observation_is_read_as_it_is_sent(name: str, value: Any, read: Any) -> None:
    """Input, output and metadata are any JSON. A null number of a kind counts as absent."""
    attribute = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    assert getattr(observation(**{name: value}), attribute) == read


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("id", 4, "expected a string, got an integer"),
        ("startTime", None, "expected an RFC 3339 date-time, got null"),
        ("endTime", 4, "expected an RFC 3339 date-time, got an integer"),
        ("endTime", "2026-03-25T18:19:24", "expected an RFC 3339 date-time with its offset from UTC, got one without"),
        ("model", ["m"], "expected a string or null, got an array"),
        ("modelParameters", [], "expected an object, got an array"),
        ("usageDetails", {"input": "3"}, "expected numbers only, got a string for 'input'"),
        ("usageDetails", {"input": True}, "expected numbers only, got a boolean for 'input'"),
        ("costDetails", 3, "expected an object, got an integer"),
    ],
)
def test_an_observation_is_refused_with_the_path_to_what_is_wrong(name: str, value: Any, problem: str) -> None:
    """Types are checked, and values are never converted."""
    with pytest.raises(ResponseDecodeError, match="is not a trace with its observations") as caught:
        observation(**{name: value})
    assert caught.value.problems == (f"trace.observations[0].{name}: {problem}",)


def test_fields_that_are_new_are_kept() -> None:
    """They keep their names at each level."""
    read = detail(newField={"a": 1}, observations=[{**OBSERVATION, "other": None}])
    assert read.extra == {"newField": {"a": 1}}
    assert read.observations[0].extra == {"other": None}
    assert read.to_dict()["newField"] == {"a": 1}


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"trace": null}', b"", b"<html>", b'{"trace": {"observations": {}}}'])
def test_a_document_that_is_no_trace_is_refused(body: bytes) -> None:
    """Each raises the one typed error."""
    with pytest.raises(ResponseDecodeError, match="Check that the base URL leads to the API"):
        decode_trace(body)


def test_the_large_fields_of_a_session_are_skipped() -> None:
    """The chat, the report and other large fields are skipped, and small unknown fields are kept."""
    read = session(huge="x" * 5000, small=[1])
    assert read == SessionInfo(
        "s-1", "room", None, None, AWARE, AWARE, 1250, 3, {"id": "x-1", "orgId": "org", "small": [1]}
    )
    assert session(roomName="r" * 10_000).room_name == "r" * 10_000


def test_a_chat_is_skipped_whatever_it_contains() -> None:
    """It may have halves of surrogate pairs or deep nesting, and the body may start with a byte order mark."""
    chat = json.dumps([{"content": "cut \ud83d"}, [[[[{}]]]]])
    body = sessions(SESSION).replace(b'[{"role": "user", "content": "hello"}]', chat.encode())
    assert decode_sessions(b"\xef\xbb\xbf" + body).items[0].session_id == "s-1"
    assert session(roomName="cut \ud83d").room_name == "cut \ufffd"


def test_a_part_of_the_list_says_where_the_next_one_begins() -> None:
    """It may also say that there is no next part."""
    assert decode_sessions(sessions(SESSION, SESSION, offset=4, nextOffset=6)).next_offset == 6
    assert decode_sessions(sessions()).next_offset is None
    assert decode_sessions(sessions(offset=4)).offset == 4


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[]", "expected an object, got an array"),
        (b'{"items": 3, "total": 0, "offset": 0, "nextOffset": null}', "items: expected an array, got an integer"),
        (b'{"total": 0, "offset": 0, "nextOffset": null}', "items: required, but missing"),
        (sessions([1]), "items[0]: expected an object, got an array"),
        (sessions({**SESSION, "sessionId": None}), "items[0].sessionId: expected a string, got null"),
        (sessions({**SESSION, "durationMs": 1.5}), "items[0].durationMs: expected an integer, got a number"),
        (sessions(total=None), "total: expected an integer, got null"),
        (sessions(offset=-1), "offset: expected an integer >= 0, got -1"),
        (sessions(nextOffset=0), "nextOffset: expected an integer >= 1, got 0"),
        (sessions(nextOffset="4"), "nextOffset: expected an integer, got a string"),
    ],
)
def test_a_list_of_sessions_is_refused_with_the_path_to_what_is_wrong(body: bytes, problem: str) -> None:
    """The error lists all problems."""
    with pytest.raises(ResponseDecodeError, match="is not a list of sessions") as caught:
        decode_sessions(body)
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_list_of_sessions_that_was_cut_is_no_json(cut: int) -> None:
    """The client therefore retries it."""
    with pytest.raises(ResponseDecodeError) as caught:
        decode_sessions(sessions(SESSION)[:-cut])
    assert caught.value._no_json


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_read_or_refused(value: Any) -> None:
    """Nothing but the one typed error is raised, and an accepted document is written as it was read."""
    body = json.dumps(value).encode()
    for decode in (decode_trace, decode_sessions):
        with pytest.raises(ResponseDecodeError):
            decode(body)
    read = observation(input=value, output=value, new=value)
    assert (read.input, read.output, read.extra["new"]) == (value, value, value)
    assert json.loads(json.dumps(read.to_dict()))["input"] == value
