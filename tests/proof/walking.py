"""A walk over one session that returns the error it ends with."""

from __future__ import annotations

from lyzr_traces_async import LyzrTracesError, TracesClient
from tests.helpers.raw_server import SESSION


async def walk(
    client: TracesClient, *, limit: int = 10, start_page: int = 1, prefetch: int = 8
) -> tuple[list[str], LyzrTracesError | None]:
    """Return the ids of the traces that came, and the error of ours that ended the walk, if any."""
    came: list[str] = []
    try:
        async for trace in client.iter_session_traces(SESSION, limit=limit, start_page=start_page, prefetch=prefetch):
            came.append(trace.trace_id)  # noqa: PERF401 - an error may end the loop
    except LyzrTracesError as error:
        return came, error
    return came, None
