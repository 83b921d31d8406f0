"""Clients for a server of the test, sessions for them to read, and what can be seen of their requests and tasks."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any
from uuid import UUID

from lyzr_traces_async import RetryPolicy, TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import RawServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
AT_ONCE = RetryPolicy(attempts=3, wait_initial=0, wait_jitter=0)


def client_of(server: FakeTracesServer | RawServer, **settings: Any) -> TracesClient:
    """Return a client of this server."""
    return TracesClient(server.api_key, base_url=server.base_url, **settings)


def session_ids(count: int, seed: int = 1) -> list[str]:
    """Return made-up session ids; the same ones for the same seed."""
    rng = random.Random(seed)
    return [str(UUID(int=rng.getrandbits(128), version=4)) for _ in range(count)]


def sessions_of(server: FakeTracesServer, count: int, *, traces: int) -> list[str]:
    """Add sessions of so many traces each, and return their ids."""
    ids = session_ids(count)
    for session_id in ids:
        server.add_session(session_id, traces)
    return ids


def now() -> float:
    """Return the time of the event loop's clock, in seconds."""
    return asyncio.get_running_loop().time()


def times_of(server: FakeTracesServer) -> list[float]:
    """Return a list to which the time of every request will be added."""
    times: list[float] = []
    loop = asyncio.get_running_loop()
    server.on_request = lambda _: times.append(loop.time())
    return times


def waits_of(times: list[float]) -> list[float]:
    """Return the seconds between each time and the next."""
    return [after - before for before, after in pairwise(times)]


def pages_asked(server: FakeTracesServer) -> list[int]:
    """Return the page of every request, in the order of arrival."""
    return [int(request.query["page"]) for request in server.requests]


def tasks() -> set[asyncio.Task[Any]]:
    """Return all tasks of the event loop except those of the server's connections."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task.get_coro())}
