"""The data within the page of a report."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import SessionTraces
from lyzr_traces_async.report._island import encode, encode_session
from tests.report.samples import BEGIN, DASHBOARD, SESSION, Elements, failed, island_of, page_of, session, trace


def test_the_data_have_every_value_of_the_traces() -> None:
    """They are in columns with times in milliseconds, and equal names and paths are stored once."""
    traces = [
        trace(2, latency_seconds=None, timestamp=BEGIN + timedelta(microseconds=824_001)),
        trace(1, name=None, total_cost_usd=None),
        trace(0, html_path=None),
    ]
    (found,) = island_of(page_of(session(*traces), dashboard_url=DASHBOARD))
    assert found == {
        "id": SESSION,
        "error": None,
        "begin": BEGIN.timestamp() * 1000,
        "names": ["speech-to-text", None],
        "paths": [[f"{DASHBOARD}/project/p/traces/", "", True], None],
        "trace": ["t2", "t1", "t0"],
        "start": [824.001, 412, 0],
        "name": [0, 1, 0],
        "latency": [None, 0.25, 0.25],
        "cost": [0.001, None, 0.001],
        "observations": [1, 1, 1],
        "path": [0, 0, 1],
    }


def test_a_failed_session_is_in_the_page_with_its_error() -> None:
    """The other sessions are in the page too."""
    lost, whole = island_of(page_of(failed("gone\x1b[2J"), session(trace())))
    assert lost["error"].startswith("NotFoundError: HTTP 404: gone\\x1b[2J")
    assert lost["id"] == SESSION
    assert lost["trace"] == []
    assert whole["error"] is None
    assert whole["trace"] == ["t0"]


def test_no_sessions_make_a_page() -> None:
    """The script then says that there are no sessions."""
    assert island_of(page_of()) == []


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=())),
        lambda inner: st.lists(inner, max_size=5),
    )
)
def test_json_survives_and_stays_in_its_element(value: Any) -> None:
    """It is ASCII without markup, even for lone surrogates, and decodes to the same value."""
    written = encode(value)
    assert written.isascii()
    assert not set("<>&\n") & set(written)
    assert json.loads(written) == value


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("</script>&\"'`\u202e\u2028\ud83d")))
def test_no_text_adds_an_element(text: str) -> None:
    """A name, an id, a path or an error cannot add one, and invisible characters are shown as escapes."""
    page = page_of(SessionTraces(text, None, (trace(name=text, trace_id=text, html_path=text),)), failed(text))
    assert [tag for tag, _ in Elements(page).tags] == [tag for tag, _ in Elements(page_of()).tags]
    assert page.isascii()
    first, _ = island_of(page)
    assert first["names"] == first["trace"] == [first["id"]]
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", first["names"][0])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_infinity_and_nan_become_unknown(number: float) -> None:
    """A browser would refuse all of the data otherwise."""
    (found,) = island_of(page_of(session(trace(latency_seconds=number, total_cost_usd=number))))
    assert (found["latency"], found["cost"]) == ([None], [None])


@pytest.mark.parametrize(
    ("path", "trace_id", "expected"),
    [
        ("/p/t0/x", "t0", [f"{DASHBOARD}/p/", "/x", True]),
        ("/p/other", "t0", [f"{DASHBOARD}/p/other", None, True]),
        ("javascript:t0", "t0", ["javascript:", "", False]),
        ("/p", "", [f"{DASHBOARD}/p", None, True]),
        ("/\u202e", "t0", ["/\\u202e", None, False]),
        ("", "t0", ["", None, False]),
    ],
)
def test_a_path_is_stored_without_the_trace_id(path: str, trace_id: str, expected: list[Any]) -> None:
    """The script joins both again. The data also say whether the path may be a link."""
    one = encode_session(session(trace(html_path=path, trace_id=trace_id)), DASHBOARD)
    assert json.loads(one)["paths"] == [expected]


def test_five_thousand_traces_are_less_than_a_megabyte() -> None:
    """Such a page can be sent by mail."""
    ids = [f"{number:032x}" for number in range(5000)]
    traces = (trace(n, trace_id=name, html_path=f"/project/voice/traces/{name}") for n, name in enumerate(ids))
    assert len(page_of(session(*traces), dashboard_url=DASHBOARD)) < 800_000
