"""`report`: sessions as an HTML page."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from lyzr_traces_async.cli import main
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.processes import PATIENCE, environment, on_a_terminal, screen_of

ONE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TWO = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
UNKNOWN = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def test_sessions_are_written_as_a_page(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The default file is `report.html`. One line says what was written, and links lead to the dashboard."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LYZR_DASHBOARD_URL", "https://dash.example/base/")
    traces = [*server.add_session(ONE, traces=45), *server.add_session(TWO, traces=2)]
    assert main(["report", ONE, TWO, ONE]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"report\.html: 2 sessions, 47 traces, [0-9]+ kB\n", out)
    assert err == ""
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(trace.trace_id in page for trace in traces)
    assert "https://dash.example/base/project/voice/traces/" in page


@pytest.mark.parametrize("option", ["-o", "--output"])
def test_a_session_that_failed_is_in_the_page_too(
    server: FakeTracesServer, capsys: Captured, tmp_path: Path, option: str
) -> None:
    """The error is also on standard error, and the status is 1."""
    server.add_session(ONE, traces=3)
    path = tmp_path / "a b.html"
    assert main(["report", ONE, UNKNOWN, option, str(path)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}: 1 session (1 more failed), 3 traces, ")
    assert re.fullmatch(r"lyzr-traces: HTTP 404: [^\n]+\n", err)
    assert UNKNOWN in path.read_text(encoding="utf-8")


def test_a_page_of_failures_only_is_written(server: FakeTracesServer, capsys: Captured, tmp_path: Path) -> None:
    """The page has the reason, and the status is 1."""
    path = tmp_path / "report.html"
    assert main(["report", UNKNOWN, "-o", str(path)]) == 1
    assert capsys.readouterr().out.startswith(f"{path}: 0 sessions (1 more failed), 0 traces, ")
    assert "NotFoundError" in path.read_text(encoding="utf-8")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("path", "reason"), [("no/such/folder/report.html", "No such file or directory"), (".", "it is a directory")]
)
def test_a_path_that_cannot_be_written_is_refused_before_the_first_request(
    *,
    server: FakeTracesServer,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    path: str,
    reason: str,
) -> None:
    """The status is 2, and the error has the reason."""
    monkeypatch.chdir(tmp_path)
    server.add_session(ONE, traces=3)
    assert main(["report", ONE, "-o", path]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"lyzr-traces: the report cannot be written to {path!r}: {reason}\n")
    assert not server.requests
    assert not list(tmp_path.iterdir())


def test_a_dashboard_that_the_page_cannot_link_to_is_refused_before_the_first_request(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A page allows fewer characters in addresses than a terminal."""
    monkeypatch.setenv("LYZR_DASHBOARD_URL", "https://dash.example/(x)")
    assert main(["report", ONE, "-o", str(tmp_path / "report.html")]) == 2
    assert "the dashboard's URL must be https" in capsys.readouterr().err
    assert not server.requests


def test_a_refused_key_leaves_the_old_report(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command ends before it writes anything, because every session would fail."""
    server.add_session(ONE, traces=3)
    path = tmp_path / "report.html"
    path.write_text("before", encoding="utf-8")
    monkeypatch.setenv("LYZR_API_KEY", "wrong")
    assert main(["report", ONE, TWO, "-o", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "HTTP 401" in err
    assert path.read_text(encoding="utf-8") == "before"


@pytest.mark.parametrize(
    ("given", "status", "complaint"),
    [(b"", 2, "no session id on standard input"), (b"# none\n \nnonsense\n", 1, "line 3: ")],
)
def test_without_an_id_no_page_is_written(
    *,
    server: FakeTracesServer,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: bytes,
    status: int,
    complaint: str,
) -> None:
    """An empty page would look like an answer, and would replace an older one."""
    path = tmp_path / "ids"
    path.write_bytes(given)
    with path.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["report", "-", "-o", str(tmp_path / "report.html")]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err.splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["ids"]
    assert not server.requests


def test_a_hyphen_writes_the_page_to_standard_output(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Standard output has the page, exactly as a file would, and nothing else."""
    monkeypatch.chdir(tmp_path)
    server.add_session(ONE, traces=3)
    assert main(["report", ONE, "-o", "report.html"]) == 0
    capsys.readouterr()
    assert main(["report", ONE, "-o", "-"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ((tmp_path / "report.html").read_text(encoding="utf-8"), "")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_an_option_is_not_taken_for_the_name_of_a_file(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The name of the file is missing, which the error says."""
    monkeypatch.chdir(tmp_path)
    assert main(["report", ONE, "-o", "--full"]) == 2
    assert "--output needs a file name, or - for standard output, not --full" in capsys.readouterr().err
    assert not server.requests
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="terminals as POSIX has them")
def test_a_page_is_not_written_to_a_terminal(traces_server: FakeTracesServer) -> None:
    """The command ends with status 2 before the first request, and says how to redirect the page."""
    with on_a_terminal(200, "report", ONE, "-o", "-", env=environment(traces_server)) as (process, outside):
        screen = b"".join(iter(lambda: screen_of(outside), b"")).decode()
        assert process.wait(PATIENCE) == 2
    assert "standard output, and that is a terminal: redirect it, as in > report.html" in screen
    assert "<html" not in screen
    assert not traces_server.requests


def test_a_terminal_as_standard_output_is_refused_before_the_first_request(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names both ways out."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["report", ONE, "-o", "-"]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "redirect it, as in > report.html, or name a file with --output" in err
    assert not server.requests


def test_a_closed_standard_output_is_refused_before_the_first_request(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell closes it with `>&-`."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["report", ONE, "-o", "-"]) == 1
    assert "standard output is closed" in capsys.readouterr().err
    assert not server.requests
