"""The process of one peer: ``python -m benchmarks.worker PEER``."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from .channel import serve
from .peers import PEERS, Entry, Peer
from .server import as_langfuse


def seconds_each(call: Callable[[], object], at_least: float) -> float:
    """Return how long one call takes, from as many as fill so many seconds."""
    times = 1
    while True:
        start = time.perf_counter()
        for _ in range(times):
            call()
        passed = time.perf_counter() - start
        if passed >= at_least:
            return passed / times
        times *= 2


class Worker:
    """The tasks of this process. Each connects anew, so that none finds what another left."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @asynccontextmanager
    async def _connected(self, base_url: str, api_key: str, limit: int) -> AsyncIterator[Peer]:
        peer = self._entry.load()(base_url, api_key, limit)
        try:
            yield peer
        finally:
            await peer.aclose()

    async def hello(self) -> dict[str, str]:
        """Import the peer and tell its versions."""
        async with self._connected("http://127.0.0.1:1/v1", "test-key", 1):
            return self._entry.versions()

    async def decode(self, body: str, seconds: float) -> float:
        """Return how long one page takes from bytes to values, in seconds."""
        data = body.encode()
        if self._entry.name == "langfuse_api":
            data = as_langfuse(data)
        async with self._connected("http://127.0.0.1:1/v1", "test-key", 1) as peer:
            return seconds_each(lambda: peer.decode(data), seconds)

    async def walk(self, session: str, traces: int, **server: Any) -> dict[str, float]:
        """Read one session, and return the seconds of this process's CPU and of the clock."""
        async with self._connected(**server) as peer:
            cpu, wall = time.process_time(), time.perf_counter()
            found = await peer.walk(session)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        if found != traces:
            raise ValueError(f"{found} traces instead of {traces}")
        return {"cpu": cpu, "wall": wall}

    async def herd(self, sessions: Sequence[str], traces: int, **server: Any) -> dict[str, Any]:
        """Read many sessions at once, and tell how many are lost and why."""
        async with self._connected(**server) as peer:
            start = time.perf_counter()
            results = await peer.herd(sessions)
            wall = time.perf_counter() - start
        errors = Counter(type(result).__name__ for result in results if isinstance(result, BaseException))
        short = sum(1 for result in results if isinstance(result, int) and result != traces)
        missing = len(sessions) - len(results)
        return {"wall": wall, "lost": sum(errors.values()) + short + missing, "errors": errors}

    async def peak(self) -> float:
        """Return the most memory this process has had so far, in MiB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main(name: str) -> None:
    """Work until the input ends."""
    entry = next(entry for entry in PEERS if entry.name == name)
    # While the others start: some take more than a second. Who asks later, in `hello`, gets to know of a failure.
    with suppress(ImportError):
        entry.load()
    worker = Worker(entry)
    await serve(hello=worker.hello, decode=worker.decode, walk=worker.walk, herd=worker.herd, peak=worker.peak)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
