"""The process that reads sessions in bulk with this library: ``python -m benchmarks.bulk_worker``.

Each task returns the seconds that it took, and deletes the files that it wrote.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from lyzr_traces_async import TracesClient

from .channel import serve


async def into_store(
    sessions: Sequence[str],
    traces: int,
    base_url: str,
    api_key: str,
    limit: int,  # noqa: ARG001 - a sync always asks for the largest page
) -> float:
    """Sync all sessions into a new store.

    :param traces: the expected number of traces of all sessions together.
    """
    from lyzr_traces_async.store import TraceStore  # noqa: PLC0415 - an extra

    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        store = TraceStore(Path(folder, "new.duckdb"))
        async with TracesClient(api_key, base_url=base_url) as client:
            found = [progress.traces async for progress in store.sync(client, sessions)]
        seconds = time.perf_counter() - start
    return _checked(seconds, found[-1], traces)


async def into_arrow(sessions: Sequence[str], traces: int, base_url: str, api_key: str, limit: int) -> float:
    """Make one table of all traces. The time does not include reading them."""
    from lyzr_traces_async.bulk import to_arrow  # noqa: PLC0415 - an extra

    async with (
        TracesClient(api_key, base_url=base_url) as client,
        client.stream_sessions(sessions, limit=limit) as stream,
    ):
        read = [trace async for session in stream for trace in session]
    start = time.perf_counter()
    table = to_arrow(read)
    return _checked(time.perf_counter() - start, len(table), traces)


async def pulled(sessions: Sequence[str], traces: int, base_url: str, api_key: str, limit: int) -> float:
    """Pull one batch into a new folder, as a task of an engine does."""
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    from lyzr_traces_async.bulk import pull_sessions  # noqa: PLC0415 - an extra

    os.environ.update(LYZR_API_KEY=api_key, LYZR_TRACES_BASE_URL=base_url)
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = await asyncio.to_thread(pull_sessions, sessions, folder, limit=limit)
        seconds = time.perf_counter() - start
        return _checked(seconds, parquet.read_metadata(path).num_rows, traces)


def _checked(seconds: float, found: int, expected: int) -> float:
    if found != expected:
        raise ValueError(f"{found} traces instead of {expected}")
    return seconds


async def main() -> None:
    """Run tasks until the input ends."""
    # Import before the clock starts. If an import fails here, it fails again in the task, which reports it.
    with suppress(ImportError):
        import_module("lyzr_traces_async.bulk")
        import_module("lyzr_traces_async.store")
    await serve(into_store=into_store, into_arrow=into_arrow, pulled=pulled)


if __name__ == "__main__":
    asyncio.run(main())
