"""One event loop and one client a process, for all of its threads, and how they end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal

from lyzr_traces_async import InvalidArgumentError, TracesClient
from lyzr_traces_async.bulk import _life, pull_sessions
from lyzr_traces_async.testing import FakeTracesServer

IDS = [f"3fa85f64-5717-4562-b3fc-{number:012x}" for number in range(24)]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture(autouse=True)
def sessions(server: FakeTracesServer) -> None:
    for session_id in IDS:
        server.add_session(session_id, 3)


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def loops() -> int:
    return [thread.name for thread in threading.enumerate()].count("lyzr-traces-async-bulk")


# In one process


def test_all_threads_share_one_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one event loop: with its quota and its connections."""
    made: list[TracesClient] = []

    def counted() -> TracesClient:
        made.append(TracesClient())
        return made[-1]

    monkeypatch.setattr(_life, "TracesClient", counted)
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda session_id: pull_sessions([session_id], tmp_path), IDS))) == len(IDS)
    assert len(made) == 1
    assert loops() == 1
    assert made[0].stats.requests == len(IDS)


def test_a_changed_environment_is_another_client(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way with the old one ends as it began; after that it is closed."""
    arrived, go_on = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        arrived.set()
        go_on.wait(20)

    pull_sessions(IDS[:1], tmp_path)
    old = _life._life._clients._newest
    assert old is not None
    server.on_request = wait
    with ThreadPoolExecutor(1) as threads, FakeTracesServer(api_key="another") as other:
        first = threads.submit(pull_sessions, IDS[1:3], tmp_path)
        assert arrived.wait(20)
        monkeypatch.setenv("LYZR_API_KEY", "another")
        monkeypatch.setenv("LYZR_TRACES_BASE_URL", other.base_url)
        other.add_session(IDS[4], 5)
        pull_sessions([IDS[4]], tmp_path)
        assert (old.users, len(other.requests)) == (1, 1)
        go_on.set()
        assert first.result()
    wait_until(lambda: not old.users)
    with pytest.raises(RuntimeError, match="closed"):
        old.client._sender.check_open()


def test_ctrl_c_cancels_what_was_waited_for(server: FakeTracesServer, tmp_path: Path) -> None:
    """At once, with no file; and the next call is answered as ever."""
    main = threading.main_thread().ident or 0
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # asynchronous tests may have left another
    server.latency = 30
    server.on_request = lambda _: signal.pthread_kill(main, signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            pull_sessions(IDS[:2], tmp_path)
    finally:
        signal.signal(signal.SIGINT, usual)
    wait_until(lambda: not _users())
    assert list(tmp_path.iterdir()) == []
    server.latency, server.on_request = 0, None
    assert pull_sessions(IDS[:2], tmp_path)


def test_ctrl_c_cancels_what_has_just_begun(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though whoever was to wait for it has nothing in hand to cancel it by."""
    pull_sessions(IDS[2:], tmp_path)
    server.latency = 30
    begin = BlockingPortal.start_task_soon
    begun: list[object] = []

    def begin_late(portal: BlockingPortal, *arguments: Any) -> Any:
        begun.append(begin(portal, *arguments))
        if len(begun) > 1:
            return begun[-1]
        wait_until(lambda: bool(_users()))
        raise KeyboardInterrupt

    monkeypatch.setattr(BlockingPortal, "start_task_soon", begin_late)
    with pytest.raises(KeyboardInterrupt):
        pull_sessions(IDS[:2], tmp_path)
    wait_until(lambda: not _users())


def _users() -> int:
    shared = _life._life._clients._newest
    assert shared is not None
    return shared.users


def test_a_loop_that_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it; and the next call tries again."""

    def fail(*_: object) -> None:
        raise OSError("too many open files")

    async def of(client: TracesClient) -> int:
        return client.stats.requests

    life = _life._Life()
    with monkeypatch.context() as patch:
        patch.setattr(anyio, "run", fail)
        with pytest.raises(OSError, match="too many open files"):
            life.call(of)
    assert life.call(of) == 0
    life._end(os.getpid())
    over: Future[BlockingPortal] = Future()
    over.cancel()
    with monkeypatch.context() as patch:
        patch.setattr(anyio, "run", fail)
        life._run(over)  # what goes wrong when it has been running is nobody's any more


def test_a_life_without_a_client_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is no key."""

    async def never(_: TracesClient) -> None:
        raise AssertionError

    life = _life._Life()
    monkeypatch.delenv("LYZR_API_KEY")
    with pytest.raises(InvalidArgumentError, match="no API key"):
        life.call(never)
    life._end(os.getpid())
    life._end(os.getpid())


def test_the_end_closes_what_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only that of this process, and only where there is something."""
    life = _life._Life()
    monkeypatch.setattr(_life, "_life", life)
    life._end(os.getpid())
    pull_sessions(IDS[:1], tmp_path)
    thread, shared = life._thread, life._clients._newest
    assert thread is not None
    assert shared is not None
    life._end(os.getpid() + 1)
    assert thread.is_alive()
    life._end(os.getpid())
    assert not thread.is_alive()
    with pytest.raises(RuntimeError, match="closed"):
        shared.client._sender.check_open()


def test_after_a_fork_there_is_another_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which has nothing of the first one."""
    before = _life._life
    monkeypatch.setattr(_life, "_life", before)
    _life._start_anew()
    assert _life._life is not before
    assert _life._life._thread is None


# In processes of their own. Whatever they complain of is a failure.

BEGIN = """
import multiprocessing, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from lyzr_traces_async.bulk import pull_sessions
ids, into = sys.argv[2:], sys.argv[1]
def done(): return len([name for name in os.listdir(into) if name.endswith(".parquet")])
"""


def run(code: str, into: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in development mode, in which every object that was forgotten is told of."""
    program = into.parent / "program.py"
    program.write_text(BEGIN + code)
    # A fork while there are threads is what is tested here.
    command = [sys.executable, "-X", "dev", "-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    return subprocess.run(
        [*command, str(program), str(into), *IDS], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "traces"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])  # a name is looked up in another thread
def test_a_process_ends_without_a_word(
    host: str, server: FakeTracesServer, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client is closed."""
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", server.base_url.replace("127.0.0.1", host))
    done = run("pull_sessions(ids, into); print(done())", into)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_process_that_fails_says_only_that(into: Path) -> None:
    """In its own words."""
    done = run("pull_sessions(ids, into); raise SystemExit('my own')", into)
    assert (done.returncode, done.stderr) == (1, "my own\n")


def test_threads_of_a_pool_are_waited_for(into: Path) -> None:
    """Also behind the last line, from where on Python 3.12 starts no thread: ours is there by then."""
    done = run(
        "pull_sessions(ids[:1], into)\n"
        "pool = ThreadPoolExecutor(4); [pool.submit(pull_sessions, [i], into) for i in ids]",
        into,
    )
    assert (done.returncode, done.stderr, len(list(into.iterdir()))) == (0, "", len(IDS))


def test_a_call_in_a_daemon_does_not_hold_up_the_exit(server: FakeTracesServer, into: Path) -> None:
    """What was under way is not written."""
    server.latency = 50
    done = run(
        "threading.excepthook = lambda args: None\n"
        "threading.Thread(target=pull_sessions, args=(ids, into), daemon=True).start(); time.sleep(1)",
        into,
    )
    assert (done.returncode, done.stderr, list(into.iterdir())) == (0, "", [])


@needs_fork
def test_a_forked_child_begins_anew(into: Path) -> None:
    """Also while other threads are in the middle of a call; and the parent goes on as if nothing had happened."""
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
    assert (done.returncode, done.stdout, done.stderr) == (0, f"child {len(IDS)}\n", "")


@pytest.mark.parametrize("method", ["spawn", pytest.param("fork", marks=needs_fork)])
def test_pools_of_processes_work(method: str, into: Path) -> None:
    """However they are started, and after the parent has been at it."""
    done = run(
        f"""
if __name__ == "__main__":
    pull_sessions(ids[:1], into)
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        paths = pool.starmap(pull_sessions, [([i], into) for i in ids])
        pool.close(); pool.join()
    print(len(paths), done())
""",
        into,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{len(IDS)} {len(IDS)}\n", "")
