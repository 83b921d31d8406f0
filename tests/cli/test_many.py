"""Many sessions at once: a session that fails has its own line, and the others go on."""

from __future__ import annotations

import json
import re
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._ids import SessionIds
from lyzr_traces_async.cli._many import Sweep
from lyzr_traces_async.cli._output import Progress
from lyzr_traces_async.testing import FakeTracesServer, Quota
from tests.cli.consoles import Terminal

ONE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TWO = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
UNKNOWN = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def rows(text: str) -> list[str]:
    """Return the lines with traces of a table in a pipe."""
    return [line for line in text.splitlines() if "2026-03-25 " in line]


def test_several_sessions_have_a_heading_and_a_summary_each(server: FakeTracesServer, capsys: Captured) -> None:
    """Sessions are listed as they finish, one after the other, with an empty line between them."""
    server.add_session(ONE, traces=3)
    server.add_session(TWO, traces=5)
    assert main(["list", ONE, TWO, ONE]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    blocks = re.split(f"^(?=(?:{ONE}|{TWO}) · )", out, flags=re.MULTILINE)[1:]
    assert sorted(len(rows(block)) for block in blocks) == [3, 5]
    for block, count in ((next(b for b in blocks if b.startswith(ONE)), 3), (next(b for b in blocks if TWO in b), 5)):
        assert re.match(f"[-0-9a-f]{{36}} · {count} traces\ntime \\(UTC\\)  ", block)
        assert f"\n\n{count} traces · $" in block
    assert blocks[0].endswith("\n\n")


def test_a_session_that_fails_does_not_stop_the_others(server: FakeTracesServer, capsys: Captured) -> None:
    """The failure has a line on standard error, and the command ends with status 1."""
    server.add_session(ONE, traces=3)
    server.add_session(TWO, traces=5)
    for arguments in ([], ["--sort", "cost"]):
        assert main(["list", ONE, UNKNOWN, TWO, "--format", "jsonl", *arguments]) == 1
        out, err = capsys.readouterr()
        assert len(out.splitlines()) == 8
        assert re.fullmatch(rf"lyzr-traces: HTTP 404: [^\n]+ \[session {UNKNOWN}[^\n]+\n", err)


def test_a_refused_key_ends_the_command_with_one_line(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other session would fail too."""
    server.add_session(ONE, traces=3)
    monkeypatch.setenv("LYZR_API_KEY", "wrong")
    assert main(["list", ONE, TWO, "--sort", "cost"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"lyzr-traces: HTTP 401: [^\n]+\n", err)


def test_ids_can_come_from_a_file(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file is one that `sessions --format ids` has written."""
    for number in range(30):
        server.add_session(f"3fa85f64-5717-4562-b3fc-{number:012}", traces=2)
    assert main(["sessions", "--format", "ids"]) == 0
    path = tmp_path / "ids"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    with path.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["list", "-", "--format", "jsonl"]) == 0
    found = [json.loads(line)["sessionId"] for line in capsys.readouterr().out.splitlines()]
    assert len(found) == 60
    assert len(set(found)) == 30


async def test_the_progress_says_for_how_long_the_quota_held_requests_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The number of sessions is shown only if it is known."""
    async with FakeTracesServer(quota=Quota(requests=2, seconds=5)) as server:
        for session_id in (ONE, TWO, UNKNOWN):
            server.add_session(session_id, traces=1)
        monkeypatch.setenv("LYZR_API_KEY", server.api_key)
        monkeypatch.setattr(sys, "stderr", Terminal())
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            with Progress() as progress:
                ids = SessionIds([ONE, TWO, UNKNOWN], progress.complain)
                sweep = Sweep(client, ids, progress)
                async with aclosing(sweep.sessions()) as sessions:
                    assert len([session async for session in sessions]) == 3
                assert (sweep.done, sweep.failed, sweep.status) == (3, 0, 0)
                ids.total = None
                sweep.done = 1
                progress.show(sweep._status_line)
    assert isinstance(sys.stderr, Terminal)
    shown = sys.stderr.getvalue()
    assert re.search(r"\x1b\[2K3 of 3 sessions, \d s held back by the quota\r", shown)
    assert re.search(r"\x1b\[2K1 session, \d s held back by the quota", shown)
