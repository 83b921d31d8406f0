"""`list` as a process: behaviour that needs a real pipe, signal or terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest
from rich.cells import cell_len

from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.processes import PATIENCE, ended, environment, lines, on_a_terminal, screen_of, started, wait_for

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals, pipes and terminals as POSIX has them"),
    pytest.mark.usefixtures("interruptible"),
]
SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"


@pytest.mark.parametrize(
    ("kind", "head", "row"),
    [("table", 2, "^2026-03-25 "), ("jsonl", 0, '^{"traceId":"'), ("csv", 1, "^[0-9a-f]{32},")],
)
def test_the_first_page_is_written_before_the_second_has_arrived(
    traces_server: FakeTracesServer, kind: str, head: int, row: str
) -> None:
    """Every format writes page by page to a pipe. Ctrl-C then ends the wait for the second page quietly."""
    traces_server.add_session(SESSION, traces=30)
    traces_server.fail_next(stall=PATIENCE * 2, page=2)
    with started(traces_server, "list", SESSION, "--limit", "10", "--format", kind) as process:
        rows = lines(process, head + 10)[head:]
        assert all(re.search(row, line) for line in rows)
        wait_for(traces_server, process, 2)
        process.send_signal(signal.SIGINT)
        assert ended(process) == (130, "", "")


def test_a_session_is_listed_while_the_pipe_of_ids_is_open(traces_server: FakeTracesServer) -> None:
    """Ctrl-C then ends the wait for another id quietly."""
    traces_server.add_session(SESSION, traces=3)
    with started(traces_server, "list", "-", "--format", "jsonl", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(f"{SESSION}\n".encode())
        assert all(line.startswith('{"traceId":"') for line in lines(process, 3))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert ended(process) == (130, "", "")


def test_ctrl_c_before_the_first_answer_is_quiet(traces_server: FakeTracesServer) -> None:
    """The command prints nothing and ends with status 130."""
    traces_server.add_session(SESSION, traces=1)
    traces_server.fail_next(stall=PATIENCE * 2)
    with started(traces_server, "list", SESSION) as process:
        wait_for(traces_server, process, 1)
        process.send_signal(signal.SIGINT)
        assert ended(process) == (130, "", "")


@pytest.mark.parametrize(
    ("kind", "ids"), [("table", [SESSION]), ("jsonl", [SESSION]), ("csv", [SESSION]), ("jsonl", [SESSION, OTHER])]
)
def test_head_ends_the_command_quietly(traces_server: FakeTracesServer, kind: str, ids: list[str]) -> None:
    """A reader that closes the pipe is no error. The status is that of SIGPIPE."""
    for session_id in ids:
        traces_server.add_session(session_id, traces=1000)
    traces_server.latency = 0.05
    with started(traces_server, "list", *ids, "--format", kind) as process:
        lines(process, 1)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_process_that_succeeds_leaves_nothing_open(traces_server: FakeTracesServer) -> None:
    """The output is UTF-8 in any locale, and Python reports no unclosed resource."""
    traces = traces_server.add_session(SESSION, traces=25)
    with started(
        traces_server, "list", SESSION, "--limit", "10", "--format", "jsonl", PYTHONIOENCODING="ascii"
    ) as process:
        status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert [json.loads(line)["traceId"] for line in out.splitlines()] == [trace.trace_id for trace in traces]


def test_a_process_that_fails_leaves_nothing_open(traces_server: FakeTracesServer) -> None:
    """The command ends with status 1 and one line, without a traceback."""
    with started(traces_server, "list", SESSION, PYTHONIOENCODING="ascii") as process:
        status, out, err = ended(process)
    assert (status, out) == (1, "")
    assert re.fullmatch(r"lyzr-traces: HTTP 404: [^\n]+\n", err)


def test_the_table_fits_a_real_terminal(traces_server: FakeTracesServer) -> None:
    """Standard output and standard error share the terminal, and the progress line leaves nothing behind."""
    traces_server.add_session(SESSION, traces=25)
    with on_a_terminal(80, "list", SESSION, "--limit", "10", env=environment(traces_server)) as (process, outside):
        screen = b"".join(iter(lambda: screen_of(outside), b"")).decode()
        assert process.wait(PATIENCE) == 0
    assert "\r\x1b[2Kpage 2 of 3\r\x1b[2K" in screen
    shown = re.sub(r"\r\x1b\[2K(page [^\r]*)?|\x1b\[[0-9;]*m", "", screen).split("\r\n")
    assert len([line for line in shown if line.startswith("18:19:")]) == 25
    assert max(map(cell_len, shown)) <= 80
    assert all(line.isprintable() for line in shown)


def test_links_can_be_clicked_and_no_escape_code_of_the_server_is_written(traces_server: FakeTracesServer) -> None:
    """Each escape code of a link is closed, and text of the server stays within it."""
    (trace,) = traces_server.add_session(SESSION, traces=1)
    evil = attrs.evolve(trace, trace_id="evil", html_path="/\x1b\\\x1b]0;title\x07;é")
    http = attrs.evolve(trace, trace_id="http", html_path="http://other.example/")
    traces_server.add_traces(SESSION, [evil, http])
    env = environment(traces_server, LYZR_DASHBOARD_URL="https://dash.example")
    with on_a_terminal(160, "list", SESSION, env=env) as (process, outside):
        screen = b"".join(iter(lambda: screen_of(outside), b"")).decode()
        assert process.wait(PATIENCE) == 0
    opened = re.findall(
        r"\x1b\]8;id=\d+;([^\x1b]+)\x1b\\(?:\x1b\[[0-9;]*m)?([^\x1b]+)(?:\x1b\[0m)?\x1b\]8;;\x1b\\", screen
    )
    whole = f"https://dash.example{trace.html_path}"
    ids = ("evil", "http", trace.trace_id)
    assert [(target, text) for target, text in opened if text in ids] == [(whole, trace.trace_id)]
    assert [target for target, text in opened if text.startswith("…") or text == whole] == [whole]
    assert screen.count("\x1b]8;id=") == screen.count("\x1b]8;;\x1b\\") == len(opened)
    assert "\x1b]0;" not in screen


def test_a_terminal_shows_failed_attempts_and_the_next_one(traces_server: FakeTracesServer) -> None:
    """One line shows each failure, the wait before the next attempt, and the seconds that have passed."""

    def screen_of_width(columns: int) -> str:
        with on_a_terminal(columns, "list", SESSION, env=env) as (process, outside):
            screen = ""
            while "attempt 2 of 6" not in screen or "(1 s)" not in screen:
                chunk = screen_of(outside).decode()
                assert chunk, screen
                screen += chunk
            process.send_signal(signal.SIGINT)
            screen += b"".join(iter(lambda: screen_of(outside), b"")).decode()
            assert process.wait(PATIENCE) == 130
        return screen

    widths = (60, 200)
    with socket.socket() as held, ThreadPoolExecutor() as threads:
        held.bind(("127.0.0.1", 0))  # reserves the port, so nobody listens on it
        env = environment(traces_server, LYZR_TRACES_BASE_URL=f"http://127.0.0.1:{held.getsockname()[1]}/v1")
        screens = list(threads.map(screen_of_width, widths))  # at the same time, because each waits for seconds
    for columns, screen in zip(widths, screens, strict=True):
        lines = screen.split("\r\x1b[2K")
        assert lines[:2] == ["", "page 1"]
        assert re.match(r"attempt 1 of 6 failed, the next in \d\.\d s: no", lines[2])
        assert lines[-1] in ("", "^C")
        assert ("Connect call failed" in screen) is (columns == 200)
        assert max(map(len, lines)) < columns
