"""JSON lines contain the same traces as the answers; CSV is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async import Trace
from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async._wire import rfc3339
from lyzr_traces_async.cli._formats import CsvSink, JsonlSink, csv_row, json_line, safe_cell
from tests.cli import samples
from tests.cli.samples import BARE, MOMENT

TRACE = attrs.evolve(samples.TRACE, trace_id="trace-abc-123")
HEADER = ["traceId", "name", "sessionId", "timestamp", "latencySeconds", "totalCostUsd", "observationCount"]
HEADER += ["htmlPath", "extra"]

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | NUMBER | TEXT, st.lists, max_leaves=8)
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
def test_a_time_is_written_with_milliseconds_or_with_microseconds(moment: datetime, text: str) -> None:
    """A time is written as RFC 3339 has it, in UTC with a Z, and loses no digits."""
    assert rfc3339(moment) == text


def test_a_json_line_has_the_names_of_the_api_and_unknown_fields() -> None:
    """The fields are in the order of the API's documentation, and a missing value is null."""
    line = json_line(attrs.evolve(TRACE, name=None, extra={"tags": ["a"], "model": "m"}))
    assert line == (
        '{"traceId":"trace-abc-123","name":null,"sessionId":"3fa85f64-5717-4562-b3fc-2c963f66afa6",'
        '"timestamp":"2026-03-25T18:19:24.347Z","latencySeconds":1.25,"totalCostUsd":0.0034,"observationCount":4,'
        '"htmlPath":"/traces/view/trace-abc-123","tags":["a"],"model":"m"}\n'
    )


@settings(max_examples=40)
@given(TRACES)
def test_a_json_line_is_read_back_as_the_same_trace(trace: Trace) -> None:
    """A JSON line is one line without control characters, and decodes to the same trace."""
    line = json_line(trace)
    assert len(line.splitlines()) == 1
    assert "\x7f" not in line
    assert read_back(line) == trace


def read_back(row: str) -> Trace:
    """Decode a trace from its JSON, as within an answer."""
    pagination = '{"page": 1, "limit": 1, "totalItems": 1, "totalPages": 1}'
    (trace,) = decode_page(f'{{"traces": [{row}], "pagination": {pagination}}}'.encode())
    return trace


@pytest.mark.parametrize(
    ("received", "written"),
    [
        ('"timestamp":"2026-03-25T18:19:24.347Z"', '"timestamp":"2026-03-25T18:19:24.347Z"'),
        ('"timestamp":"2026-03-25T20:19:24.3476549+02:00"', '"timestamp":"2026-03-25T18:19:24.347654Z"'),
        ('"latencySeconds":1', '"latencySeconds":1.0'),
        ('"latencySeconds":0.10000000000000000555', '"latencySeconds":0.1'),
        ('"totalCostUsd":1e-3', '"totalCostUsd":0.001'),
        ('"observationCount":123456789012345678901234567890', '"observationCount":123456789012345678901234567890'),
        ('"x":1', '"x":1'),
        ('"x":1.0', '"x":1.0'),
        ('"x":{"b":null,"a":[true,"\\u00e9"]}', '"x":{"b":null,"a":[true,"\u00e9"]}'),
        (r'"name":"a\ud83d"', '"name":"a\ufffd"'),
        ('"x":0', '"name":null'),
    ],
)
def test_a_json_line_keeps_the_values_of_an_answer(received: str, written: str) -> None:
    """The spelling may change: digits below a microsecond are cut, and seconds always get a decimal point."""
    row = {"traceId": '"t"', "timestamp": '"2026-03-25T18:19:24Z"', "observationCount": "4"}
    name, _, value = received.partition(":")
    fields = row | {name.strip('"'): value}
    trace = read_back("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}")
    assert written in json_line(trace)
    assert read_back(json_line(trace)) == trace


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
    """White space, controls and full-width signs before a formula do not help. Controls are shown as escapes."""
    assert safe_cell(text) == cell


@settings(max_examples=40)
@given(TRACES)
def test_a_row_reads_back_as_the_cells_that_were_written(trace: Trace) -> None:
    """A record is one line as in RFC 4180, its numbers are exact, and no cell is a formula."""
    written: list[str] = []
    sink = CsvSink(written.append)
    sink.open("", "")
    sink.rows([trace])
    header, row = parsed("".join(written))
    assert header == HEADER
    assert row == csv_row(trace)
    assert len("".join(written).splitlines()) == 2
    assert row[0] == safe_cell(trace.trace_id)
    assert [float(cell) if cell else None for cell in row[4:6]] == [trace.latency_seconds, trace.total_cost_usd]
    assert json.loads(row[8] or "{}") == trace.extra
    assert not [cell for cell in (*row[:4], *row[7:]) if cell.lstrip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20")]


def test_a_missing_value_is_an_empty_cell_and_a_negative_number_stays_a_number() -> None:
    """A missing value is neither zero nor a word. Numbers get no quote, because only text can be a formula."""
    assert csv_row(BARE) == ["t", "", "", "2026-03-25T18:19:24.347Z", "", "", "0", "", ""]
    assert csv_row(attrs.evolve(BARE, latency_seconds=-0.5))[4] == "-0.5"


def test_the_header_of_csv_is_written_once_and_also_for_an_empty_session() -> None:
    """The header is written with the first session, even if that session has no rows."""
    written: list[str] = []
    sink = CsvSink(written.append)
    for _ in range(2):
        sink.open("", "")
        sink.rows([])
        sink.end(0)
    assert "".join(written) == ",".join(HEADER) + "\r\n"


def test_a_byte_order_mark_is_written_once_before_everything_else() -> None:
    """Excel recognises UTF-8 by the byte order mark."""
    written: list[str] = []
    sink = CsvSink(written.append, bom=True)
    for _ in range(2):
        sink.open("", "")
        sink.rows([BARE])
    text = "".join(written)
    assert text.startswith("\ufefftraceId,")
    assert text.count("\ufeff") == 1
    assert len(parsed(text)) == 3


def test_json_lines_are_written_a_page_at_a_time() -> None:
    """Each page is one write, so that a pipe gets whole pages."""
    written: list[str] = []
    sink = JsonlSink(written.append)
    sink.open("", "")
    sink.rows([TRACE, BARE])
    sink.rows([BARE])
    sink.end(3)
    assert [text.count("\n") for text in written] == [2, 1]
