"""A long sync from a server that keeps failing: no trace gets lost or comes twice, and nothing piles up.

Run it from the root of the tree: ``python -m tests.proof.soak_sync --sessions 20000``. Some sessions are empty, some
the service does not know, and some have just begun. A second sync asks for the latter two kinds alone. It prints its
figures and exits with 1 if one of them is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import attrs
import duckdb

from lyzr_traces_async import Trace
from lyzr_traces_async.store import TraceStore
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.soaking import Gauge, Gauges, client_of, descriptors, faults_line, resident, say, serve, server_of

# Bytes by which memory after a batch may exceed the peak of the first tenth. DuckDB returns only part of what a batch
# took, and that part varies by 20 MiB in a long run.
MEMORY_MARGIN: Final = 32 * 2**20
# The same while a batch is written. DuckDB then holds and rewrites a whole row group of up to 122,880 traces, which is
# not yet full in the first tenth.
WRITING_MARGIN: Final = 128 * 2**20
# Seconds between two measurements while a batch is written.
LOOKED_EVERY: Final = 0.02


@attrs.frozen
class Session:
    """One session: its number of traces, ``None`` if the service does not know it, and whether it is still running."""

    traces: int | None
    goes_on: bool

    @property
    def state(self) -> tuple[str, int]:
        """The state and the number of traces that the store must have."""
        return ("missing", 0) if self.traces is None else ("read", self.traces)

    @property
    def is_final(self) -> bool:
        """Whether a sync does not request it again once it was read."""
        return self.traces is not None and not self.goes_on


@attrs.frozen
class Plan:
    """The sessions to read, which are the same in both processes.

    :ivar traces: the most traces of a session.
    """

    sessions: int
    traces: int
    seed: int

    def made(self) -> dict[str, Session]:
        """Return the sessions: of a hundred, about five are empty, two are missing, and one is still running."""
        rng = random.Random(self.seed)
        made = {}
        for _ in range(self.sessions):
            kind, count = rng.randrange(100), rng.randint(1, self.traces)
            traces = None if kind < 2 else 0 if kind < 7 else count
            made[str(UUID(int=rng.getrandbits(128), version=4))] = Session(traces, goes_on=kind == 7)
        return made

    def fill(self, server: FakeTracesServer) -> None:
        """Give the server its sessions."""
        now = datetime.now(UTC)
        for session_id, session in self.made().items():
            if session.goes_on:
                names = (f"{session_id}-{number}" for number in range(session.traces or 0))
                server.add_session(
                    session_id, [Trace(name, None, session_id, now, None, None, 0, None) for name in names]
                )
            elif session.traces is not None:
                server.add_session(session_id, session.traces)


@attrs.define
class Sync:
    """The figures of one sync."""

    due: int = 0
    done: int = 0
    failed: int = 0
    missing: int = 0
    requests: int = 0
    retries: int = 0


@attrs.define
class Figures:
    """The results of a run."""

    sessions: int
    traces: int = 0
    wrong: list[str] = attrs.field(factory=list)
    seconds: float = 0.0
    syncs: list[Sync] = attrs.field(factory=list)
    server: dict[str, int] = attrs.field(factory=dict)
    gauges: Gauges = attrs.field(factory=lambda: Gauges(MEMORY_MARGIN))
    writing: Gauge = attrs.field(factory=lambda: Gauge(resident()))

    def note(self, *, is_tenth: bool) -> None:
        """Measure the memory after a batch, and note whether a tenth of all is done."""
        gc.collect()
        self.gauges.memory.noted.append(resident())
        if is_tenth and self.gauges.memory.first is None:
            self.gauges.memory.first = len(self.gauges.memory.noted)
            self.writing.first = len(self.writing.noted)

    def problems(self) -> list[str]:
        """Return a description of each wrong figure."""
        problems = self.wrong + self.gauges.problems()
        if self.writing.after() > self.writing.first_tenth() + WRITING_MARGIN:
            problems.append("writing takes more and more memory")
        return problems

    def check_syncs(self, made: dict[str, Session], file: Path, second_began: datetime) -> None:
        """Check the figures of the syncs, and by SQL which sessions the second one requested."""
        first, second = self.syncs
        missing = sum(session.traces is None for session in made.values())
        again = sum(not session.is_final for session in made.values())
        if attrs.astuple(first)[:4] != (len(made), len(made), 0, missing):
            self.wrong.append(f"the first sync: {first} of {len(made)} sessions with {missing} missing")
        if attrs.astuple(second)[:4] != (again, again, 0, missing):
            self.wrong.append(f"the second sync: {second}, and {again} sessions are not final")
        with duckdb.connect(file, read_only=True) as database:
            asked = database.execute("SELECT session_id FROM sessions WHERE asked_at >= $1", [second_began]).fetchall()
        if {name for (name,) in asked} != {name for name, session in made.items() if not session.is_final}:
            self.wrong.append("the second sync has asked for others than those that are not final")

    def check_traces(self, made: dict[str, Session], file: Path) -> None:
        """Check by SQL that each session is in the file, and each trace once, and no other."""
        with duckdb.connect(file, read_only=True) as database:
            states = dict(database.execute("SELECT session_id, (state, trace_count) FROM sessions").fetchall())
            found = database.execute(
                "SELECT session_id, count(*), count(DISTINCT trace_id) FROM traces GROUP BY session_id"
            ).fetchall()
            ((distinct,),) = database.execute("SELECT count(DISTINCT trace_id) FROM traces").fetchall()
        expected = {
            name: ("read" if one.traces is not None else "missing", one.traces or 0) for name, one in made.items()
        }
        self.wrong += [f"{name} is {states.get(name)}" for name, state in expected.items() if states.get(name) != state]
        counts = {name: (rows, ids) for name, rows, ids in found}
        wanted = {name: (session.traces,) * 2 for name, session in made.items() if session.traces}
        self.wrong += [f"{name}: {counts.get(name)}" for name, count in wanted.items() if counts.get(name) != count]
        self.traces = sum(rows for rows, _ in counts.values())
        if not self.traces == distinct == sum(session.traces or 0 for session in made.values()):
            self.wrong.append(f"{distinct} distinct traces of {self.traces}")

    def text(self) -> str:
        """Return the figures, one a line."""
        first, second = self.syncs
        lines = {
            "sessions": f"{first.done:,} of {self.sessions:,}, {first.missing:,} missing",
            "traces": f"{self.traces:,}" if self.wrong else f"{self.traces:,}, each once",
            "first sync": f"{first.requests:,} requests, {first.retries:,} retries",
            "second sync": f"{second.due:,} sessions that are not final; {second.requests:,} requests, "
            f"{second.retries:,} retries",
            "faults": faults_line(self.server),
            "seconds": f"{self.seconds:.1f} ({self.traces / self.seconds:,.0f} traces a second)",
            **self.gauges.lines(),
            "writing": f"{self.writing.first_tenth() / 2**20:.1f} MiB at most in the first tenth, "
            f"{self.writing.after() / 2**20:.1f} MiB after it",
            "verdict": "; ".join(self.problems()[:5]) or "nothing lost, nothing twice, nothing piled up",
        }
        return "\n".join(f"{name:12} {value}" for name, value in lines.items())


async def soak(plan: Plan, base_url: str, file: Path) -> Figures:
    """Bring a new store up to date twice, and check its file."""
    made = plan.made()
    figures = Figures(plan.sessions)
    begun = time.monotonic()
    async with watched(figures):
        figures.syncs.append(await sync(made, base_url, file, figures))
    figures.seconds = time.monotonic() - begun
    second_began = datetime.now(UTC)
    figures.syncs.append(await sync(made, base_url, file, figures))
    figures.check_syncs(made, file, second_began)
    figures.check_traces(made, file)
    return figures


async def sync(made: dict[str, Session], base_url: str, file: Path, figures: Figures) -> Sync:
    """Bring the store up to date once."""
    result = Sync()
    async with client_of(base_url) as client:
        async for progress in TraceStore(file).sync(client, made):
            result.due, result.done = progress.due, progress.done
            result.failed, result.missing = progress.failed, progress.missing
            figures.note(is_tenth=progress.done >= progress.due / 10)
        result.requests, result.retries = client.stats.requests, client.stats.retries
    return result


@contextlib.asynccontextmanager
async def watched(figures: Figures) -> AsyncIterator[None]:
    """Measure the process all the time, also while a thread writes a batch."""

    async def look() -> None:
        while True:
            figures.writing.noted.append(resident())
            figures.gauges.descriptors.noted.append(descriptors())
            await asyncio.sleep(LOOKED_EVERY)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--traces", type=int, default=12, help="the most traces of a session")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    plan = Plan(options.sessions, options.traces, options.seed)
    if options.serve:
        asyncio.run(serve(plan.fill, plan.seed))
        return 0
    with (
        tempfile.TemporaryDirectory() as folder,
        server_of("tests.proof.soak_sync", **attrs.asdict(plan)) as (base_url, said),
    ):
        figures = asyncio.run(soak(plan, base_url, Path(folder, "traces.duckdb")))
    figures.server = said
    shown = attrs.asdict(figures, filter=lambda field, _: field.name != "noted")
    say(json.dumps(shown | {"problems": figures.problems()}) if options.json else figures.text())
    return 1 if figures.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
