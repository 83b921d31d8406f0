"""`sync` as a process: on a terminal, interrupted, and beside another sync."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.cells import cell_len

from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from tests.helpers.databases import states_in
from tests.helpers.processes import PATIENCE, ended, environment, on_a_terminal, screen_of, started, wait_for

AGAIN = "Run the same command again to continue from there."
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals and terminals as POSIX has them"),
    pytest.mark.usefixtures("interruptible"),
]

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"


def test_a_terminal_shows_the_progress_of_a_sync(tmp_path: Path) -> None:
    """One line fits the width and shows little else for long. At the end only the result is left."""

    def screen_of_width(columns: int) -> str:
        with FakeTracesServer(quota=Quota(requests=10, seconds=3)) as server:
            for session in server.add_transcripts(12):
                server.add_session(session.session_id, traces=99)
            arguments = ["sync", str(tmp_path / f"{columns}.duckdb"), "--since", "2020-01-01"]
            with on_a_terminal(columns, *arguments, env=environment(server)) as (process, outside):
                screen = b"".join(iter(lambda: screen_of(outside), b"")).decode()
                assert process.wait(PATIENCE) == 0
        return screen

    firsts = {
        60: r"0 of 12 sessions, 0 traces, \d s to go",
        80: r"0 of 12 sessions, 0 traces, 9 requests left in this window, \d s to go",
        120: r"0 of 12 sessions, 0 traces, 9 requests left in this window, \d s to go",
    }
    with ThreadPoolExecutor() as threads:
        screens = list(threads.map(screen_of_width, firsts))  # at the same time, because each waits for its quota
    quota = r"(, (\d requests? left in this window|more requests in \d s))?"
    for (columns, first), screen in zip(firsts.items(), screens, strict=True):
        shown = [re.sub(r" \(\d+ s\)$", "", line) for line in screen.split("\r\x1b[2K")]
        assert shown[:2] == ["", "the list of sessions: 0 so far"]
        assert re.fullmatch(first, shown[2])
        assert any(line.startswith("the quota is used up: waiting ") for line in shown)
        told = [line for line in shown if " of 12 sessions" in line]
        assert len(told) > 1
        assert all(re.fullmatch(rf"\d+ of 12 sessions, [\d,]+ traces{quota}(, \d+ s to go)?", line) for line in told)
        assert max(map(cell_len, shown[:-1])) < columns
        file = tmp_path / f"{columns}.duckdb"
        assert shown[-1] == f"{file}: 12 sessions read, 0 failed, 0 missing, 0 not due, 1,188 traces\r\n"


def test_ctrl_c_loses_nothing_that_was_read(traces_server: FakeTracesServer, tmp_path: Path) -> None:
    """The status is 130. The output says that the same command goes on, and it does."""
    file = tmp_path / "traces.duckdb"
    traces_server.add_session(SESSION, traces=250)
    traces_server.add_session(OTHER, traces=3)
    traces_server.fail_next(stall=PATIENCE * 2, session_id=SESSION, page=3)
    with started(traces_server, "sync", str(file), SESSION, OTHER) as process:
        wait_for(traces_server, process, 4)
        time.sleep(0.2)  # until the answer to the last request but the stalled one has arrived
        process.send_signal(signal.SIGINT)
        assert ended(process) == (
            130,
            "",
            f"lyzr-traces: stopped\n{file} keeps what has been written. {AGAIN}\n",
        )
    assert states_in(file) == {OTHER: "read"}
    with started(traces_server, "sync", str(file), SESSION, OTHER) as process:
        assert ended(process) == (0, f"{file}: 1 session read, 0 failed, 0 missing, 1 not due, 250 traces\n", "")
    assert len(traces_server.requests) == 4 + 3
    assert states_in(file) == {OTHER: "read", SESSION: "read"}


def test_ctrl_c_before_the_first_answer_is_no_failure(traces_server: FakeTracesServer, tmp_path: Path) -> None:
    """Nothing was read, so nothing is written."""
    file = tmp_path / "traces.duckdb"
    traces_server.add_session(SESSION, traces=3)
    traces_server.fail_next(stall=PATIENCE * 2)
    with started(traces_server, "sync", str(file), SESSION) as process:
        wait_for(traces_server, process, 1)
        process.send_signal(signal.SIGINT)
        status, out, err = ended(process)
    assert (status, out) == (130, "")
    assert err.startswith("lyzr-traces: stopped\n")
    assert states_in(file) == {}


def test_ctrl_c_while_ids_are_read_is_quiet(traces_server: FakeTracesServer, tmp_path: Path) -> None:
    """The sync has not begun, and no request is sent."""
    file = tmp_path / "traces.duckdb"
    with started(traces_server, "sync", str(file), "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(f"{SESSION}\n".encode())
        deadline = time.monotonic() + PATIENCE
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert ended(process) == (130, "", "")
    assert not traces_server.requests


def test_a_second_sync_of_a_file_is_refused_and_the_first_goes_on(
    traces_server: FakeTracesServer, tmp_path: Path
) -> None:
    """The error says why. Both would send every request."""
    file = tmp_path / "traces.duckdb"
    for session_id in (SESSION, OTHER):
        traces_server.add_session(session_id, traces=3)
    release = threading.Event()

    def wait(_: RecordedRequest) -> None:
        release.wait(PATIENCE)

    traces_server.on_request = wait
    try:
        with started(traces_server, "sync", str(file), SESSION, OTHER) as first:
            wait_for(traces_server, first, 1)
            with started(traces_server, "sync", str(file), SESSION, OTHER) as second:
                status, out, err = ended(second)
            assert (status, out) == (1, "")
            assert re.fullmatch(f"lyzr-traces: another sync of {re.escape(str(file))} is running [^\n]+\n", err)
            release.set()
            assert ended(first) == (0, f"{file}: 2 sessions read, 0 failed, 0 missing, 0 not due, 6 traces\n", "")
    finally:
        release.set()
    assert len(traces_server.requests) == 2


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="the listing of processes as Linux has it")
def test_the_key_is_in_no_process_listing_and_in_no_file(tmp_path: Path) -> None:
    """The file keeps an error in which the server repeats the key, and the key is masked in it."""
    file = tmp_path / "traces.duckdb"
    with FakeTracesServer(api_key="sk-canary-4711", quota=None) as server:
        server.add_session(SESSION, traces=3)
        server.fail_next(status=400, message="no sk-canary-4711", session_id=OTHER)
        looked = threading.Event()

        def wait(_: RecordedRequest) -> None:
            looked.wait(PATIENCE)

        server.on_request = wait
        try:
            with started(server, "sync", str(file), SESSION, OTHER) as process:
                wait_for(server, process, 1)
                listing = Path(f"/proc/{process.pid}/cmdline").read_bytes()
                looked.set()
                status, out, err = ended(process)
        finally:
            looked.set()
    assert status == 1
    assert "no ***" in err
    assert b"sync" in listing
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for text in (listing, out.encode(), err.encode(), kept):
        assert b"canary" not in text
    assert b"no ***" in kept
