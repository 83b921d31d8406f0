"""Which failures are tried again, how often, and after how long."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import anyio
import pytest

from lyzr_traces_async import (
    APIStatusError,
    NotFoundError,
    RetryPolicy,
    ServerError,
    ServiceNotConfiguredError,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.causes import chain, check_chain
from tests.helpers.clients import (
    SESSION,
    client_of,
    times_of,
)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 507, 509, 520, 524, 530, 561, 598, 599])
async def test_a_passing_failure_is_tried_again(server: FakeTracesServer, status: int) -> None:
    """The policy gives the number of attempts. After the last one the real error is raised."""
    async with client_of(server, retry=RetryPolicy(attempts=4)) as client:
        server.fail_next(3, status=status)
        assert len(await client.list_session_traces(SESSION)) == 5
        assert [request.status for request in server.requests] == [status] * 3 + [200]
        assert (client.stats.requests, client.stats.retries, client.stats.rate_limited) == (4, 3, 0)
        server.fail_next(100, status=status)
        with pytest.raises(APIStatusError) as caught:
            await client.list_session_traces(SESSION)
    assert len(server.requests) == 8
    assert (caught.value.status, caught.value.attempts) == (status, 4)
    assert caught.value.request_id == server.requests[-1].headers["X-Request-Id"]
    check_chain(caught.value)


@pytest.mark.parametrize(
    "status", [201, 204, 301, 304, 400, 401, 403, 404, 405, 409, 413, 418, 423, 501, 505, 511, 525, 526]
)
async def test_a_failure_that_would_repeat_is_not_tried_again(server: FakeTracesServer, status: int) -> None:
    """One request is sent, and the error is raised."""
    server.fail_next(100, status=status)
    async with client_of(server) as client:
        with pytest.raises(APIStatusError) as caught:
            await client.list_session_traces(SESSION)
        assert (client.stats.requests, client.stats.retries) == (1, 0)
    assert len(server.requests) == 1
    assert (caught.value.status, caught.value.attempts) == (status, 1)
    check_chain(caught.value)


@pytest.mark.parametrize(
    "said", ["Langfuse tracing is not configured on voice-agent-server", "Persistence is not configured"]
)
async def test_the_permanent_503_is_not_tried_again(server: FakeTracesServer, said: str) -> None:
    """It has an error class of its own."""
    server.fail_next(100, status=503, message=said)
    async with client_of(server) as client:
        with pytest.raises(ServiceNotConfiguredError) as caught:
            await client.list_session_traces(SESSION)
    assert isinstance(caught.value, ServerError)
    assert len(server.requests) == 1


async def test_there_are_six_attempts_by_default(server: FakeTracesServer) -> None:
    """The waits are 0.5, 1, 2, 4 and 8 s, plus up to 1 s of jitter (and 1 s for a busy machine)."""
    server.fail_next(100, status=500)
    times = times_of(server)
    async with client_of(server) as client:
        with pytest.raises(ServerError):
            await client.list_session_traces(SESSION)
    waits = [after - before for before, after in pairwise(times)]
    assert len(waits) == 5
    for wait, least in zip(waits, (0.5, 1, 2, 4, 8), strict=True):
        assert least <= wait < least + 2


async def test_back_off_doubles_up_to_its_bound(server: FakeTracesServer) -> None:
    """Without jitter the waits are exact."""
    server.fail_next(100, status=500)
    times = times_of(server)
    policy = RetryPolicy(attempts=6, wait_initial=10, wait_max=50, wait_jitter=0)
    async with client_of(server, retry=policy) as client:
        with pytest.raises(ServerError):
            await client.list_session_traces(SESSION)
    waits = [after - before for before, after in pairwise(times)]
    for wait, least in zip(waits, (10, 20, 40, 50, 50), strict=True):
        assert least <= wait < least + 2


async def test_a_slot_is_not_held_over_a_back_off(server: FakeTracesServer) -> None:
    """There is one slot, and another request goes through during the back-off."""
    server.add_session(SESSION.replace("3", "4"), 1)
    server.fail_next(status=500, session_id=SESSION)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    policy = RetryPolicy(wait_initial=100, wait_max=100)
    async with client_of(server, retry=policy, max_concurrency=1) as client:
        waiting = asyncio.ensure_future(client.list_session_traces(SESSION))
        await asyncio.sleep(1)
        await client.list_session_traces(SESSION.replace("3", "4"))
        assert loop.time() - begin < 50
        assert len(await waiting) == 5
    assert loop.time() - begin >= 100


async def test_only_the_page_that_failed_is_tried_again(server: FakeTracesServer) -> None:
    """The other pages of its window are not asked for twice."""
    server.fail_next(2, status=500, page=3)
    async with client_of(server) as client:
        assert len([trace async for trace in client.iter_session_traces(SESSION, limit=1)]) == 5
    assert sorted(int(request.query["page"]) for request in server.requests) == [1, 2, 3, 3, 3, 4, 5, 6]


async def test_the_last_real_error_is_the_one_raised(server: FakeTracesServer) -> None:
    """The client raises neither the first error nor an error about retries."""
    server.fail_next(status=500)
    server.fail_next(reset=True)
    server.fail_next(status=404)
    async with client_of(server) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.attempts == 3
    check_chain(caught.value)
    assert [type(each) for each in chain(caught.value)] == [NotFoundError]


async def test_requests_retries_and_refusals_are_counted(server: FakeTracesServer) -> None:
    """Each attempt is a request. Attempts after the first are retries, also after a 429."""
    server.fail_next(status=500)
    server.fail_next(2, status=429, headers={"Retry-After": "1"})
    async with client_of(server) as client:
        before = client.stats
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
        stats = client.stats
    assert (before.requests, before.retries, before.rate_limited) == (0, 0, 0)
    assert (stats.requests, stats.retries, stats.rate_limited) == (5, 3, 2)


async def test_a_cancelled_call_is_not_tried_again(server: FakeTracesServer) -> None:
    """Here a cancel scope of anyio cancels the call."""
    server.fail_next(stall=1000)
    async with client_of(server, timeout=2000) as client:
        with anyio.move_on_after(10) as scope:
            await client.list_session_traces(SESSION)
        assert scope.cancelled_caught
        await asyncio.sleep(100)
        assert len(server.requests) == 1
