"""JSON lines are exact; CSV is safe to open."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async import Pagination, Trace, TracePage
from lyzr_traces_async.cli._formats import CsvSink, JsonlSink, csv_row, json_line, rfc3339, safe_cell

MOMENT = datetime(2026, 3, 25, 18, 19, 24, 347_000, tzinfo=UTC)
TRACE = Trace(
    trace_id="trace-abc-123",
    name="voice-agent-response",
    session_id="3fa85f64-5717-4562-b3fc-2c963f66afa6",
    timestamp=MOMENT,
    latency_seconds=1.25,
    total_cost_usd=0.0034,
    observation_count=4,
    html_path="/traces/view/trace-abc-123",
)
BARE = Trace(
    trace_id="t",
    name=None,
    session_id=None,
    timestamp=MOMENT,
    latency_seconds=None,
    total_cost_usd=None,
    observation_count=0,
    html_path=None,
)
HEADER = ["traceId", "name", "sessionId", "timestamp", "latencySeconds", "totalCostUsd", "observationCount"]
HEADER += ["htmlPath", "extra"]

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | NUMBER | TEXT, st.lists)
TRACES = st.builds(
    Trace,
    trace_id=TEXT,
    name=st.none() | TEXT,
    session_id=st.none() | TEXT,
    timestamp=st.datetimes(timezones=st.just(UTC)),
    latency_seconds=st.none() | NUMBER,
    total_cost_usd=st.none() | NUMBER,
    observation_count=st.integers(),
    html_path=st.none() | TEXT,
    extra=st.dictionaries(TEXT.map("x-{}".format), JSON),
)


def page(*traces: Trace) -> TracePage:
    """Make the traces the only page of a session."""
    return TracePage(traces, Pagination(1, 100, len(traces), 1))


def parsed(text: str) -> list[list[str]]:
    """Read the rows of a CSV document."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (MOMENT, "2026-03-25T18:19:24.347Z"),
        (MOMENT.replace(microsecond=0), "2026-03-25T18:19:24.000Z"),
        (MOMENT.replace(microsecond=347_001), "2026-03-25T18:19:24.347001Z"),
        (MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-03-25T18:19:24.347Z"),
    ],
)
def test_a_time_is_written_with_milliseconds_or_all_it_has(moment: datetime, text: str) -> None:
    """RFC 3339, in UTC, with a Z."""
    assert rfc3339(moment) == text


def test_a_json_line_has_the_names_of_the_api_and_the_fields_it_does_not_know() -> None:
    """In the order of the API's documentation; null where there is no value."""
    line = json_line(attrs.evolve(TRACE, name=None, extra={"tags": ["a"], "model": "m"}))
    assert line == (
        '{"traceId":"trace-abc-123","name":null,"sessionId":"3fa85f64-5717-4562-b3fc-2c963f66afa6",'
        '"timestamp":"2026-03-25T18:19:24.347Z","latencySeconds":1.25,"totalCostUsd":0.0034,"observationCount":4,'
        '"htmlPath":"/traces/view/trace-abc-123","tags":["a"],"model":"m"}\n'
    )


@settings(max_examples=40)
@given(TRACES)
def test_a_json_line_loses_nothing(trace: Trace) -> None:
    """One line, without a control character, from which the same trace can be made again."""
    line = json_line(trace)
    assert len(line.splitlines()) == 1
    assert "\x7f" not in line
    fields: dict[str, Any] = json.loads(line)
    again = Trace(
        trace_id=fields.pop("traceId"),
        name=fields.pop("name"),
        session_id=fields.pop("sessionId"),
        timestamp=datetime.fromisoformat(fields.pop("timestamp")),
        latency_seconds=fields.pop("latencySeconds"),
        total_cost_usd=fields.pop("totalCostUsd"),
        observation_count=fields.pop("observationCount"),
        html_path=fields.pop("htmlPath"),
        extra=fields,
    )
    assert again == trace


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("plain", "plain"),
        ("a=b", "a=b"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM", "'@SUM"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff201", "'\uff201"),
        ("\tx", r"'\tx"),
        ("\rx", r"'\rx"),
        ("  =1", "'  =1"),
        ("\x00\n\xa0\ufeff=1", "'\\x00\\n\xa0\\ufeff=1"),
        ("two\nlines \x1b[31m", r"two\nlines \x1b[31m"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_begins_with_a_quote(text: str, cell: str) -> None:
    """Also behind white space and controls, also in full width; controls themselves are shown."""
    assert safe_cell(text) == cell


@settings(max_examples=40)
@given(TRACES)
def test_a_row_reads_back_as_the_cells_that_were_written(trace: Trace) -> None:
    """RFC 4180, one record a line, numbers exact, nothing that a spreadsheet would run."""
    written: list[str] = []
    CsvSink(written.append).page(page(trace))
    header, row = parsed("".join(written))
    assert header == HEADER
    assert row == csv_row(trace)
    assert len("".join(written).splitlines()) == 2
    assert row[0] == safe_cell(trace.trace_id)
    assert [float(cell) if cell else None for cell in row[4:6]] == [trace.latency_seconds, trace.total_cost_usd]
    assert json.loads(row[8] or "{}") == trace.extra
    assert not [cell for cell in (*row[:4], *row[7:]) if cell.lstrip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20")]


def test_a_missing_value_is_an_empty_cell_and_a_negative_number_stays_a_number() -> None:
    """Neither zero nor a word stands for what is not known; only text can be a formula."""
    assert csv_row(BARE) == ["t", "", "", "2026-03-25T18:19:24.347Z", "", "", "0", "", ""]
    assert csv_row(attrs.evolve(BARE, latency_seconds=-0.5))[4] == "-0.5"


def test_the_header_of_csv_comes_once_and_also_for_an_empty_session() -> None:
    """It comes with the first page, not again with the next, and even without any rows."""
    written: list[str] = []
    sink = CsvSink(written.append)
    for _ in range(2):
        sink.page(page())
    sink.end(complete=True)
    assert written == [",".join(HEADER) + "\r\n", ""]


def test_json_lines_are_written_a_page_at_a_time() -> None:
    """One write for each page, so that a pipe gets whole pages."""
    written: list[str] = []
    sink = JsonlSink(written.append)
    sink.page(page(TRACE, BARE))
    sink.page(page(BARE))
    sink.end(complete=True)
    assert [text.count("\n") for text in written] == [2, 1]
