"""The event loop and the client that all threads of a process share."""

from __future__ import annotations

import os
import signal
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
from tests.bulk.batches import MANY

pytestmark = pytest.mark.usefixtures("many_sessions")


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def loops() -> int:
    return [thread.name for thread in threading.enumerate()].count("lyzr-traces-async-bulk")


def test_all_threads_share_one_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share its event loop, its quota and its connections."""
    made: list[TracesClient] = []

    def counted() -> TracesClient:
        made.append(TracesClient())
        return made[-1]

    monkeypatch.setattr(_life, "TracesClient", counted)
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda session_id: pull_sessions([session_id], tmp_path), MANY))) == len(MANY)
    assert len(made) == 1
    assert loops() == 1
    assert made[0].stats.requests == len(MANY)


def test_a_changed_environment_gets_a_new_client(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls in progress keep the old client, which is closed after them."""
    arrived, go_on = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        arrived.set()
        go_on.wait(20)

    pull_sessions(MANY[:1], tmp_path)
    old = _life._life._clients._newest
    assert old is not None
    server.on_request = wait
    with ThreadPoolExecutor(1) as threads, FakeTracesServer(api_key="another") as other:
        first = threads.submit(pull_sessions, MANY[1:3], tmp_path)
        assert arrived.wait(20)
        monkeypatch.setenv("LYZR_API_KEY", "another")
        monkeypatch.setenv("LYZR_TRACES_BASE_URL", other.base_url)
        other.add_session(MANY[4], 5)
        pull_sessions([MANY[4]], tmp_path)
        assert (old.users, len(other.requests)) == (1, 1)
        go_on.set()
        assert first.result()
    wait_until(lambda: not old.users)
    with pytest.raises(RuntimeError, match="closed"):
        old.client._sender.check_open()


def test_ctrl_c_cancels_a_call(server: FakeTracesServer, tmp_path: Path) -> None:
    """The call ends at once without a file, and the next call works."""
    main = threading.main_thread().ident or 0
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # asynchronous tests may have left another handler
    server.latency = 30
    server.on_request = lambda _: signal.pthread_kill(main, signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            pull_sessions(MANY[:2], tmp_path)
    finally:
        signal.signal(signal.SIGINT, usual)
    wait_until(lambda: not _users())
    assert list(tmp_path.iterdir()) == []
    server.latency, server.on_request = 0, None
    assert pull_sessions(MANY[:2], tmp_path)


def test_ctrl_c_cancels_a_call_that_has_just_begun(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller has no future yet by which it could cancel the call."""
    pull_sessions(MANY[2:], tmp_path)
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
        pull_sessions(MANY[:2], tmp_path)
    wait_until(lambda: not _users())


def _users() -> int:
    shared = _life._life._clients._newest
    assert shared is not None
    return shared.users


def test_a_loop_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call does not hang, and the next call tries again."""

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
        life._run(over)  # nobody waits for an error after the start any more


def test_a_loop_without_a_client_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no client without a key."""

    async def never(_: TracesClient) -> None:
        raise AssertionError

    life = _life._Life()
    monkeypatch.delenv("LYZR_API_KEY")
    with pytest.raises(InvalidArgumentError, match="no API key"):
        life.call(never)
    life._end(os.getpid())
    life._end(os.getpid())


def test_the_end_closes_the_client_and_its_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked process does not close those of its parent. Without a client, nothing happens."""
    life = _life._Life()
    monkeypatch.setattr(_life, "_life", life)
    life._end(os.getpid())
    pull_sessions(MANY[:1], tmp_path)
    thread, shared = life._thread, life._clients._newest
    assert thread is not None
    assert shared is not None
    life._end(os.getpid() + 1)
    assert thread.is_alive()
    life._end(os.getpid())
    assert not thread.is_alive()
    with pytest.raises(RuntimeError, match="closed"):
        shared.client._sender.check_open()


def test_after_a_fork_there_is_a_new_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shares nothing with the first one."""
    before = _life._life
    monkeypatch.setattr(_life, "_life", before)
    _life._start_anew()
    assert _life._life is not before
    assert _life._life._thread is None
