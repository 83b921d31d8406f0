"""Sessions to sync, a complete sync, and the requests that were sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lyzr_traces_async import Trace, TracesClient
from lyzr_traces_async.store import SyncProgress, TraceStore
from lyzr_traces_async.testing import FakeTracesServer

IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(1000)]


async def run(store: TraceStore, client: TracesClient, ids: Any, **options: Any) -> SyncProgress:
    """Sync to the end, and return the last progress."""
    return [progress async for progress in store.sync(client, ids, **options)][-1]


def asked(server: FakeTracesServer) -> list[str]:
    """Return the sessions requested since the last call."""
    found = [request.path.rpartition("/")[2] for request in server.requests]
    server.requests.clear()
    return found


def add(server: FakeTracesServer, session_id: str, *, ago: timedelta, traces: int = 1) -> None:
    """Add a session whose newest trace began ``ago`` before now."""
    newest = datetime.now(UTC) - ago
    server.add_session(
        session_id,
        traces=[
            Trace(f"{session_id}-{number}", "llm", session_id, newest - timedelta(seconds=number), 0.5, 0.25, 1, None)
            for number in range(traces)
        ],
    )
