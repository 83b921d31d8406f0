"""Each request says which answers belong to it, without a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from lyzr_traces_async import (
    APIConnectionError,
    LyzrTracesError,
    PaginationError,
    ResponseDecodeError,
    TraceDetail,
    TracePage,
)
from lyzr_traces_async._requests import PageRequest, SessionsRequest, TraceRequest
from lyzr_traces_async._siblings import SessionsPage
from tests.decoding.pages import PAGINATION, TRACE, body
from tests.decoding.test_siblings import DETAIL, sessions

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
PAGE = PageRequest(SESSION, 1, 100)


def starred(text: str) -> str:
    """Take the key out of a text."""
    return text.replace("key", "***")


def trace_body(**changes: object) -> bytes:
    return json.dumps({"trace": {**DETAIL, **changes}}).encode()


@pytest.mark.parametrize("session_id", [SESSION, SESSION.upper(), None])
def test_a_page_belongs_to_its_request_if_no_trace_is_of_another_session(session_id: str | None) -> None:
    """Case is ignored, and a trace need not name its session."""
    page = PAGE.read(body(TRACE | {"sessionId": session_id}), str)
    assert isinstance(page, TracePage)
    assert len(page.traces) == 1


def dropped(answer: object) -> str:
    """Return the text of an error that makes the first attempt of a request be repeated at once."""
    assert isinstance(answer, APIConnectionError)
    assert answer._dropped is True
    return answer.message


def test_an_answer_to_another_request_is_an_error_of_the_connection() -> None:
    """Something in between has mixed up the answers; the first such failure is retried at once."""
    other = SESSION.replace("3", "4")
    said = ": it belongs to another request"
    assert dropped(PAGE.read(body(TRACE, TRACE | {"sessionId": other}), str)) == (
        f"the answer has traces of another session{said}"
    )
    request = TraceRequest(SESSION, "t-1")
    assert isinstance(request.read(trace_body(sessionId=SESSION), str), TraceDetail)
    for changes in ({"traceId": "t-2"}, {"sessionId": other}):
        assert dropped(request.read(trace_body(**changes), str)) == f"the answer is another trace{said}"


def refused(answer: object) -> str:
    assert isinstance(answer, PaginationError)
    return answer.message


def test_an_answer_that_is_another_part_of_the_list_is_refused() -> None:
    """The page, or the offset, that was asked for and the one that came are named."""
    assert refused(PAGE.read(body(pagination=PAGINATION | {"page": 2}), str)) == (
        "asked for page 1, the answer is page 2"
    )
    request = SessionsRequest(None, None, None, 5, 200)
    assert isinstance(request.read(sessions(offset=5), str), SessionsPage)
    assert refused(request.read(sessions(offset=4), str)) == ("asked for sessions from 5 on, the answer is from 4 on")


@pytest.mark.parametrize("request_", [PAGE, TraceRequest(SESSION, "t-1"), SessionsRequest(None, None, None, 0, 200)])
def test_an_answer_that_can_not_be_read_is_returned_as_an_error_without_the_key(
    request_: PageRequest | TraceRequest | SessionsRequest,
) -> None:
    """The error has no traceback, whose frames would hold the raw answer."""
    error = request_.read(b"the key is not JSON", starred)
    assert isinstance(error, ResponseDecodeError)
    assert error.__traceback__ is None
    assert "***" in str(error)
    assert "key" not in str(error)


def test_the_filters_of_the_list_of_sessions_are_in_its_address() -> None:
    """Those that are not set are left out."""
    assert SessionsRequest(None, None, None, 0, 200).target == "/transcripts?limit=200&offset=0&sort=asc"
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert SessionsRequest("a b", moment, moment, 5, 50).target == (
        "/transcripts?agentId=a+b&from=2026-03-01T12%3A00%3A00.000Z&to=2026-03-01T12%3A00%3A00.000Z"
        "&limit=50&offset=5&sort=asc"
    )


def test_errors_are_told_what_was_asked_for() -> None:
    """Each as attributes of the error, and as words for the log."""
    assert (PAGE.place, PAGE.particulars) == (
        f"session {SESSION}, page 1, limit 100",
        {"session_id": SESSION, "page": 1},
    )
    request = TraceRequest(SESSION, "t'1")
    assert (request.place, request.particulars) == (
        f'session {SESSION}, trace "t\'1"',
        {"session_id": SESSION, "trace_id": "t'1"},
    )
    listing = SessionsRequest(None, None, None, 5, 200)
    assert (listing.place, listing.particulars) == ("sessions from 5 on, limit 200", {})
    assert LyzrTracesError("x", **PAGE.particulars).page == 1
