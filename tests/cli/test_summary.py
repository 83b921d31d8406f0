"""`summary`: what one session took and cost, or many as they finish; for people and for programs."""

from __future__ import annotations

import io
import json
import math
import os
import re
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from lyzr_traces_async import Trace, summarize
from lyzr_traces_async._text import UNSAFE
from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._links import Dashboard
from lyzr_traces_async.cli._overview import print_overview
from lyzr_traces_async.cli._session_lines import SessionLines
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.processes import PATIENCE, ended, lines, started, wait_for

ONE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TWO = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
UNKNOWN = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"
MOMENT = datetime(2026, 3, 25, 18, 19, 24, 347_000, tzinfo=UTC)
TRACE = Trace("0123456789abcdef0123456789abcdef", "voice-agent-response", ONE, MOMENT, 1.25, 0.0034, 4, "/t/abc")
DASH = "\N{EN DASH}"

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment", "interruptible")

NUMBER = st.none() | st.floats(allow_nan=False)
TRACES = st.builds(
    Trace,
    trace_id=st.text(min_size=1, max_size=40),
    name=st.none() | st.text(),
    session_id=st.just(ONE),
    timestamp=st.datetimes(timezones=st.just(UTC)),
    latency_seconds=NUMBER,
    total_cost_usd=NUMBER,
    observation_count=st.just(1),
    html_path=st.none() | st.text(),
)


def console_of(width: int, *, terminal: bool, encoding: str = "utf-8", colours: bool = False) -> Console:
    """Make a console that keeps what it is given."""
    return Console(
        file=io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline=""),
        width=width,
        force_terminal=terminal,
        color_system="standard" if colours else None,
        markup=False,
        emoji=False,
        highlight=False,
    )


def text_of(console: Console) -> str:
    """Return what it was given."""
    console.file.flush()
    assert isinstance(console.file, io.TextIOWrapper)
    buffer = console.file.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(console.file.encoding)


def drawn(
    traces: list[Trace], width: int = 120, *, terminal: bool = True, scope: str | None = None, encoding: str = "utf-8"
) -> str:
    """Print the summary of traces, with what stands before it of many sessions."""
    console = console_of(width, terminal=terminal, encoding=encoding)
    summary = summarize(traces)
    if scope is not None:
        SessionLines(console, Dashboard()).row(ONE, summary)
    print_overview(console, summary, Dashboard("https://dash.example"), scope=scope)
    return text_of(console)


def test_a_session_is_summed_up_step_by_step(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many traces, how long, how much; the steps, dearest first; the slowest and the dearest trace with links."""
    monkeypatch.setenv("LYZR_DASHBOARD_URL", "https://dash.example")
    traces = server.add_session(ONE, traces=250)
    server.remove_traces(ONE, 205)
    assert main(["summary", ONE]) == 0
    out, err = capsys.readouterr()
    slowest, *_ = summarize(traces[205:]).slowest
    assert err == ""
    head, titles, *rows = out.splitlines()
    assert head == "45 traces in 19.6 s, $0.112298 (2 without a cost) · from 2026-03-25 18:19:24 UTC"
    assert titles.split() == ["step", "traces", "p50", "p95", "max", "cost", "share"]
    assert rows[0].split("  ")[0] == "voice-agent-response"
    assert rows[0].endswith(" 15    1.693 s    2.067 s    2.067 s   $0.089727   80 %")
    assert [row.split()[0] for row in rows[1:3]] == ["text-to-speech", "speech-to-text"]
    assert [row.split()[0] for row in rows[4:]] == ["slowest"] * 3 + ["dearest"]
    assert rows[4].endswith(
        f"  2026-03-25 18:19:35.883  {slowest.trace_id}  https://dash.example/project/voice/traces/{slowest.trace_id}"
    )
    assert "\x1b" not in out


def test_all_pages_are_read(server: FakeTracesServer, capsys: Captured) -> None:
    """A hundred traces at a time."""
    server.add_session(ONE, traces=250)
    assert main(["summary", ONE]) == 0
    assert capsys.readouterr().out.startswith("250 traces in ")
    assert len(server.requests) == 3


def test_a_session_without_traces_says_so(server: FakeTracesServer, capsys: Captured) -> None:
    """No empty table."""
    server.add_session(ONE)
    assert main(["summary", ONE]) == 0
    assert capsys.readouterr().out == "no traces\n"
    assert main(["summary", ONE, "--by", "session"]) == 0
    assert capsys.readouterr().out.startswith("no traces of 1 session\nsession ")
    server.add_session(TWO)
    assert main(["summary", ONE, TWO]) == 0
    assert capsys.readouterr().out.endswith("\nno traces of 2 sessions\n")


def test_a_session_that_fails_is_an_error_and_no_summary(server: FakeTracesServer, capsys: Captured) -> None:
    """Of half a session, every number would be wrong."""
    server.add_session(ONE, traces=250)
    server.fail_next(status=403, page=2)
    for kind in ("table", "json"):
        assert main(["summary", ONE, "--format", kind]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(r"lyzr-traces: HTTP 403: [^\n]+\n", err)
        server.fail_next(status=403, page=2)


def test_many_sessions_have_a_line_each_and_one_table(server: FakeTracesServer, capsys: Captured) -> None:
    """One that fails is told of on standard error, and the others are summed up."""
    one = server.add_session(ONE, traces=45)
    two = server.add_session(TWO, [attrs.evolve(trace, session_id=None) for trace in one[:3]])
    assert main(["summary", ONE, UNKNOWN, TWO]) == 1
    out, err = capsys.readouterr()
    assert re.fullmatch(rf"lyzr-traces: HTTP 404: [^\n]+ \[session {UNKNOWN}[^\n]+\n", err)
    above, table = out.split("\n\n", 1)
    titles, *rows = above.splitlines()
    assert titles.split() == ["session", "traces", "length", "cost", "p95", "slowest"]
    assert {row.split()[0]: row.split()[1] for row in rows} == {ONE: "45", TWO: "3"}
    assert next(row for row in rows if ONE in row).endswith(
        f"  2.041 s    2.067 s  voice-agent-response  {summarize(one).slowest[0].trace_id}"
    )
    assert table.startswith("48 traces of 2 of 3 sessions, $")
    both = summarize([*one, *two])
    assert re.search(f"\nvoice-agent-response +{both.by_name['voice-agent-response'].count} ", table)
    assert len(re.findall(f"^slowest .*  {ONE}  [0-9a-f]{{32}}  /project", table, re.MULTILINE)) == 3


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_session_is_out_before_the_next_is_read(traces_server: FakeTracesServer) -> None:
    """Through a pipe; Ctrl-C then ends the wait for the other, without a word."""
    traces_server.add_session(ONE, traces=3)
    traces_server.add_session(TWO, traces=150)
    traces_server.fail_next(stall=PATIENCE * 2, page=2)
    with started(traces_server, "summary", ONE, TWO) as process:
        assert lines(process, 2)[1].startswith(f"{ONE}       3 ")
        wait_for(traces_server, process, 3)
        process.send_signal(signal.SIGINT)
        assert ended(process) == (130, "", "")


def test_the_rows_can_be_sessions(server: FakeTracesServer, capsys: Captured) -> None:
    """Dearest first, with their shares; those without traces are among them, and there are no other lines."""
    server.add_session(ONE, traces=45)
    server.add_session(TWO, traces=100)
    server.add_session(UNKNOWN)
    assert main(["summary", ONE, UNKNOWN, TWO, "--by", "session"]) == 0
    head, titles, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("145 traces of 3 sessions, $")
    assert titles.split()[0] == "session"
    assert [row.split()[0] for row in rows[:3]] == [TWO, ONE, UNKNOWN]
    assert sum(int(row.split()[-2]) for row in rows[:2]) == 100
    assert rows[2].split() == [UNKNOWN, "0", *[DASH] * 5]
    assert rows[3] == ""
    assert "voice-agent-response" in rows[4]


def test_a_summary_of_one_session_is_one_object(server: FakeTracesServer, capsys: Captured) -> None:
    """That of the library, with the session's id; nothing else on standard output, whatever the rows would be."""
    traces = server.add_session(ONE, traces=45)
    for arguments in ([], ["--by", "session"]):
        assert main(["summary", ONE, "--format", "json", *arguments]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out) == {"sessionId": ONE, **summarize(traces, top=3).to_dict()}
        assert (out.count("\n"), err) == (1, "")


def test_a_summary_of_many_sessions_is_one_object_too(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also of a single id that comes through standard input: a program need not count first."""
    one, two = server.add_session(ONE, traces=45), server.add_session(TWO, traces=3)
    assert main(["summary", ONE, UNKNOWN, TWO, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"sessions", "all"}
    assert {session["sessionId"]: session["count"] for session in found["sessions"]} == {ONE: 45, TWO: 3}
    whole = summarize([*one, *two], top=3).to_dict()
    assert found["all"]["byName"] == whole["byName"]
    path = tmp_path / "ids"
    path.write_text(f"  {ONE}  # the first\n\n{ONE}\n# the end\n", encoding="utf-8")
    with path.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["summary", "-", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["sessions"] == [{"sessionId": ONE, **summarize(one, top=3).to_dict()}]


@pytest.mark.parametrize("arguments", [[], ["--by", "session"], ["--format", "json"]])
def test_nothing_is_summed_up_where_every_session_failed(
    server: FakeTracesServer, capsys: Captured, arguments: list[str]
) -> None:
    """A summary of nothing would look like an answer."""
    assert main(["summary", UNKNOWN, TWO, *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == len(server.requests) == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no session id: give one or more, or - to read them from standard input"),
        (["not-a-uuid"], "not-a-uuid"),
        ([ONE, "--by", "agent"], "agent"),
        ([ONE, "--format", "jsonl"], "jsonl"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_sent(
    server: FakeTracesServer, capsys: Captured, arguments: list[str], complaint: str
) -> None:
    """Status 2, a line that says why, and where to read more."""
    assert main(["summary", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err.splitlines()[0]
    assert err.endswith("Try 'lyzr-traces summary --help'.\n")
    assert not server.requests


def test_what_is_not_known_is_a_dash() -> None:
    """Never zero; a step that has no name too."""
    bare = attrs.evolve(TRACE, name=None, latency_seconds=None, total_cost_usd=None)
    head, _, row, *_ = drawn([bare]).splitlines()
    assert head.startswith("1 trace in 0.0 s, no cost known, 1 without a latency · from ")
    assert row.split() == [DASH, "1", *[DASH] * 5]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (20, "step p95"),
        (32, "step p95 cost"),
        (56, "step traces p95 cost"),
        (68, "step traces p95 max cost"),
        (74, "step traces p50 p95 max cost"),
        (80, "step traces p50 p95 max cost share"),
        (120, "step traces p50 p95 max cost share"),
    ],
)
def test_a_narrow_terminal_has_what_matters_most(width: int, titles: str) -> None:
    """The share goes first, then the median and the maximum; the name is cut last."""
    shown = drawn([TRACE], width).splitlines()
    header = next(line for line in shown if line.startswith("step"))
    assert " ".join(header.split()) == titles
    assert max(map(cell_len, shown)) <= width
    assert any(line.startswith("voice-a" if width < 40 else TRACE.name or "") for line in shown)
    assert ("━" in "".join(shown)) is (width >= 100)


@pytest.mark.parametrize(
    ("width", "titles"), [(32, "session p95 cost"), (60, "session p95 cost"), (80, "session traces p95 max cost")]
)
def test_the_ids_of_sessions_are_cut_last(width: int, titles: str) -> None:
    """They are for pasting, like all ids."""
    console = console_of(width, terminal=True)
    summary = summarize([attrs.evolve(TRACE, name=ONE)])
    print_overview(console, summary, Dashboard(), scope="of 1 session", sessions=list(summary.by_name.values()))
    shown = text_of(console).splitlines()
    header = next(number for number, line in enumerate(shown) if line.startswith("session"))
    assert " ".join(shown[header].split()) == titles
    assert (ONE in shown[header + 1]) is (width >= 60)
    assert max(map(cell_len, shown)) <= width


@pytest.mark.parametrize(("width", "there"), [(50, False), (70, True), (80, True), (160, True)])
def test_the_id_of_an_extreme_trace_is_whole_or_not_there(width: int, *, there: bool) -> None:
    """It is for pasting."""
    line = next(line for line in drawn([TRACE], width).splitlines() if line.startswith("slowest"))
    assert (TRACE.trace_id in line) is there
    assert (TRACE.trace_id[:8] in line) is there


@pytest.mark.parametrize(("width", "places"), [(60, (0, 0)), (80, (0, 1)), (120, (1, 0)), (160, (1, 0))])
def test_of_many_sessions_both_ids_stand_beside_or_below(width: int, places: tuple[int, int]) -> None:
    """As `show` takes them, where there is room for both."""
    shown = drawn([TRACE], width, scope="of 2 sessions").splitlines()
    at = next(number for number, line in enumerate(shown) if line.startswith("slowest"))
    ids = f"{ONE}  {TRACE.trace_id}"
    assert (ids in shown[at], ids == shown[at + 1].strip()) == tuple(map(bool, places))
    assert max(map(cell_len, shown)) <= width


def test_ids_and_links_can_be_clicked_on() -> None:
    """On a terminal; the address is the dashboard's."""
    console = console_of(200, terminal=True, colours=True)
    print_overview(console, summarize([TRACE]), Dashboard("https://dash.example"))
    assert text_of(console).count(";https://dash.example/t/abc\x1b\\") == 4


def test_numbers_beyond_all_measure_stay_in_their_columns() -> None:
    """Sums that no float can hold, latencies below zero, and names of ten thousand characters."""
    traces = [
        attrs.evolve(TRACE, name="n" * 10_000, total_cost_usd=1.7e308, latency_seconds=-3.0),
        attrs.evolve(TRACE, name="n" * 10_000, total_cost_usd=1.7e308, latency_seconds=1e300),
        attrs.evolve(TRACE, name="m\x1b[2J\u202e", total_cost_usd=math.inf),
    ]
    for width in (20, 60, 80, 120):
        out = drawn(traces, width, scope="of 1 session")
        assert max(map(cell_len, out.splitlines())) <= width or width < 40
        assert "\x1b" not in out
        assert "\u202e" not in out
    assert "n" * 10_000 in drawn(traces, terminal=False)


@given(
    traces=st.lists(TRACES, max_size=6),
    width=st.integers(40, 200),
    encoding=st.sampled_from(["utf-8", "ascii", "cp1252"]),
    scope=st.sampled_from([None, "of 2 sessions"]),
    terminal=st.booleans(),
)
def test_any_traces_fit_any_terminal(
    *, traces: list[Trace], width: int, encoding: str, scope: str | None, terminal: bool
) -> None:
    """No line is too long, and nothing that a terminal would act upon is in it."""
    shown = drawn(traces, width, scope=scope, encoding=encoding, terminal=terminal).split("\n")
    assert not any(map(UNSAFE.search, shown))
    if terminal:
        assert max(map(cell_len, shown)) <= width
