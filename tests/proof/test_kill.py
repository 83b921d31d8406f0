"""A sync that is killed at random moments: nothing is lost, nothing is there twice, and little is asked for again.

Run with ``-m kill -s``, which shows the figures too.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import duckdb
import pytest

from lyzr_traces_async.store._sync import BATCH_SECONDS
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.processes import PATIENCE, ended, started

pytestmark = [
    pytest.mark.kill,
    pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them"),
    pytest.mark.usefixtures("interruptible"),
]

SEED = 4711
# The server's seconds for an answer, and the client's requests in flight at once.
LATENCY = 0.1
IN_FLIGHT = 8
SIZES = (0, 1, 12, 45, 99, 100, 130)


def tell(text: str) -> None:
    print(text)  # noqa: T201 - pytest shows it where a test fails


class Truth:
    """Many sessions on a server in middling health, what a file of them has to hold, and a sync of them.

    :ivar least: how many requests it takes to read them all.
    :ivar spoiled: how many answers were spoiled.
    """

    def __init__(self, server: FakeTracesServer, folder: Path, sessions: int, chance: random.Random) -> None:
        self.server = server
        self.file = folder / "traces.duckdb"
        self.sessions: dict[str, set[str]] = {}
        self.least = 0
        for _ in range(sessions):
            session_id, size = str(UUID(int=chance.getrandbits(128), version=4)), chance.choice(SIZES)
            self.sessions[session_id] = {trace.trace_id for trace in server.add_session(session_id, traces=size)}
            self.least += size // 100 + 1  # a full page may have another one behind it
        self.spoiled = 0
        self._ids = folder / "ids"
        self._ids.write_text("\n".join(self.sessions), encoding="utf-8")
        self._chance = chance
        server.latency = LATENCY
        server.on_request = self._spoil

    def _spoil(self, _: RecordedRequest) -> None:
        if self._chance.random() < 0.01:
            self.spoiled += 1
            kind = self._chance.randrange(3)
            self.server.fail_next(status=500 if kind == 0 else None, reset=kind == 1, truncate=kind == 2)

    @contextmanager
    def sync(self) -> Iterator[subprocess.Popen[bytes]]:
        arguments = ["sync", str(self.file), "-"]
        with self._ids.open() as ids, started(self.server, *arguments, stdin=ids.fileno()) as process:
            yield process

    def kept(self) -> set[str]:
        """Return the sessions in the file, and check that each is complete and there once."""
        if not self.file.exists():
            return set()
        try:
            with duckdb.connect(str(self.file), read_only=True) as database:
                rows = database.execute("SELECT session_id, trace_id FROM traces").fetchall()
                sessions = database.execute("SELECT session_id, state, trace_count FROM sessions").fetchall()
        except duckdb.Error as error:  # the process was killed before it made the tables
            tell(f"no tables yet: {error}".splitlines()[0])
            return set()
        kept = {session_id for session_id, *_ in sessions}
        assert sorted(sessions) == sorted((one, "read", len(self.sessions[one])) for one in kept)
        assert Counter(rows) == Counter((one, trace) for one in kept for trace in self.sessions[one])
        return kept

    def asked(self, since: int) -> list[str]:
        """Return the session of each request, from the request with this number on."""
        return [request.path.rpartition("/")[2] for request in self.server.requests[since:]]

    def finish(self) -> None:
        """Let the process run to its end."""
        with self.sync() as process:
            status, out, err = ended(process, 10 * PATIENCE)
        assert (status, err) == (0, ""), (out, err)
        assert " 0 failed, 0 missing, " in out
        assert self.kept() == set(self.sessions)


@contextmanager
def truth_of(folder: Path, sessions: int) -> Iterator[tuple[Truth, random.Random]]:
    """Make up sessions."""
    tell(f"seed {SEED}")
    chance = random.Random(SEED)
    with FakeTracesServer(quota=None) as server:
        yield Truth(server, folder, sessions, chance), chance


def wait_until_it_asks(truth: Truth, process: subprocess.Popen[bytes], since: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(truth.server.requests) == since:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_twenty_kills_lose_no_more_than_the_batch_in_flight(tmp_path: Path) -> None:
    """SIGKILL comes at moments from the start of the process to beyond its second batch."""
    kills, begun = 20, time.monotonic()
    # The requests during a batch, and those in flight or waiting to be written when it begins and ends.
    batch = int(IN_FLIGHT * (BATCH_SECONDS / LATENCY + 4))
    with truth_of(tmp_path, 700) as (truth, chance):
        kept, lost = set[str](), []
        for kill in range(kills):
            since = len(truth.server.requests)
            with truth.sync() as process:
                if kill % 5 == 4:  # during the start
                    time.sleep(chance.uniform(0, 1))
                else:
                    wait_until_it_asks(truth, process, since)
                    time.sleep(chance.uniform(0, 3 * BATCH_SECONDS))
                assert process.poll() is None
                process.kill()
                process.wait(PATIENCE)
            asked = truth.asked(since)
            assert kept.isdisjoint(asked)
            before, kept = kept, truth.kept()
            assert before <= kept
            lost.append(sum(session_id not in kept for session_id in asked))
            tell(f"kill {kill + 1}: {len(asked)} requests, {lost[-1]} of them lost; {len(kept)} sessions kept")
        truth.finish()
        requests = len(truth.server.requests)
        with truth.sync() as process:
            assert ended(process) == (0, f"{truth.file}: nothing is due of {len(truth.sessions):,} sessions\n", "")
        assert len(truth.server.requests) == requests
        tell(
            f"{kills} kills, {len(truth.sessions)} sessions, {sum(map(len, truth.sessions.values()))} traces, "
            f"least {truth.least} requests, made {requests}: {sum(lost)} lost, {truth.spoiled} spoiled; "
            f"{time.monotonic() - begun:.0f} s"
        )
        assert max(lost) <= batch
        assert truth.least + sum(lost) <= requests <= truth.least + sum(lost) + truth.spoiled


def test_a_kill_while_the_file_is_made_leaves_a_usable_file_or_none(tmp_path: Path) -> None:
    """Each kill meets a new file."""
    with truth_of(tmp_path, 2) as (truth, chance):
        for _ in range(3):
            for path in tmp_path.glob("traces.duckdb*"):
                path.unlink()
            with truth.sync() as process:
                while not truth.file.exists():
                    assert process.poll() is None
                time.sleep(chance.uniform(0, 0.03))
                process.kill()
                process.wait(PATIENCE)
            truth.finish()


def test_ctrl_c_loses_only_requests_in_flight(tmp_path: Path) -> None:
    """The status is always 130. Sessions that had arrived are in the file, even if their batch was not full."""
    with truth_of(tmp_path, 200) as (truth, chance):
        kept = set[str]()
        for _ in range(4):
            since = len(truth.server.requests)
            with truth.sync() as process:
                wait_until_it_asks(truth, process, since)
                time.sleep(chance.uniform(0, 2 * BATCH_SECONDS))
                process.send_signal(signal.SIGINT)
                status, out, err = ended(process)
            assert (status, out) == (130, ""), err
            assert err.startswith("lyzr-traces: stopped\n")
            asked = truth.asked(since)
            assert kept.isdisjoint(asked)
            before, kept = kept, truth.kept()
            assert before <= kept
            lost = sum(session_id not in kept for session_id in asked)
            tell(f"{len(asked)} requests, {lost} of them lost; {len(kept)} sessions kept")
            assert lost <= 4 * IN_FLIGHT
        truth.finish()
