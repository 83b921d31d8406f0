"""The shared parts of the soaks: a server that keeps failing, and gauges of this process.

The server has a process of its own, so that memory and file descriptors are those of the client alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from lyzr_traces_async import RetryPolicy, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest

# The share of requests that fail.
FAULTS: Final = 0.05
# Seconds for one attempt, and how long a stalled answer takes.
TIMEOUT: Final = 0.5
STALL: Final = 0.75
# Requests in flight at once, each with a connection. If all time out in the same moment, as many connections are still
# closing beside the new ones for a turn of the event loop.
MAX_CONCURRENCY: Final = 16
MOST_DESCRIPTORS: Final = 2 * MAX_CONCURRENCY
# The least number of measurements of memory.
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


# --- The server's process --------------------------------------------------------------------------------------------


async def serve(fill: Callable[[FakeTracesServer], None], seed: int) -> None:
    """Serve until the standard input ends. Print the address first, and the counts at the end.

    :param fill: gives the server its sessions.
    """
    rng = random.Random(seed)
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
        fill(server)
        server.on_request = make_trouble
        say(server.base_url)
        await asyncio.to_thread(sys.stdin.read)
        say(json.dumps(counts))


# --- The client's process --------------------------------------------------------------------------------------------


@attrs.define
class Gauge:
    """Measurements of one resource of the process, before the run and during it.

    :ivar first: how many measurements belong to the first tenth of the run; ``None`` for a tenth of them.
    """

    before: int
    noted: list[int] = attrs.field(factory=list)
    first: int | None = None

    def first_tenth(self) -> int:
        """Return the largest measurement of the first tenth of the run."""
        return max(self.noted[: self._first()], default=0)

    def after(self) -> int:
        """Return the largest measurement of the rest."""
        return max(self.noted[self._first() :], default=0)

    def _first(self) -> int:
        return -(-len(self.noted) // 10) if self.first is None else self.first


@attrs.define
class Gauges:
    """The memory and the file descriptors of this process.

    :ivar margin: bytes by which memory may exceed the peak of the first tenth.
    """

    margin: int
    memory: Gauge = attrs.field(factory=lambda: Gauge(resident()))
    descriptors: Gauge = attrs.field(factory=lambda: Gauge(descriptors()))

    def problems(self) -> list[str]:
        """Return a description of each wrong figure."""
        problems = []
        if len(self.memory.noted) < LEAST_NOTED:
            problems.append("too little was done to tell whether memory grows")
        elif self.memory.after() > self.memory.first_tenth() + self.margin:
            problems.append("memory keeps growing")
        if max(self.descriptors.noted, default=0) > self.descriptors.before + MOST_DESCRIPTORS:
            problems.append("there are more file descriptors than connections")
        return problems

    def lines(self) -> dict[str, str]:
        """Return the figures by the name of the resource."""
        memory, descriptors = self.memory, self.descriptors
        return {
            "memory": f"{memory.first_tenth() / 2**20:.1f} MiB at most in the first tenth, "
            f"{memory.after() / 2**20:.1f} MiB after it",
            "descriptors": f"{descriptors.before} before, {descriptors.first_tenth()} at most in the first tenth, "
            f"{descriptors.after()} after it",
        }


def client_of(base_url: str) -> TracesClient:
    """Return a client that retries for a long time."""
    retry = RetryPolicy(attempts=20, wait_initial=0.01, wait_max=0.1, wait_jitter=0.01)
    return TracesClient("test-key", base_url=base_url, timeout=TIMEOUT, retry=retry, max_concurrency=MAX_CONCURRENCY)


def faults_line(server: Mapping[str, int]) -> str:
    """Return the number of faults of each kind, from the counts that the server printed."""
    faults = {kind: count for kind, count in sorted(server.items()) if kind in KINDS}
    return f"{sum(faults.values()):,} ({100 * sum(faults.values()) / server['requests']:.1f} %): " + ", ".join(
        f"{count} {kind}" for kind, count in faults.items()
    )


def resident() -> int:
    """Return the bytes of memory of this process, or 0 if the system does not tell."""
    with contextlib.suppress(FileNotFoundError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def descriptors() -> int:
    """Return the number of open file descriptors of this process, or 0 if the system does not tell."""
    for directory in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return len(os.listdir(directory))  # noqa: PTH208 - only the number of names is needed
    return 0


@contextlib.contextmanager
def server_of(module: str, **plan: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Run a module's server in a process of its own. Yield its address, and a dict that gets its counts at the end."""
    said: dict[str, int] = {}
    arguments = [f"--{name}={value}" for name, value in plan.items()]
    with subprocess.Popen(
        [sys.executable, "-m", module, "--serve", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), said
            process.stdin.close()
            said.update(json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
