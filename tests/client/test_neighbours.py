"""Many clients at one address, a gateway with room for two, long sessions beside short ones: all get their share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from tests.helpers.clients import client_of, session_ids


async def read(client: TracesClient, session_ids: list[str], limit: int = 2, concurrency: int = 8) -> int:
    """Read the sessions, and return how many were lost."""
    async with client.stream_sessions(session_ids, limit=limit, concurrency=concurrency) as stream:
        return sum([session.error is not None async for session in stream])


@pytest.mark.parametrize(
    ("quota", "clients", "sessions", "apart"), [(50, 16, 16, 0.0), (50, 16, 16, 0.37), (100, 32, 16, 0.37)]
)
async def test_neighbours_at_one_address_lose_nothing(quota: int, clients: int, sessions: int, apart: float) -> None:
    """Clients that know nothing of each other share one quota, and need hardly more time than the quota demands."""
    loop = asyncio.get_running_loop()
    async with FakeTracesServer(quota=Quota(quota, 60)) as server:
        server.latency = 0.02

        async def neighbour(number: int) -> int:
            mine = session_ids(sessions, seed=number)
            for session_id in mine:
                server.add_session(session_id, 1)
            await asyncio.sleep(number * apart)
            async with client_of(server) as client:
                return await read(client, mine)

        begun = loop.time()
        lost = await asyncio.gather(*map(neighbour, range(clients)))
        windows = -(-clients * sessions // quota)
        assert sum(lost) == 0
        assert loop.time() - begun < (windows - 1) * 60 + 30
        assert len(server.requests) < 2 * clients * sessions


@asynccontextmanager
async def gateway(room: int) -> AsyncIterator[FakeTracesServer]:
    """Run a server that answers so many requests at once, in 0.2 s each, and refuses all others without any fields."""
    async with FakeTracesServer(quota=None) as server:
        server.latency = 0.2
        served: list[RecordedRequest] = []

        def admit(request: RecordedRequest) -> None:
            served[:] = [each for each in served if each.status is None]
            if len(served) >= room:
                server.fail_next(status=429, headers={"X": "y"})
            else:
                served.append(request)

        server.on_request = admit
        yield server


async def test_a_gateway_with_room_for_two_is_found_out() -> None:
    """The client needs less than twice the time of one that knows the limit, and few more requests. Nothing is lost."""
    loop = asyncio.get_running_loop()
    seconds = []
    for settings in ({"max_concurrency": 2}, {}):
        async with gateway(2) as server, client_of(server, **settings) as client:
            mine = session_ids(120, seed=1)
            for session_id in mine:
                server.add_session(session_id, 1)
            begun = loop.time()
            assert await read(client, mine) == 0
            seconds.append(loop.time() - begun)
            assert len(server.requests) <= 135
    assert seconds[1] < 2 * seconds[0]


async def test_long_sessions_do_not_hold_short_ones_up() -> None:
    """Seven sessions of 40 pages and twenty of one page take turns: the short ones end before the last third."""
    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
        server.latency = 0.05
        long, short = session_ids(7, seed=1), session_ids(20, seed=2)
        for session_id in long:
            server.add_session(session_id, 79)
        for session_id in short:
            server.add_session(session_id, 1)
        assert await read(client, long + short) == 0
        paths = [request.path for request in server.requests]
        assert len(paths) == 300
        last = max(index for index, path in enumerate(paths) if path.rsplit("/", 1)[1] in short)
        assert last < 200


@pytest.mark.parametrize(("sessions", "pages"), [(1, 100), (8, 30), (20, 15)])
async def test_a_single_call_beside_a_busy_stream_waits_for_one_slot_of_each_session(sessions: int, pages: int) -> None:
    """It does not wait for all the pages that the sessions have asked for ahead."""
    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
        server.latency = 0.05
        long, single = session_ids(sessions, seed=1), session_ids(1, seed=2)[0]
        server.add_session(single, 1)
        for session_id in long:
            server.add_session(session_id, 2 * pages - 1)
        reading = asyncio.ensure_future(read(client, long, concurrency=sessions))
        while len(server.requests) < 60:
            await asyncio.sleep(0.01)
        before = len(server.requests)
        await client.list_session_traces(single)
        [came] = [index for index, request in enumerate(server.requests) if single in request.path]
        assert came - before <= sessions + 1
        assert await reading == 0
