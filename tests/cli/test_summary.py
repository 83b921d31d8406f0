"""`summary`: the figures of one session, or of many as they finish, for people and for programs."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

import attrs
import pytest

from lyzr_traces_async import summarize
from lyzr_traces_async.cli import main
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.processes import PATIENCE, ended, lines, started, wait_for

ONE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TWO = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
UNKNOWN = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"
DASH = "\N{EN DASH}"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment", "interruptible")


def test_a_session_is_summed_up_step_by_step(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Totals come first, then the steps, dearest first, then the slowest and the dearest traces with links."""
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
    """Pages have 100 traces."""
    server.add_session(ONE, traces=250)
    assert main(["summary", ONE]) == 0
    assert capsys.readouterr().out.startswith("250 traces in ")
    assert len(server.requests) == 3


def test_a_session_without_traces_says_so(server: FakeTracesServer, capsys: Captured) -> None:
    """No empty table is printed."""
    server.add_session(ONE)
    assert main(["summary", ONE]) == 0
    assert capsys.readouterr().out == "no traces\n"
    assert main(["summary", ONE, "--by", "session"]) == 0
    assert capsys.readouterr().out.startswith("no traces of 1 session\nsession ")
    server.add_session(TWO)
    assert main(["summary", ONE, TWO]) == 0
    assert capsys.readouterr().out.endswith("\nno traces of 2 sessions\n")


def test_a_session_that_fails_is_an_error_and_no_summary(server: FakeTracesServer, capsys: Captured) -> None:
    """Every figure of half a session would be wrong."""
    server.add_session(ONE, traces=250)
    server.fail_next(status=403, page=2)
    for kind in ("table", "json"):
        assert main(["summary", ONE, "--format", kind]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(r"lyzr-traces: HTTP 403: [^\n]+\n", err)
        server.fail_next(status=403, page=2)


def test_many_sessions_have_a_line_each_and_one_table(server: FakeTracesServer, capsys: Captured) -> None:
    """A session that fails is reported on standard error, and the others are summed up."""
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
def test_a_session_is_printed_before_the_next_is_read(traces_server: FakeTracesServer) -> None:
    """This holds for a pipe. Ctrl-C then ends the wait for the next session quietly."""
    traces_server.add_session(ONE, traces=3)
    traces_server.add_session(TWO, traces=150)
    traces_server.fail_next(stall=PATIENCE * 2, page=2)
    with started(traces_server, "summary", ONE, TWO) as process:
        assert lines(process, 2)[1].startswith(f"{ONE}       3 ")
        wait_for(traces_server, process, 3)
        process.send_signal(signal.SIGINT)
        assert ended(process) == (130, "", "")


def test_the_rows_can_be_sessions(server: FakeTracesServer, capsys: Captured) -> None:
    """Sessions are sorted by cost, dearest first, and include those without traces. Steps are not listed."""
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
    """The object is that of the library with the session's id, whatever `--by` is."""
    traces = server.add_session(ONE, traces=45)
    for arguments in ([], ["--by", "session"]):
        assert main(["summary", ONE, "--format", "json", *arguments]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out) == {"sessionId": ONE, **summarize(traces, top=3).to_dict()}
        assert (out.count("\n"), err) == (1, "")


def test_a_summary_of_many_sessions_is_one_object_too(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One id from standard input gives the same shape, so programs need not count the ids."""
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
def test_nothing_is_summed_up_if_every_session_failed(
    server: FakeTracesServer, capsys: Captured, arguments: list[str]
) -> None:
    """An empty summary would look like an answer."""
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
    """The command ends with status 2, a line that says why, and a hint at the help."""
    assert main(["summary", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err.splitlines()[0]
    assert err.endswith("Try 'lyzr-traces summary --help'.\n")
    assert not server.requests
