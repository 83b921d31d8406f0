"""`sync`: sessions in a file that is updated again and again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from lyzr_traces_async.cli import main
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.cli.consoles import Terminal
from tests.helpers.databases import rows, states_in

ONE, TWO, THREE = (
    "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4",
    "c2f7d3a8-61b0-4e95-8a14-7be30f5d9c26",
)
UNKNOWN = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"
AGENT = "69b1f0c24e7d8a5c3b2a1fff"
PLAIN = re.compile(r"lyzr-traces: [\d,]+ of 3 sessions(, \d+ failed)?(, \d+ missing)?, \d+ traces?\n")

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / "traces.duckdb"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write each session as soon as it is read."""
    monkeypatch.setattr("lyzr_traces_async.store._sync.BATCH_TRACES", 1)


def traces_in(file: Path) -> Counter[tuple[str, str]]:
    return Counter((row[0], row[1]) for row in rows(file, "SELECT session_id, trace_id FROM traces"))


def test_sessions_are_written_to_the_file(server: FakeTracesServer, capsys: Captured, file: Path) -> None:
    """Each trace is in the file once. One line sums up the sync, and a missing session is no failure."""
    expected = Counter((one, trace.trace_id) for one in (ONE, TWO) for trace in server.add_session(one, traces=150))
    assert main(["sync", str(file), ONE, TWO, ONE, UNKNOWN]) == 0
    assert capsys.readouterr() == (
        f"{file}: 2 sessions read, 0 failed, 1 missing, 0 not due, 300 traces\n",
        "",
    )
    assert traces_in(file) == expected
    assert states_in(file) == {ONE: "read", TWO: "read", UNKNOWN: "missing"}


def test_if_nothing_is_due_no_request_is_sent(server: FakeTracesServer, capsys: Captured, file: Path) -> None:
    """The output says so. If a session is added, only that session is read."""
    server.add_session(ONE, traces=3)
    server.add_session(TWO, traces=4)
    assert main(["sync", str(file), ONE]) == 0
    asked = len(server.requests)
    capsys.readouterr()
    assert main(["sync", str(file), ONE]) == 0
    assert capsys.readouterr() == (f"{file}: nothing is due of 1 session\n", "")
    assert len(server.requests) == asked
    assert main(["sync", str(file), ONE, TWO]) == 0
    assert capsys.readouterr().out == f"{file}: 1 session read, 0 failed, 0 missing, 1 not due, 4 traces\n"
    assert len(server.requests) == asked + 1


def test_refresh_reads_final_sessions_again(server: FakeTracesServer, capsys: Captured, file: Path) -> None:
    """A final session may have changed after all."""
    server.add_session(ONE, traces=3)
    assert main(["sync", str(file), ONE]) == 0
    server.add_traces(ONE, 2)
    capsys.readouterr()
    assert main(["sync", str(file), ONE, "--refresh"]) == 0
    assert capsys.readouterr().out == f"{file}: 1 session read, 0 failed, 0 missing, 0 not due, 5 traces\n"
    assert len(traces_in(file)) == 5


def test_a_session_whose_newest_trace_is_young_is_read_again(
    server: FakeTracesServer, capsys: Captured, file: Path
) -> None:
    """It is read again until it has settled. `--settle` sets how long that takes."""
    (trace,) = server.add_session(ONE, traces=1)
    server.add_traces(ONE, [attrs.evolve(trace, trace_id="young", timestamp=datetime.now(UTC))])

    def due(*options: str) -> bool:
        assert main(["sync", str(file), ONE, *options]) == 0
        return "nothing is due" not in capsys.readouterr().out

    assert due()
    assert due()
    assert due("--settle", "2d")
    assert not due("--settle", "0")


def test_ids_come_from_standard_input(
    server: FakeTracesServer, capsys: Captured, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A malformed line is reported and the status is 1. The other sessions are read."""
    server.add_session(ONE, traces=1)
    server.add_session(TWO, traces=2)
    (tmp_path / "ids").write_text(f"{ONE}\nx\n{TWO} # the second\n", encoding="utf-8")
    with (tmp_path / "ids").open() as ids:
        monkeypatch.setattr(sys, "stdin", ids)
        assert main(["sync", str(file), "-"]) == 1
    out, err = capsys.readouterr()
    assert out == f"{file}: 2 sessions read, 0 failed, 0 missing, 0 not due, 3 traces\n"
    assert re.fullmatch("lyzr-traces: line 2: the session id must be a UUID [^\n]+\n", err)
    with (tmp_path / "ids").open("w+") as ids:
        monkeypatch.setattr(sys, "stdin", ids)
        assert main(["sync", str(file), "-"]) == 2
    assert capsys.readouterr().err.startswith("lyzr-traces: no session id on standard input")


def test_sessions_come_from_the_list_of_the_service(server: FakeTracesServer, capsys: Captured, file: Path) -> None:
    """The list can be restricted to an agent or to a time."""
    server.add_transcripts(5)
    mine = server.add_transcripts(5, agent_id=AGENT)
    for session in mine:
        server.add_session(session.session_id, traces=2)
    begin, end = mine[1].ended_at.isoformat(), mine[3].ended_at.isoformat()
    assert main(["sync", str(file), "--agent", AGENT, "--since", begin, "--until", end]) == 0
    assert set(states_in(file)) == {session.session_id for session in mine[1:4]}
    assert main(["sync", str(file), "--agent", AGENT]) == 0
    assert set(states_in(file)) == {session.session_id for session in mine}
    capsys.readouterr()
    assert main(["sync", str(file), "--until", "2000-01-01"]) == 0
    assert capsys.readouterr().out == f"{file}: there are no sessions to read\n"


@pytest.mark.parametrize("by_list", [True, False])
def test_hosts_share_the_sessions_among_them(server: FakeTracesServer, tmp_path: Path, *, by_list: bool) -> None:
    """Each host has its own file, and together they have every session once."""
    ids = [session.session_id for session in server.add_transcripts(12)]
    for session_id in ids:
        server.add_session(session_id, traces=1)
    found = []
    chosen = ["--since", "2020-01-01"] if by_list else ids
    for number in (1, 2, 3):
        file = tmp_path / f"{number}.duckdb"
        assert main(["sync", str(file), *chosen, "--shard", f"{number}/3"]) == 0
        found.append(set(states_in(file)))
    assert all(found)
    assert sorted(one for part in found for one in part) == sorted(ids)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "FILE"),
        (["{file}"], "no sessions: give session ids, or - to read them from standard input, or select "),
        (["{file}", "--refresh"], "no sessions: "),
        (["{file}", ONE, "--since", "7d"], "session ids cannot be combined with --agent, --since and --until"),
        (["{file}", "-", "--agent", AGENT], "cannot be combined"),
        (["{file}", ONE, "x"], "the session id must be a UUID such as "),
        (["{file}", ONE, "--settle", "1"], "--settle must be a length of time such as 90m, 1h, 2d or 0, not '1'"),
        (
            ["{file}", ONE, "--shard", "5/4"],
            "--shard must be a part and the number of parts, such as 1/4, 2/4, 3/4 and 4/4",
        ),
        (["{file}", "--since", "tomorrow"], "--since must be a date or a time"),
        (["{file}", "--since", "today", "--until", "yesterday"], "--since is later than --until: "),
        ([ONE, TWO], "the first argument must be the file, such as traces.duckdb; session ids follow it"),
        (["-"], "the first argument must be the file"),
        (["--all", "{file}"], "unknown option: --all"),
        (["{file}", ONE, "--all"], "unknown option: --all"),
        (["", ONE], "path must be the path of a file"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_sent_or_made(
    *, server: FakeTracesServer, capsys: Captured, file: Path, arguments: list[str], complaint: str
) -> None:
    """The command ends with status 2, one line, and a hint at the help. It creates no file."""
    assert main(["sync", *(argument.format(file=file) for argument in arguments)]) == 2
    out, err = capsys.readouterr()
    line, hint, end = err.split("\n")
    assert (out, hint, end) == ("", "Try 'lyzr-traces sync --help'.", "")
    assert complaint in line
    assert not server.requests
    assert not list(file.parent.iterdir())


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("times", "status"), [(6, 500), (1, 404)])
def test_a_session_that_fails_is_reported_and_the_others_go_on(
    server: FakeTracesServer, capsys: Captured, file: Path, times: int, status: int
) -> None:
    """The next run reads only that session. A 404 that does not come from the service is a failure."""
    server.add_session(ONE, traces=1)
    server.add_session(TWO, traces=2)
    server.fail_next(times, status=status, session_id=TWO, body=b"<html>")
    assert main(["sync", str(file), ONE, TWO]) == 1
    out, err = capsys.readouterr()
    assert out == f"{file}: 1 session read, 1 failed, 0 missing, 0 not due, 1 trace\n"
    assert re.fullmatch(rf"lyzr-traces: HTTP {status}: [^\n]*{TWO}[^\n]*\n", err)
    assert states_in(file) == {ONE: "read", TWO: "failed"}
    assert main(["sync", str(file), ONE, TWO]) == 0
    assert capsys.readouterr() == (f"{file}: 1 session read, 0 failed, 0 missing, 1 not due, 2 traces\n", "")


@pytest.mark.usefixtures("hasty", "small_batches")
def test_a_sync_whose_key_expires_goes_on_with_another_key(
    server: FakeTracesServer, capsys: Captured, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions that were read stay in the file and are not read again. The error says so."""
    ids = [session.session_id for session in server.add_transcripts(16)]
    for session_id in ids:
        server.add_session(session_id, traces=1)
    first_key, asked = server.api_key, []

    def expire(request: RecordedRequest) -> None:
        asked.append(request)
        if len(asked) == 8:
            server.api_key = "another-key"

    server.on_request = expire
    assert main(["sync", str(file), *ids]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    complaint, hint, end = err.split("\n")
    assert complaint.startswith("lyzr-traces: HTTP 401: Invalid x-api-key")
    assert (hint, end) == (
        f"{file} keeps what has been written. Run the same command again to continue from there.",
        "",
    )
    read = [session_id for session_id, state in states_in(file).items() if state == "read"]
    assert 0 < len(read) < 16
    server.on_request = None
    before = len(server.requests)
    monkeypatch.setenv("LYZR_API_KEY", "another-key")
    assert main(["sync", str(file), *ids]) == 0
    assert len(server.requests) == before + 16 - len(read)
    assert set(states_in(file).values()) == {"read"}
    assert len(traces_in(file)) == 16
    assert first_key.encode() not in file.read_bytes()


def test_a_key_that_is_refused_at_once_gets_no_hint_about_resuming(
    server: FakeTracesServer, capsys: Captured, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of sessions is refused, so nothing has begun."""
    monkeypatch.setenv("LYZR_API_KEY", "no-good")
    assert main(["sync", str(file), "--since", "7d"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"lyzr-traces: HTTP 401: Invalid x-api-key[^\n]+\n", err)
    assert len(server.requests) == 1


def test_a_file_that_is_no_store_is_refused_before_the_first_request(
    server: FakeTracesServer, capsys: Captured, file: Path
) -> None:
    """The error says what the file is, and the file stays unchanged. A missing folder is refused too."""
    file.write_text("notes\n" * 100, encoding="utf-8")
    for path, words in (
        (file, "is not a DuckDB database"),
        (file.parent / "no" / file.name, "No such file or directory"),
    ):
        assert main(["sync", str(path), "--since", "7d"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(f"lyzr-traces: {re.escape(str(path))} [^\n]*{words}[^\n]*\n", err)
    assert not server.requests
    assert file.read_text(encoding="utf-8") == "notes\n" * 100


@pytest.mark.usefixtures("small_batches", "hasty")
def test_a_log_has_whole_lines_now_and_then(
    server: FakeTracesServer, capsys: Captured, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line has no carriage return and no escape code. There is at most one every 30 seconds; here the wait is 0."""
    for session_id in (ONE, TWO, THREE):
        server.add_session(session_id, traces=1)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["sync", str(file), ONE, TWO, THREE]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("lyzr_traces_async.cli._job.EVERY", 0.0)
    assert main(["sync", str(file), ONE, TWO, THREE, "--refresh"]) == 0
    out, err = capsys.readouterr()
    told = err.splitlines(keepends=True)
    assert told[0] == "lyzr-traces: 0 of 3 sessions, 0 traces\n"
    assert all(map(PLAIN.fullmatch, told))
    assert "\r" not in out + err
    assert "\x1b" not in out + err


@pytest.mark.usefixtures("small_batches", "hasty")
def test_a_terminal_has_one_line_that_is_erased_at_the_end(
    server: FakeTracesServer, capsys: Captured, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is erased before the error of a session, and drawn again after it."""
    server.add_session(ONE, traces=1)
    server.add_session(TWO, traces=2)
    server.fail_next(6, status=500, session_id=TWO)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["sync", str(file), ONE, TWO]) == 1
    assert isinstance(sys.stderr, Terminal)
    shown = [re.sub(r" \(\d+ s\)$", "", line) for line in sys.stderr.getvalue().split("\r\x1b[2K")]
    assert shown[:2] == ["", "the list of sessions: 0 so far"]
    assert "0 of 2 sessions, 0 traces" in shown
    assert shown[-2:] == ["2 of 2 sessions, 1 failed, 1 trace", ""]
    assert sum(line.startswith("lyzr-traces: HTTP 500: ") for line in shown) == 1
    assert capsys.readouterr().out == f"{file}: 1 session read, 1 failed, 0 missing, 0 not due, 1 trace\n"


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_prints_that_the_file_keeps_its_contents(server: FakeTracesServer, capsys: Captured, file: Path) -> None:
    """The status is 130."""
    server.add_session(ONE, traces=1)
    server.fail_next(stall=0.3)
    server.on_request = lambda _: os.kill(os.getpid(), signal.SIGINT)
    assert main(["sync", str(file), ONE]) == 130
    hint = f"{file} keeps what has been written. Run the same command again to continue from there."
    assert capsys.readouterr() == ("", f"lyzr-traces: stopped\n{hint}\n")


@pytest.fixture
def forget_the_store(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes a module of the store look uninstalled."""

    def forget(name: str) -> None:
        again = ("lyzr_traces_async.store", "lyzr_traces_async.cli._job")
        for loaded in [loaded for loaded in sys.modules if loaded.startswith(again)]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, name, None)

    return forget


def test_without_the_extra_it_says_which_one_to_install(
    server: FakeTracesServer, capsys: Captured, file: Path, forget_the_store: Callable[[str], None]
) -> None:
    """The command prints one line and ends with status 2 before the first request."""
    forget_the_store("duckdb")
    assert main(["sync", str(file), ONE]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"lyzr-traces: duckdb is not installed\. [^\n]+ pip install 'lyzr-traces-async\[store\]'\n", err
    )
    assert not server.requests


def test_another_missing_library_is_not_blamed_on_the_extra(
    server: FakeTracesServer, file: Path, forget_the_store: Callable[[str], None]
) -> None:
    """A broken installation ends in an ImportError that names the missing module."""
    forget_the_store("lyzr_traces_async.store._rows")
    with pytest.raises(ModuleNotFoundError, match="_rows"):
        main(["sync", str(file), ONE])
    assert not server.requests


def test_the_other_commands_do_without_duckdb(tmp_path: Path) -> None:
    """The other commands, the help and the completion do not import DuckDB."""
    code = (
        "import sys; sys.modules['duckdb'] = None; from lyzr_traces_async.cli import main; "
        "statuses = [main(arguments.split()) for arguments in sys.argv[1:]]; "
        "sys.exit(f'{statuses} {[name for name in sys.modules if \"_async.store\" in name]}')"
    )
    completion = f"--install-completion --shell bash --output {tmp_path / 'completion'}"
    commands = ["--help", "sync --help", completion, "demo", "list x"]
    done = subprocess.run([sys.executable, "-c", code, *commands], check=False, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "[0, 0, 0, 0, 2] []"
