"""A long run against a server that keeps failing: no trace gets lost or comes twice, and nothing piles up.

Run it from the root of the tree: ``python -m tests.proof.soak --pages 20000``. It prints its figures and exits with 1
if one of them is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from typing import Final
from uuid import UUID

import attrs

from lyzr_traces_async import SessionTraces
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.soaking import Gauges, client_of, descriptors, faults_line, resident, say, serve, server_of

# Traces a page.
LIMIT: Final = 5
# Bytes by which memory may exceed the peak of the first tenth, which leaves room for the allocator.
MEMORY_MARGIN: Final = 8 * 2**20
# Memory is measured once in so many sessions.
NOTED_EVERY: Final = 10


@attrs.frozen
class Plan:
    """The sessions to read, which are the same in both processes.

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

    def fill(self, server: FakeTracesServer) -> None:
        """Give the server its sessions."""
        for session_id, traces in self.sizes().items():
            server.add_session(session_id, traces=traces)


@attrs.define
class Figures:
    """The results of a run over so many sessions."""

    planned: int
    sessions: int = 0
    seen: set[str] = attrs.field(factory=set)
    stopped: bool = False
    traces: int = 0
    wrong: list[str] = attrs.field(factory=list)
    seconds: float = 0.0
    stats: dict[str, float] = attrs.field(factory=dict)
    server: dict[str, int] = attrs.field(factory=dict)
    gauges: Gauges = attrs.field(factory=lambda: Gauges(MEMORY_MARGIN))

    def check(self, session: SessionTraces, expected: int) -> None:
        """Count a session. Each of its traces must be there once, and no other."""
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
        """Return a description of each wrong figure."""
        problems = list(self.wrong)
        if len(self.seen) != self.planned and not self.stopped:
            problems.append(f"{len(self.seen)} of {self.planned} sessions came")
        return problems + self.gauges.problems()

    def text(self) -> str:
        """Return the figures, one a line."""
        requests = self.server["requests"]
        lines = {
            "sessions": f"{self.sessions:,} of {self.planned:,}",
            "traces": f"{self.traces:,}, each once",
            "requests": f"{self.stats['requests']:,} sent, {requests:,} arrived; {self.stats['retries']:,} retries",
            "faults": faults_line(self.server),
            "seconds": f"{self.seconds:.1f} ({requests / self.seconds:,.0f} requests a second)",
            **self.gauges.lines(),
        }
        if self.wrong:
            lines["traces"] = f"{self.traces:,}"
        lines["verdict"] = "; ".join(self.problems()[:5]) or "nothing lost, nothing twice, nothing piled up"
        return "\n".join(f"{name:12} {value}" for name, value in lines.items())


async def soak(plan: Plan, base_url: str, max_seconds: float) -> Figures:
    """Read all sessions through one stream, for at most so many seconds."""
    sizes = plan.sizes()
    figures = Figures(plan.sessions)
    begun = time.monotonic()
    async with client_of(base_url) as client:
        async with client.stream_sessions(sizes, limit=LIMIT, concurrency=32) as sessions:
            async for session in sessions:
                figures.check(session, sizes[session.session_id])
                figures.seconds = time.monotonic() - begun
                figures.gauges.descriptors.noted.append(descriptors())
                if figures.sessions % NOTED_EVERY == 0:
                    gc.collect()
                    figures.gauges.memory.noted.append(resident())
                if figures.seconds >= max_seconds:
                    figures.stopped = True
                    break
        figures.stats = attrs.asdict(client.stats)
    return figures


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
        asyncio.run(serve(plan.fill, plan.seed))
        return 0
    with server_of("tests.proof.soak", **attrs.asdict(plan)) as (base_url, said):
        figures = asyncio.run(soak(plan, base_url, options.seconds))
    figures.server = said
    shown = attrs.asdict(figures, filter=lambda field, _: field.name not in {"seen", "noted"})
    say(json.dumps(shown | {"problems": figures.problems()}) if options.json else figures.text())
    return 1 if figures.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
