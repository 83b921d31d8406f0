"""Show in a long run against a server that keeps failing that nothing gets lost, comes twice, or piles up.

Run it from anywhere: ``python tests/soak.py --pages 20000``. The server has a process of its own, so that memory and
file descriptors are those of the client alone. It prints its figures and exits with 1 if one of them is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import attrs

from lyzr_traces_async import RetryPolicy, SessionTraces, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest

# Traces a page.
LIMIT: Final = 5
# Of all requests, this part fails.
FAULTS: Final = 0.05
# Seconds for one attempt, and how long a stalled answer takes.
TIMEOUT: Final = 0.5
STALL: Final = 0.75
# Room for the allocator: what may come on top of the first tenth's peak.
MEMORY_MARGIN: Final = 8 * 2**20
# Requests in flight at once: so many connections there may be, and for a turn of the event loop as many beside them
# that are being closed, as where all time out in the same moment.
MAX_CONCURRENCY: Final = 16
MOST_DESCRIPTORS: Final = 2 * MAX_CONCURRENCY
# Memory is looked at after so many sessions each, and has to have been looked at so often.
NOTED_EVERY: Final = 10
LEAST_NOTED: Final = 5

KINDS: Final[dict[str, dict[str, Any]]] = {
    "status 500": {"status": 500},
    "status 502": {"status": 502},
    "status 503": {"status": 503},
    "status 504": {"status": 504},
    "status 429": {"status": 429, "headers": {"Retry-After": "0.05"}},
    "reset": {"reset": True},
    "truncated": {"truncate": True},
    "stalled": {"stall": STALL},
}


@attrs.frozen
class Plan:
    """What there is to be read; the same in both processes.

    :ivar pages: of all sessions together.
    """

    pages: int
    sessions: int
    seed: int

    def sizes(self) -> dict[str, int]:
        """Return how many traces each session has."""
        rng = random.Random(self.seed)
        pages = [1] * self.sessions
        for _ in range(self.pages - self.sessions):
            pages[rng.randrange(self.sessions)] += 1
        return {str(UUID(int=rng.getrandbits(128), version=4)): count * LIMIT - rng.randrange(LIMIT) for count in pages}


# --- The server's process --------------------------------------------------------------------------------------------


async def serve(plan: Plan) -> None:
    """Serve until the standard input ends; print the address first, and last what was done."""
    rng = random.Random(plan.seed)
    counts: Counter[str] = Counter()

    def make_trouble(_: RecordedRequest) -> None:
        counts["requests"] += 1
        if len(server.requests) > 100:
            server.requests.clear()
        if rng.random() < FAULTS:
            kind = rng.choice(sorted(KINDS))
            counts[kind] += 1
            server.fail_next(**KINDS[kind])

    async with FakeTracesServer(quota=None) as server:
        for session_id, traces in plan.sizes().items():
            server.add_session(session_id, traces=traces)
        server.on_request = make_trouble
        _say(server.base_url)
        await asyncio.to_thread(sys.stdin.read)
        _say(json.dumps(counts))


# --- The client's process --------------------------------------------------------------------------------------------


@attrs.define
class Gauge:
    """What the process takes of something: before the run, and now and then in it."""

    before: int
    noted: list[int] = attrs.field(factory=list)

    def first_tenth(self) -> int:
        """Return the most in the first tenth of what was noted."""
        return max(self.noted[: -(-len(self.noted) // 10)], default=0)

    def after(self) -> int:
        """Return the most in the rest."""
        return max(self.noted[-(-len(self.noted) // 10) :], default=0)


@attrs.define
class Figures:
    """What came of a run of so many sessions."""

    planned: int
    sessions: int = 0
    seen: set[str] = attrs.field(factory=set)
    stopped: bool = False
    traces: int = 0
    wrong: list[str] = attrs.field(factory=list)
    seconds: float = 0.0
    stats: dict[str, float] = attrs.field(factory=dict)
    server: dict[str, int] = attrs.field(factory=dict)
    memory: Gauge = attrs.field(factory=lambda: Gauge(_resident()))
    descriptors: Gauge = attrs.field(factory=lambda: Gauge(_descriptors()))

    def check(self, session: SessionTraces, expected: int) -> None:
        """Count a session; every trace of it has to be there once, and no other."""
        self.sessions += 1
        if session.session_id in self.seen:
            self.wrong.append(f"{session.session_id} came twice")
        self.seen.add(session.session_id)
        if session.error is not None:
            self.wrong.append(f"{session.session_id}: {session.error}")
            return
        self.traces += len(session)
        distinct = {trace.trace_id for trace in session if trace.session_id == session.session_id}
        if not len(session) == len(distinct) == expected:
            self.wrong.append(f"{session.session_id}: {len(distinct)} of {expected} traces, {len(session)} in all")

    def problems(self) -> list[str]:
        """Return what is not as it should be."""
        problems = list(self.wrong)
        if len(self.seen) != self.planned and not self.stopped:
            problems.append(f"{len(self.seen)} of {self.planned} sessions came")
        if len(self.memory.noted) < LEAST_NOTED:
            problems.append("too little was done to tell whether memory grows")
        elif self.memory.after() > self.memory.first_tenth() + MEMORY_MARGIN:
            problems.append("memory keeps growing")
        peak = max(self.descriptors.noted, default=0)
        if peak > self.descriptors.before + MOST_DESCRIPTORS:
            problems.append("there are more file descriptors than connections")
        return problems

    def text(self) -> str:
        """Return the figures, one a line."""
        requests = self.server["requests"]
        faults = {kind: count for kind, count in sorted(self.server.items()) if kind in KINDS}
        lines = {
            "sessions": f"{self.sessions:,} of {self.planned:,}",
            "traces": f"{self.traces:,}, each once",
            "requests": f"{self.stats['requests']:,} sent, {requests:,} arrived; {self.stats['retries']:,} retries",
            "faults": f"{sum(faults.values()):,} ({100 * sum(faults.values()) / requests:.1f} %): "
            + ", ".join(f"{count} {kind}" for kind, count in faults.items()),
            "seconds": f"{self.seconds:.1f} ({requests / self.seconds:,.0f} requests a second)",
            "memory": f"{self.memory.first_tenth() / 2**20:.1f} MiB at most in the first tenth, "
            f"{self.memory.after() / 2**20:.1f} MiB after it",
            "descriptors": f"{self.descriptors.before} before, {self.descriptors.first_tenth()} at most in the first "
            f"tenth, {self.descriptors.after()} after it",
        }
        if self.wrong:
            lines["traces"] = f"{self.traces:,}"
        lines["verdict"] = "; ".join(self.problems()[:5]) or "nothing lost, nothing twice, nothing piled up"
        return "\n".join(f"{name:12} {value}" for name, value in lines.items())


async def soak(plan: Plan, base_url: str, max_seconds: float) -> Figures:
    """Read all sessions through one stream, for so many seconds at most."""
    sizes = plan.sizes()
    figures = Figures(plan.sessions)
    retry = RetryPolicy(attempts=20, wait_initial=0.01, wait_max=0.1, wait_jitter=0.01)
    begun = time.monotonic()
    async with TracesClient(
        "test-key", base_url=base_url, timeout=TIMEOUT, retry=retry, max_concurrency=MAX_CONCURRENCY
    ) as client:
        async with client.stream_sessions(sizes, limit=LIMIT, concurrency=32) as sessions:
            async for session in sessions:
                figures.check(session, sizes[session.session_id])
                figures.seconds = time.monotonic() - begun
                figures.descriptors.noted.append(_descriptors())
                if figures.sessions % NOTED_EVERY == 0:
                    gc.collect()
                    figures.memory.noted.append(_resident())
                if figures.seconds >= max_seconds:
                    figures.stopped = True
                    break
        figures.stats = attrs.asdict(client.stats)
    return figures


def _resident() -> int:
    """Return the bytes of memory that this process has; 0 where the system does not tell."""
    with contextlib.suppress(FileNotFoundError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _descriptors() -> int:
    """Return how many file descriptors this process has open; 0 where the system does not tell."""
    for directory in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return len(os.listdir(directory))  # noqa: PTH208 - names are all that is asked for
    return 0


@contextlib.contextmanager
def _server(plan: Plan) -> Iterator[tuple[str, dict[str, int]]]:
    """Have a server in a process of its own: its address, and what it says in the end."""
    said: dict[str, int] = {}
    arguments = [f"--{name}={value}" for name, value in attrs.asdict(plan).items()]
    with subprocess.Popen(
        [sys.executable, __file__, "--serve", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), said
            process.stdin.close()
            said.update(json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20_000, help="pages of all sessions together")
    parser.add_argument("--sessions", type=int, help="sessions; a tenth of the pages, unless said otherwise")
    parser.add_argument("--seconds", type=float, default=3600.0, help="when to stop at the latest")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    plan = Plan(options.pages, options.sessions or max(1, options.pages // 10), options.seed)
    if options.serve:
        asyncio.run(serve(plan))
        return 0
    with _server(plan) as (base_url, said):
        figures = asyncio.run(soak(plan, base_url, options.seconds))
    figures.server = said
    shown = attrs.asdict(figures, filter=lambda field, _: field.name not in {"seen", "noted"})
    _say(json.dumps(shown | {"problems": figures.problems()}) if options.json else figures.text())
    return 1 if figures.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
