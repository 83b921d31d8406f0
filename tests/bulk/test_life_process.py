"""`pull_sessions` in real processes: at their end, after a fork, and in pools."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lyzr_traces_async.testing import FakeTracesServer
from tests.bulk.batches import MANY

pytestmark = pytest.mark.usefixtures("many_sessions")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


BEGIN = """
import multiprocessing, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from lyzr_traces_async.bulk import pull_sessions
ids, into = sys.argv[2:], sys.argv[1]
def done(): return len([name for name in os.listdir(into) if name.endswith(".parquet")])
"""


def run(code: str, into: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in which every warning about an unclosed resource is an error."""
    program = into.parent / "program.py"
    program.write_text(BEGIN + code)
    # Python warns about a fork of a process with threads, which is tested here.
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    return subprocess.run(
        [*command, str(program), str(into), *MANY], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "traces"
    folder.mkdir()
    return folder


def test_a_process_ends_without_complaints(
    server: FakeTracesServer, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client is closed. Another thread looks up the host name here; the tests below use an address."""
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", server.base_url.replace("127.0.0.1", "localhost"))
    done = run("pull_sessions(ids, into); print(done())", into)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_process_that_fails_prints_only_its_own_error(into: Path) -> None:
    """The client is closed without a complaint."""
    done = run("pull_sessions(ids, into); raise SystemExit('my own')", into)
    assert (done.returncode, done.stderr) == (1, "my own\n")


def test_threads_of_a_pool_are_waited_for(into: Path) -> None:
    """They go on after the last line. Python 3.12 starts no thread then, so the first call has started ours."""
    done = run(
        "pull_sessions(ids[:1], into)\n"
        "pool = ThreadPoolExecutor(4); [pool.submit(pull_sessions, [i], into) for i in ids]",
        into,
    )
    assert (done.returncode, done.stderr, len(list(into.iterdir()))) == (0, "", len(MANY))


def test_a_call_in_a_daemon_does_not_hold_up_the_exit(server: FakeTracesServer, into: Path) -> None:
    """The call is cancelled and writes no file."""
    server.latency = 50
    server.on_request = lambda _: into.with_name("arrived").touch()
    done = run(
        """
threading.excepthook = lambda args: None
threading.Thread(target=pull_sessions, args=(ids, into), daemon=True).start()
while not os.path.exists(os.path.join(os.path.dirname(into), "arrived")): time.sleep(0.01)
""",
        into,
    )
    assert (done.returncode, done.stderr, list(into.iterdir())) == (0, "", [])


@needs_fork
def test_a_forked_child_has_its_own_loop(into: Path) -> None:
    """Other threads may be in the middle of a call, and the parent goes on undisturbed."""
    done = run(
        """
pull_sessions(ids[:1], into)
with ThreadPoolExecutor(4) as pool:
    for i in ids[1:13]: pool.submit(pull_sessions, [i], into)
    child = os.fork()
    if not child:
        for i in ids[13:20]: pull_sessions([i], into)
        os.write(1, b"child ")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
idle = os.fork()
if not idle: sys.exit()
assert os.waitpid(idle, 0)[1] == 0
busy = os.fork()
if not busy: pull_sessions(ids[20:21], into); sys.exit()
assert os.waitpid(busy, 0)[1] == 0
for i in ids[21:]: pull_sessions([i], into)
print(done())
""",
        into,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"child {len(MANY)}\n", "")


def test_pools_of_processes_work(into: Path) -> None:
    """They work with each start method, even if the parent has made a call before."""
    done = run(
        """
if __name__ == "__main__":
    for method in [method for method in ("spawn", "fork") if method in multiprocessing.get_all_start_methods()]:
        folder = os.path.join(into, method)
        pull_sessions(ids[:1], folder)
        with multiprocessing.get_context(method).Pool(2) as pool:
            paths = pool.starmap(pull_sessions, [([i], folder) for i in ids])
            pool.close(); pool.join()
        assert len(set(paths)) == len(ids), method
""",
        into,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for folder in into.iterdir():
        assert len(list(folder.iterdir())) == len(MANY)
    assert into.joinpath("spawn").exists()
