"""Edges of the page's data and links: the exact text of a session, numbers that JSON lacks, a refused dashboard."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from lyzr_traces_async import InvalidArgumentError, SessionTraces
from lyzr_traces_async._links import check_dashboard_url
from lyzr_traces_async.report._island import encode, encode_session
from tests.helpers.list_server import trace

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_session_without_traces_is_written_without_blanks() -> None:
    """Its beginning is 0, a whole number."""
    assert encode_session(SessionTraces("s-1", None, ()), None) == (
        '{"id":"s-1","error":null,"begin":0,"names":[],"paths":[],"trace":[],"start":[],"name":[],"latency":[],'
        '"cost":[],"observations":[],"path":[]}'
    )


def test_times_of_whole_milliseconds_are_whole_numbers() -> None:
    """Others have a fraction. That makes most pages shorter."""
    times = [MOMENT + timedelta(milliseconds=n) for n in (2, 0, 1.5)]
    traces = tuple(attrs.evolve(trace(n), timestamp=time) for n, time in enumerate(times))
    text = encode_session(SessionTraces("s-1", None, traces), None)
    assert '"begin":1767225600000,' in text
    assert '"start":[2,0,1.5],' in text


def test_a_number_that_json_does_not_have_is_refused() -> None:
    """The page's script could not parse it."""
    with pytest.raises(ValueError, match="JSON"):
        encode([math.nan])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://h", "; not 'ftp://h'"),
        ("x" * 100, f"; not '{'x' * 79}"),
        ("https://user:secret@h", ""),
    ],
)
def test_a_refused_dashboard_is_shown_unless_it_may_hold_a_password(url: str, shown: str) -> None:
    """At most 80 characters of it."""
    with pytest.raises(InvalidArgumentError) as caught:
        check_dashboard_url(url)
    assert caught.value.message == (
        "the dashboard's URL must be https, or http to this machine, with a host and no credentials, query or "
        f"fragment, such as https://dashboard.example/base{shown}"
    )


def test_a_dashboard_loses_its_trailing_slashes_only() -> None:
    """Its last letter stays."""
    assert check_dashboard_url("https://h/BOX//") == "https://h/BOX"
