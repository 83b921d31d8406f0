"""A server and a client for streams, ids for them, and the results of a stream."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Any, Final
from uuid import UUID

from lyzr_traces_async import SessionTraces, TracesClient
from lyzr_traces_async.testing import FakeTracesServer

IDS: Final = [str(UUID(int=number)) for number in range(20)]
Ids = Any
Source = Callable[[], Ids]


@contextlib.asynccontextmanager
async def world() -> AsyncGenerator[tuple[FakeTracesServer, TracesClient]]:
    """Run a server that has a session for each id and takes a second for each answer, and a client."""
    async with (
        FakeTracesServer(quota=None) as server,
        TracesClient(server.api_key, base_url=server.base_url) as client,
    ):
        for session_id in IDS:
            server.add_session(session_id, traces=1)
        server.latency = 1.0
        yield server, client


async def collect(client: TracesClient, ids: Ids, concurrency: int = 8) -> list[str]:
    async with client.stream_sessions(ids, concurrency=concurrency) as sessions:
        return [session.session_id async for session in sessions]


number_of_id: contextvars.ContextVar[int] = contextvars.ContextVar("number_of_id")


class Least:
    """An async iterator that is no generator, and has only the two methods it needs."""

    def __init__(self) -> None:
        self._ids = iter(IDS)

    def __aiter__(self) -> Least:
        return self

    async def __anext__(self) -> str:
        await asyncio.sleep(0.1)
        try:
            return next(self._ids)
        except StopIteration:
            raise StopAsyncIteration from None


async def results_of(
    client: TracesClient, ids: Iterable[str | UUID] | AsyncIterable[str | UUID], **arguments: int
) -> dict[str, SessionTraces]:
    """Return all results of a stream by their session's id."""
    async with client.stream_sessions(ids, **arguments) as sessions:
        return {session.session_id: session async for session in sessions}
