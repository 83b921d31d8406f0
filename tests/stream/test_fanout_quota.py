"""Streams and the quota: used to the full, and never exceeded."""

from __future__ import annotations

import asyncio
import math
from collections import Counter

import pytest

from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from tests.helpers.clients import (
    client_of,
    session_ids,
)
from tests.helpers.streams import results_of


async def test_the_quota_is_used_to_the_full_and_never_exceeded() -> None:
    """Alone at its address the client gets no 429, and needs the time of the windows within 3 %."""
    ids = session_ids(30)
    pages = 13
    loop = asyncio.get_running_loop()
    async with FakeTracesServer(quota=Quota(100, 60)) as server, client_of(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=3 * pages - 1)
        begun = loop.time()
        found = await results_of(client, ids, limit=3)
        elapsed = loop.time() - begun
        assert all(session.error is None for session in found.values())
        needed = pages * len(ids)
        assert client.stats.requests == needed == len(server.requests)
        assert client.stats.rate_limited == 0
        windows = math.ceil(needed / 100)
        assert elapsed < (windows - 1) * 60 * 1.03 + 5
        assert client.stats.seconds_paced == pytest.approx(elapsed, rel=0.1)


async def test_beside_a_stranger_nothing_is_lost() -> None:
    """Another client uses half of every window. That costs at most one batch of refusals in a window."""
    ids = session_ids(30)
    async with FakeTracesServer(quota=Quota(100, 60)) as server, client_of(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=130)
        loop = asyncio.get_running_loop()
        times: list[float] = []

        def stranger(_: RecordedRequest) -> None:
            server.spend_quota(1)
            times.append(loop.time())

        server.on_request = stranger
        found = await results_of(client, ids, limit=10)
        assert all(len(session) == 130 for session in found.values())
        refused = [moment for moment, request in zip(times, server.requests, strict=True) if request.status == 429]
        for moment in refused:
            assert sum(moment <= other < moment + 55 for other in refused) <= 8  # within one window


async def test_without_quota_fields_it_is_an_ordinary_client() -> None:
    """Nothing is held back if the service tells no quota."""
    ids = session_ids(30)
    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=299)
        found = await results_of(client, ids)
        assert all(len(session) == 299 for session in found.values())
        assert (client.stats.requests, client.stats.seconds_paced) == (90, 0.0)


async def test_a_limit_of_the_store_behind_holds_the_whole_client_back() -> None:
    """The hold is 5 s and doubles while the limit lasts. One request goes first, and its success lets all others go."""
    ids = session_ids(20)
    loop = asyncio.get_running_loop()
    times: list[float] = []
    async with FakeTracesServer(quota=None) as server, client_of(server) as client:
        for session_id in ids:
            server.add_session(session_id, traces=1)
        await client.list_session_traces(ids[0])
        begun = loop.time()
        server.latency = 0.01

        def limited(_: RecordedRequest) -> None:
            times.append(loop.time() - begun)
            if times[-1] < 30:
                server.fail_next(1, status=502, message="Langfuse request failed (429)")

        server.on_request = limited
        found = await results_of(client, ids)
    assert all(session.error is None for session in found.values())
    assert Counter(5 * int((moment + 1) / 5) for moment in times) == {0: 8, 5: 1, 15: 1, 35: 20}
    assert client.stats.seconds_paced == pytest.approx(35, abs=1)
