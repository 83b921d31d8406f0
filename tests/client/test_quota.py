"""The quota: a client uses every window to the full, sends no request too many, and waits for the next window."""

from __future__ import annotations

import asyncio
import logging
import random
import re

import pytest

from lyzr_traces_async import RateLimitError, RetryPolicy, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from tests.helpers.clients import (
    SESSION,
    client_of,
    now,
    sessions_of,
    times_of,
    waits_of,
)


async def walk_all(client: TracesClient, ids: list[str], limit: int) -> dict[str, list[str]]:
    async def walk(session_id: str) -> list[str]:
        return [trace.trace_id async for trace in client.iter_session_traces(session_id, limit=limit)]

    return dict(zip(ids, await asyncio.gather(*map(walk, ids)), strict=True))


@pytest.mark.parametrize("concurrency", [1, 8, 40])
async def test_alone_it_meets_no_429_and_wastes_no_time(concurrency: int) -> None:
    """Ten sessions of 13 pages are 130 requests: they fill three windows of 40, and begin a fourth."""
    async with (
        FakeTracesServer(quota=Quota(requests=40, seconds=60)) as server,
        client_of(server, max_concurrency=concurrency) as client,
    ):
        ids = sessions_of(server, 10, traces=12)
        begin = now()
        found = await walk_all(client, ids, limit=1)
        assert 180 <= now() - begin < 195
        assert {request.status for request in server.requests} == {200}
        assert len(server.requests) == 130
        assert found == {each: [trace.trace_id for trace in server.traces(each)] for each in ids}
        stats = client.stats
    assert (stats.requests, stats.retries, stats.rate_limited) == (130, 0, 0)
    assert 150 < stats.seconds_paced < 195


async def test_alone_it_meets_no_429_with_slow_answers_and_short_windows() -> None:
    """Requests are under way from one window into the next."""
    rng = random.Random(5)
    async with FakeTracesServer(quota=Quota(requests=7, seconds=10)) as server, client_of(server) as client:
        ids = sessions_of(server, 6, traces=20)

        def slow(_: RecordedRequest) -> None:
            server.latency = rng.uniform(0.01, 9)

        server.on_request = slow
        found = await walk_all(client, ids, limit=1)
        assert all(request.status == 200 for request in server.requests)
        assert {key: len(traces) for key, traces in found.items()} == dict.fromkeys(ids, 20)


async def test_one_request_is_in_flight_until_an_answer_tells_the_quota() -> None:
    """Other clients may have used a part of the quota. After the first answer all other requests go."""
    async with FakeTracesServer() as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        server.latency = 10
        times = times_of(server)
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(8)))
        assert waits_of(times)[0] >= 10
        assert times[7] - times[1] < 5


async def test_one_request_is_in_flight_until_a_server_without_quota_has_answered(server: FakeTracesServer) -> None:
    """An answer without quota fields means that there is no quota."""
    server.latency = 10
    begin = now()
    async with client_of(server) as client:
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(8)))
        assert 20 <= now() - begin < 29
        assert client.stats.seconds_paced == 0


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_never_more_requests_are_in_flight_than_allowed(server: FakeTracesServer, concurrency: int) -> None:
    """The limit holds over all calls of the client, and is reached."""
    server.latency = 5
    most = 0

    def look(_: RecordedRequest) -> None:
        nonlocal most
        most = max(most, sum(request.status is None for request in server.requests))

    server.on_request = look
    async with client_of(server, max_concurrency=concurrency) as client:
        ids = sessions_of(server, 6, traces=9)
        await walk_all(client, ids, limit=1)
    assert most == concurrency


async def test_in_a_window_that_ends_too_late_the_refusal_is_the_servers_own() -> None:
    """One request is let through to get the refusal. Nothing waits for five minutes."""
    async with FakeTracesServer(quota=Quota(requests=2, seconds=300)) as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        begin = now()
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
        with pytest.raises(RateLimitError) as caught:
            await client.list_session_traces(SESSION)
        assert now() - begin < 10
        assert [request.status for request in server.requests] == [200, 200, 429]
        assert caught.value.retry_after is not None
        assert 290 <= caught.value.retry_after <= 300


async def test_in_a_window_that_ends_too_late_only_one_request_is_refused() -> None:
    """Its refusal holds for the others as well, so that no other request is sent."""
    async with FakeTracesServer(quota=Quota(requests=1, seconds=300)) as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        await client.list_session_traces(SESSION)
        server.latency = 1
        calls = [client.list_session_traces(SESSION) for _ in range(5)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(error, RateLimitError) for error in errors)
        assert [request.status for request in server.requests] == [200, 429]
        assert [error.attempts for error in errors if isinstance(error, RateLimitError)] == [1] + [None] * 4


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("seed", range(3))
async def test_beside_a_stranger_it_meets_one_batch_of_429_a_window(concurrency: int, seed: int) -> None:
    """Another client uses the same quota at random. Nothing is lost."""
    rng = random.Random(seed)
    opened = refused = 0
    batches: list[int] = []

    async with (
        FakeTracesServer(quota=Quota(requests=30, seconds=60)) as server,
        client_of(server, max_concurrency=concurrency, retry=RetryPolicy(max_rate_limit_wait=1e6)) as client,
    ):
        ids = sessions_of(server, 10, traces=13)
        last = -100.0

        def stranger(_: RecordedRequest) -> None:
            nonlocal last, opened, refused
            refusals = sum(request.status == 429 for request in server.requests)
            if now() - last >= 60:
                last = now()
                batches.append(refusals - refused)
                refused = refusals
                opened += 1
            if rng.random() < 0.3:
                server.spend_quota(rng.randint(1, 10))

        server.latency = 0.1
        server.on_request = stranger
        found = await walk_all(client, ids, limit=1)
        assert {key: len(traces) for key, traces in found.items()} == dict.fromkeys(ids, 13)
        assert opened > 4
        assert sum(batches) > 0
        assert max(batches) <= concurrency
        assert client.stats.rate_limited == sum(request.status == 429 for request in server.requests)


async def test_a_quota_that_a_stranger_has_used_up_is_waited_for() -> None:
    """Another client has used the quota up before the first request."""
    async with FakeTracesServer() as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        server.spend_quota(100)
        begin = now()
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(20)))
        assert 55 <= now() - begin < 65
        assert [request.status for request in server.requests] == [429] + [200] * 20


async def test_the_time_held_back_is_counted_once_for_all() -> None:
    """It is counted in seconds of the clock, also while the wait still runs."""
    async with FakeTracesServer(quota=Quota(requests=2, seconds=60)) as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
        assert client.stats.seconds_paced == 0
        calls = [asyncio.ensure_future(client.list_session_traces(SESSION)) for _ in range(2)]
        await asyncio.sleep(30)
        assert 29 <= client.stats.seconds_paced < 32
        await asyncio.gather(*calls)
        await asyncio.sleep(100)
        assert 58 <= client.stats.seconds_paced < 63


async def test_the_log_says_when_it_begins_to_wait(caplog: pytest.LogCaptureFixture) -> None:
    """There is one line for each window, however many requests are held back."""
    with caplog.at_level(logging.INFO, logger="lyzr_traces_async"):
        async with FakeTracesServer(quota=Quota(requests=5, seconds=60)) as server, client_of(server) as client:
            server.add_session(SESSION, 5)
            for _ in range(5):
                await client.list_session_traces(SESSION)
            assert not caplog.records
            await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(9)))
    records = [record for record in caplog.records if record.name == "lyzr_traces_async"]
    assert [record.levelno for record in records] == [logging.INFO] * 2
    told = [re.fullmatch(r"the quota is used up: waiting ([0-9.]+) s", r.getMessage()) for r in records]
    assert all(text is not None and 55 < float(text[1]) <= 61 for text in told)
