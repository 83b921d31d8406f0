"""`list`: the formats, the errors, and the arguments that are refused."""

from __future__ import annotations

import csv
import io
import json
import re
from uuid import uuid4

import attrs
import pytest

from lyzr_traces_async.cli import main
from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def test_a_session_is_listed_as_a_table_with_every_trace(server: FakeTracesServer, capsys: Captured) -> None:
    """The table is the default format. All pages are read, and the summary counts all traces."""
    server.add_session(SESSION, traces=45)
    assert main(["list", SESSION, "--limit", "10"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{SESSION} · 45 traces on 5 pages\ntime (UTC)  ")
    assert len(re.findall("^2026-03-25 ", out, re.MULTILINE)) == 45
    assert "\n45 traces · $" in out
    assert "\x1b" not in out
    assert err == ""
    assert [request.query["limit"] for request in server.requests] == ["10"] * 5


def test_pages_have_100_traces_by_default(server: FakeTracesServer, capsys: Captured) -> None:
    """Full pages need the fewest requests."""
    server.add_session(SESSION, traces=150)
    assert main(["list", SESSION]) == 0
    assert "150 traces on 2 pages" in capsys.readouterr().out
    assert [request.query["limit"] for request in server.requests] == ["100", "100"]


def test_json_lines_have_the_fields_that_the_api_sent(server: FakeTracesServer, capsys: Captured) -> None:
    """They have the names of the API, its order, and fields that the library does not know."""
    first, *rest = server.add_session(SESSION, traces=3)
    server.add_traces(SESSION, [attrs.evolve(first, trace_id="new", name="\x1b[2J日本", extra={"new": [1, None]})])
    assert main(["list", SESSION, "--format", "jsonl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "\x1b" not in lines[0]
    assert json.loads(lines[0])["name"] == "\x1b[2J日本"
    assert json.loads(lines[0])["new"] == [1, None]
    assert [json.loads(line)["traceId"] for line in lines] == ["new", *(trace.trace_id for trace in (first, *rest))]


def test_csv_has_a_header_and_a_row_for_each_trace(server: FakeTracesServer, capfdbinary: object) -> None:
    """Lines end with CR LF, as RFC 4180 requires."""
    assert isinstance(capfdbinary, pytest.CaptureFixture)
    server.add_session(SESSION, traces=12)
    assert main(["list", SESSION, "--format", "csv", "--limit", "5"]) == 0
    text = capfdbinary.readouterr().out.decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == 13
    assert rows[0][0] == "traceId"
    assert text.count("\r\n") == 13


def test_a_failure_in_the_middle_keeps_the_rows_and_marks_the_summary_incomplete(
    server: FakeTracesServer, capsys: Captured
) -> None:
    """The command prints one line on standard error and ends with status 1."""
    server.add_session(SESSION, traces=30)
    server.fail_next(status=403, message="no\x1b[31m\nmore", page=2)
    assert main(["list", SESSION, "--limit", "10"]) == 1
    out, err = capsys.readouterr()
    assert out.count("2026-03-25 ") == 10
    assert out.endswith("incomplete: stopped after 10 of 30 traces\n")
    assert err.startswith("lyzr-traces: HTTP 403: ")
    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("kind", ["table", "jsonl", "csv"])
def test_a_failure_at_once_leaves_standard_output_empty(capsys: Captured, kind: str) -> None:
    """An unknown session is an error of the API, with status 1."""
    assert main(["list", SESSION, "--format", kind]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"lyzr-traces: HTTP 404: [^\n]+\n", err)


def test_a_long_message_of_the_server_is_cut(server: FakeTracesServer, capsys: Captured) -> None:
    """The error stays short enough to be read."""
    server.fail_next(status=400, message="x" * 100_000)
    assert main(["list", SESSION]) == 1
    assert len(capsys.readouterr().err) < 3000


@pytest.mark.usefixtures("server")
def test_a_wrong_key_is_an_error_of_the_api(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output does not contain the key."""
    monkeypatch.setenv("LYZR_API_KEY", "sk-secret-canary")
    assert main(["list", SESSION]) == 1
    out, err = capsys.readouterr()
    assert "HTTP 401" in err
    assert "canary" not in out + err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["list", "not-a-uuid"], "not-a-uuid"),
        (["list", SESSION, "--limit", "0"], "limit"),
        (["list", SESSION, "--limit", "101"], "limit"),
        (["list", SESSION, "--limit", "ten"], "ten"),
        (["list", SESSION, "--format", "xml"], "xml"),
        (["list", SESSION, "--api-key", "x"], "--api-key"),
        (["list", SESSION, "more"], "more"),
        (["list"], "no session id: give one or more, or - to read them from standard input"),
        (["list", "\x1b[31m"], r"\x1b[31m"),
    ],
)
def test_wrong_use_is_refused_in_a_line_with_a_hint(
    server: FakeTracesServer, capsys: Captured, arguments: list[str], complaint: str
) -> None:
    """The command ends with status 2 before any request."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    line, hint, end = err.split("\n")
    assert line.startswith("lyzr-traces: ")
    assert complaint in line
    assert (hint, end) == ("Try 'lyzr-traces list --help'.", "")
    assert "\x1b" not in err
    assert server.requests == []


def test_a_missing_key_is_wrong_use(capsys: Captured) -> None:
    """The error names the variable to set."""
    assert main(["list", SESSION]) == 2
    assert capsys.readouterr().err.startswith(
        "lyzr-traces: no API key: set the environment variable LYZR_API_KEY to a key, which you find in "
        "Lyzr Studio\nTry "
    )


def test_two_sessions_do_not_mix(server: FakeTracesServer, capsys: Captured) -> None:
    """Only the requested session is listed."""
    other = str(uuid4())
    server.add_session(SESSION, traces=1)
    server.add_session(other, traces=2)
    assert main(["list", other, "--format", "jsonl"]) == 0
    assert {json.loads(line)["sessionId"] for line in capsys.readouterr().out.splitlines()} == {other}


ONE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TWO = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"


def test_csv_for_excel_begins_with_a_byte_order_mark(server: FakeTracesServer, capsys: Captured) -> None:
    """The byte order mark is written once for several sessions, and only with `--bom`."""
    server.add_session(ONE, traces=2)
    server.add_session(TWO, traces=2)
    assert main(["list", ONE, TWO, "--format", "csv", "--bom"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("\ufefftraceId,")
    assert out.count("traceId") == 1
    assert out.count("\ufeff") == 1
    assert main(["list", ONE, "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("traceId,")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--top", "0"], "--top must be 1 or more, not 0"),
        (["--top", "-1"], "--top must be 1 or more, not -1"),
        (["--bom"], "--bom works only with --format csv"),
        (["--bom", "--format", "jsonl"], "--bom works only with --format csv"),
        (["--sort", "name"], "name"),
        (["--lim", "3"], "unknown option: --lim"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_the_first_request(
    server: FakeTracesServer, capsys: Captured, arguments: list[str], complaint: str
) -> None:
    """The command ends with status 2 and a line that says why."""
    assert main(["list", ONE, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err.splitlines()[0]
    assert not server.requests


def test_a_malformed_dashboard_is_wrong_use(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command checks the dashboard before the first request."""
    monkeypatch.setenv("LYZR_DASHBOARD_URL", "dash.example")
    assert main(["list", ONE]) == 2
    assert "LYZR_DASHBOARD_URL: the dashboard's URL must be https, or http" in capsys.readouterr().err
    assert not server.requests


def test_links_are_whole_in_a_pipe(server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table has the whole address; JSON and CSV have the path as the API sends it."""
    monkeypatch.setenv("LYZR_DASHBOARD_URL", "https://dash.example/base/")
    (trace,) = server.add_session(ONE, traces=1)
    assert main(["list", ONE]) == 0
    out = capsys.readouterr().out
    assert f"  https://dash.example/base{trace.html_path}\n" in out
    assert "\x1b" not in out
    assert main(["list", ONE, "--format", "jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["htmlPath"] == trace.html_path
