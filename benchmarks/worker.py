"""The process of one peer: ``python -m benchmarks.worker PEER``."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from .channel import serve
from .peers import OURS, PEERS, Entry, Peer
from .server import as_langfuse


def seconds_each(call: Callable[[], object], at_least: float) -> float:
    """Return the seconds that one call takes: the mean of as many calls as fill ``at_least`` seconds."""
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
    """The tasks of this process. Each task opens new connections, so that no task depends on the one before."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @asynccontextmanager
    async def _connected(self, base_url: str, api_key: str, limit: int, **options: float) -> AsyncIterator[Peer]:
        peer = self._entry.load()(base_url, api_key, limit, **options)
        try:
            yield peer
        finally:
            await peer.aclose()

    async def hello(self) -> dict[str, str]:
        """Import the peer and return the versions of its packages."""
        async with self._connected("http://127.0.0.1:1/v1", "test-key", 1):
            return self._entry.versions()

    async def decode(self, body: str, seconds: float) -> float:
        """Return the seconds that the peer takes to turn the bytes of one page into values."""
        data = body.encode()
        if self._entry.name == "langfuse_api":
            data = as_langfuse(data)
        async with self._connected("http://127.0.0.1:1/v1", "test-key", 1) as peer:
            return seconds_each(lambda: peer.decode(data), seconds)

    async def walk(self, session: str, traces: int, **server: Any) -> dict[str, float]:
        """Read one session, and return the CPU seconds of this process and the wall-clock seconds."""
        async with self._connected(**server) as peer:
            cpu, wall = time.process_time(), time.perf_counter()
            found = await peer.walk(session)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        if found != traces:
            raise ValueError(f"{found} traces instead of {traces}")
        return {"cpu": cpu, "wall": wall}

    async def herd(
        self,
        sessions: Mapping[str, int],
        clients: int = 1,
        patience: float | None = None,
        watched: Sequence[str] = (),
        **server: Any,
    ) -> dict[str, Any]:
        """Read many sessions at once, and return how many are lost and why.

        :param sessions: the number of traces of each session, by session id.
        :param clients: the number of clients. They divide the sessions among themselves and run at the same time.
        :param patience: the seconds that this library waits for a quota. The other peers have no such setting.
        :param watched: session ids. ``last`` in the result is the time at which the last of these sessions ended.
        """
        left, watching, errors, last = dict(sessions), set(watched), Counter[str](), 0.0

        def ended(session: str, found: int | BaseException) -> None:
            nonlocal last
            traces = left.pop(session)
            if isinstance(found, BaseException):
                errors[type(found).__name__] += 1
            elif found != traces:
                errors[f"{found} traces instead of {traces}"] += 1
            if session in watching:
                last = time.monotonic()

        if patience is not None and self._entry.name == OURS:
            server["patience"] = patience
        ids = list(sessions)
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(self._connected(**server)) for _ in range(clients)]
            start = time.perf_counter()
            await asyncio.gather(*(peer.herd(ids[n::clients], ended) for n, peer in enumerate(peers)))
            wall = time.perf_counter() - start
        return {"wall": wall, "lost": errors.total() + len(left), "errors": errors, "last": last}

    async def peak(self) -> float:
        """Return the peak memory of this process so far, in MiB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main(name: str) -> None:
    """Run tasks until the input ends."""
    entry = next(entry for entry in PEERS if entry.name == name)
    # Import now, while the other processes start: some imports take more than a second. If the import fails here, it
    # fails again in `hello`, which reports it.
    with suppress(ImportError):
        entry.load()
    worker = Worker(entry)
    await serve(hello=worker.hello, decode=worker.decode, walk=worker.walk, herd=worker.herd, peak=worker.peak)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
