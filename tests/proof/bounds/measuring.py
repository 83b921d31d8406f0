"""A client, and a limit on its memory, for servers that send without end."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from lyzr_traces_async import (
    RetryPolicy,
    TracesClient,
)
from tests.helpers.raw_server import Exchange, RawServer

if sys.version_info >= (3, 14):
    pass
else:
    pass


MIB = 2**20
CAP = 16 * MIB
# Bytes that one endless answer may take: the body up to the cap, the data in buffers, and a copy while it is joined.
MEMORY = 64 * MIB
RETRY = RetryPolicy(attempts=2, wait_jitter=0.0)


def client_of(server: RawServer) -> TracesClient:
    return TracesClient("key", base_url=server.base_url, retry=RETRY)


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Fail if the block at any time holds more than `MEMORY` bytes beyond what was allocated when it began."""
    was_tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
        assert peak - before < MEMORY
    finally:
        if not was_tracing:
            tracemalloc.stop()


async def pour(exchange: Exchange, data: bytes, size: int = 64 * 1024) -> None:
    """Send a body piece by piece, as fast as the client takes it."""
    for start in range(0, len(data), size):
        exchange.writer.write(data[start : start + size])
        await exchange.writer.drain()
