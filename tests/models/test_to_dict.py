"""Every model as plain JSON values, and pages and sessions as sequences."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import attrs
import pytest

from lyzr_traces_async import (
    ClientStats,
    NotFoundError,
    Pagination,
    QuotaState,
    RetryPolicy,
    SessionInfo,
    SessionTraces,
    Trace,
    TracePage,
    models,
)
from lyzr_traces_async._decoding import decode_page

MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
TRACE: Final = Trace("t-1", "llm", None, MOMENT, 1.25, None, 3, "/p/t-1", {"tags": ["a"]})
WRITTEN: Final = {
    "traceId": "t-1",
    "name": "llm",
    "sessionId": None,
    "timestamp": "2026-01-02T03:04:05.678Z",
    "latencySeconds": 1.25,
    "totalCostUsd": None,
    "observationCount": 3,
    "htmlPath": "/p/t-1",
    "tags": ["a"],
}
PAGE: Final = TracePage(tuple(attrs.evolve(TRACE, trace_id=f"t-{n}") for n in range(5)), Pagination(2, 5, 33, 7))
SESSION: Final = SessionTraces("s-1", None, PAGE.traces)


def test_a_trace_is_written_under_the_names_of_the_api() -> None:
    """Fields are in the documented order, unknown ones at the end, and an equal trace can be read from them."""
    assert TRACE.to_dict() == WRITTEN
    assert list(TRACE.to_dict()) == list(WRITTEN)
    page = {"traces": [trace.to_dict() for trace in PAGE], "pagination": PAGE.pagination.to_dict()}
    assert PAGE.to_dict() == page
    assert decode_page(json.dumps(page).encode()) == PAGE


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (MOMENT.replace(microsecond=0), "2026-01-02T03:04:05.000Z"),
        (MOMENT.replace(microsecond=678_001), "2026-01-02T03:04:05.678001Z"),
        (MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-02T03:04:05.678Z"),
    ],
)
def test_a_time_is_written_in_utc(moment: datetime, written: str) -> None:
    """It has milliseconds, or microseconds if needed."""
    assert attrs.evolve(TRACE, timestamp=moment).to_dict()["timestamp"] == written


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_does_not_have_is_none(number: float) -> None:
    """Any JSON parser can therefore read the document."""
    assert attrs.evolve(TRACE, latency_seconds=number).to_dict()["latencySeconds"] is None


def test_a_session_is_written_with_its_traces_or_its_error() -> None:
    """A failed session can't be taken for an empty one."""
    assert SESSION.to_dict() == {"sessionId": "s-1", "error": None, "traces": [trace.to_dict() for trace in PAGE]}
    failed = SessionTraces("s-1", NotFoundError("no such", status=404, session_id="s-1")).to_dict()
    assert (failed["sessionId"], failed["traces"]) == ("s-1", None)
    assert failed["error"].startswith("NotFoundError: HTTP 404: no such. ")


def test_an_ended_session_is_written_with_its_other_fields() -> None:
    """These include fields that the model does not know."""
    info = SessionInfo("s-1", "room", None, "done", MOMENT, MOMENT, 4, 0, {"orgId": "o"})
    assert info.to_dict() == {
        "sessionId": "s-1",
        "roomName": "room",
        "agentId": None,
        "closeReason": "done",
        "startedAt": "2026-01-02T03:04:05.678Z",
        "endedAt": "2026-01-02T03:04:05.678Z",
        "durationMs": 4,
        "messageCount": 0,
        "orgId": "o",
    }


@pytest.mark.parametrize("name", models.__all__)
def test_every_model_can_be_written(name: str) -> None:
    """Each has `to_dict`."""
    assert callable(getattr(models, name).to_dict)


@pytest.mark.parametrize(
    "value",
    [ClientStats(1, 2, 3, 4.5), QuotaState(None, 0, 1.5, None), RetryPolicy(), PAGE, SESSION],
    ids=lambda value: type(value).__name__,
)
def test_documents_need_no_special_encoder(value: Any) -> None:
    """`json.dumps` needs no default for them."""
    assert json.loads(json.dumps(value.to_dict(), allow_nan=False)) == value.to_dict()


@pytest.mark.parametrize("value", [PAGE, SESSION], ids=["page", "session"])
def test_pages_and_sessions_take_an_index(value: TracePage | SessionTraces) -> None:
    """They take a slice too, as sequences do."""
    assert value[0] is PAGE.traces[0]
    assert value[-1] is PAGE.traces[-1]
    assert value[1:3] == PAGE.traces[1:3]
    assert list(reversed(value)) == list(reversed(PAGE.traces))
    assert value.index(PAGE.traces[2]) == 2
    with pytest.raises(IndexError):
        value[5]


def test_a_failed_session_takes_no_index() -> None:
    """It raises its error."""
    with pytest.raises(NotFoundError):
        SessionTraces("s-1", NotFoundError("no", status=404))[0]


def test_pages_and_sessions_have_short_reprs() -> None:
    """The reprs leave out the traces."""
    assert repr(PAGE) == f"TracePage(traces=<5>, pagination={PAGE.pagination!r})"
    assert repr(SESSION) == "SessionTraces(session_id='s-1', error=None, _traces=<5>)"
