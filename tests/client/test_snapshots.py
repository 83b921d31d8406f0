"""The statistics and the quota of a client are snapshots."""

from __future__ import annotations

import attrs

from lyzr_traces_async import ClientStats, TracesClient
from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


async def test_statistics_and_quota_do_not_change_after_they_were_taken() -> None:
    """Later requests change only what is taken after them."""
    async with FakeTracesServer() as server, TracesClient(server.api_key, base_url=server.base_url) as client:
        server.add_session(SESSION, 5)
        await client.list_session_traces(SESSION)
        stats, quota = client.stats, client.quota
        assert quota is not None
        before = attrs.astuple(stats), attrs.astuple(quota)
        server.fail_next(status=429, headers={"Retry-After": "5"})
        await client.list_session_traces(SESSION)
        later = client.stats, client.quota
        assert later[1] is not None
        assert (attrs.astuple(stats), attrs.astuple(quota)) == before
        assert (stats.requests, stats.retries, stats.rate_limited, quota.remaining) == (1, 0, 0, 99)
        assert (later[0].requests, later[0].retries, later[0].rate_limited) == (3, 1, 1)
        assert later[1].remaining < 99


async def test_taking_statistics_and_quota_sends_nothing() -> None:
    """They are known without a request."""
    async with FakeTracesServer() as server, TracesClient(server.api_key, base_url=server.base_url) as client:
        for _ in range(10):
            assert (client.stats, client.quota) == (ClientStats(), None)
        assert server.requests == []
