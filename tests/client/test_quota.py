"""The quota: used to the full, never overrun alone, and waited for as long as the server says."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from lyzr_traces_async import RateLimitError, RetryPolicy, ServerError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    """A server that tells of no quota: its 429s are made to order."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION, 5)
        yield server


def client_of(server: FakeTracesServer, **settings: Any) -> TracesClient:
    return TracesClient(server.api_key, base_url=server.base_url, **settings)


def times_of(server: FakeTracesServer) -> list[float]:
    """Return a list to which the time of every request is added."""
    times: list[float] = []
    loop = asyncio.get_running_loop()
    server.on_request = lambda _: times.append(loop.time())
    return times


def waits_of(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


def now() -> float:
    return asyncio.get_running_loop().time()


def sessions(server: FakeTracesServer, count: int, traces: int) -> list[str]:
    rng = random.Random(count)
    ids = [str(UUID(int=rng.getrandbits(128), version=4)) for _ in range(count)]
    for session_id in ids:
        server.add_session(session_id, traces)
    return ids


async def walk_all(client: TracesClient, ids: list[str], limit: int) -> dict[str, list[str]]:
    async def walk(session_id: str) -> list[str]:
        return [trace.trace_id async for trace in client.iter_session_traces(session_id, limit=limit)]

    return dict(zip(ids, await asyncio.gather(*map(walk, ids)), strict=True))


@pytest.mark.parametrize("concurrency", [1, 8, 40])
async def test_alone_it_meets_no_429_and_wastes_no_time(concurrency: int) -> None:
    """25 sessions of 13 pages, the last one empty, are 325 requests: they fill three windows and begin a fourth."""
    async with FakeTracesServer() as server, client_of(server, max_concurrency=concurrency) as client:
        ids = sessions(server, 25, 12)
        begin = now()
        found = await walk_all(client, ids, limit=1)
        assert 180 <= now() - begin < 195
        assert {request.status for request in server.requests} == {200}
        assert len(server.requests) == 325
        assert found == {each: [trace.trace_id for trace in server.traces(each)] for each in ids}
        stats = client.stats
    assert (stats.requests, stats.retries, stats.rate_limited) == (325, 0, 0)
    assert 150 < stats.seconds_paced < 195


async def test_alone_it_meets_no_429_where_answers_are_slow_and_windows_short() -> None:
    """Requests are then under way from one window into the next."""
    rng = random.Random(5)
    async with FakeTracesServer(quota=Quota(requests=7, seconds=10)) as server, client_of(server) as client:
        ids = sessions(server, 6, 20)

        def slow(_: RecordedRequest) -> None:
            server.latency = rng.uniform(0.01, 9)

        server.on_request = slow
        found = await walk_all(client, ids, limit=1)
        assert all(request.status == 200 for request in server.requests)
        assert {key: len(traces) for key, traces in found.items()} == dict.fromkeys(ids, 20)


async def test_one_request_is_in_flight_until_the_quota_is_told() -> None:
    """Since nobody knows what strangers have left of it; then all the others go."""
    async with FakeTracesServer() as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        server.latency = 10
        times = times_of(server)
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(8)))
        assert waits_of(times)[0] >= 10
        assert times[7] - times[1] < 5


async def test_one_request_is_in_flight_until_a_server_without_quota_has_answered(server: FakeTracesServer) -> None:
    """Its silence on the matter is an answer too."""
    server.latency = 10
    begin = now()
    async with client_of(server) as client:
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(8)))
        assert 20 <= now() - begin < 29
        assert client.stats.seconds_paced == 0


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_never_more_requests_are_in_flight_than_allowed(server: FakeTracesServer, concurrency: int) -> None:
    """Over everything that the client does, and no fewer."""
    server.latency = 5
    most = 0

    def look(_: RecordedRequest) -> None:
        nonlocal most
        most = max(most, sum(request.status is None for request in server.requests))

    server.on_request = look
    async with client_of(server, max_concurrency=concurrency) as client:
        ids = sessions(server, 6, 9)
        await walk_all(client, ids, limit=1)
    assert most == concurrency


DATES = {"Date": "Tue, 03 Feb 2099 10:00:00 GMT", "Retry-After": "Tue, 03 Feb 2099 10:00:33 GMT"}


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "120"}, 120),
        (DATES, 33),
        ({"RateLimit": '"a"; r=0; t=9'}, 9),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "11"}, 11),
    ],
)
async def test_after_a_429_it_waits_as_long_as_the_server_said(
    server: FakeTracesServer, fields: dict[str, str], seconds: float
) -> None:
    """Never less, and no more than it takes; in seconds, with a fraction, as a date by the server's own clock."""
    server.fail_next(status=429, headers=fields)
    times = times_of(server)
    async with client_of(server, retry=RetryPolicy(attempts=1)) as client:
        assert len(await client.list_session_traces(SESSION)) == 5
        assert client.stats.rate_limited == client.stats.retries == 1
        assert seconds - 0.5 < client.stats.seconds_paced < seconds + 2
    [wait] = waits_of(times)
    assert seconds <= wait < seconds + 2


async def test_a_429_holds_back_everything_the_client_does(server: FakeTracesServer) -> None:
    """And costs others no 429 of their own."""
    server.fail_next(status=429, headers={"Retry-After": "50"})
    times = times_of(server)
    async with client_of(server) as client:
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(12)))
        assert client.stats.rate_limited == 1
    assert 50 <= waits_of(times)[0] < 55
    assert len(times) == 13


async def test_a_429_uses_up_no_attempt(server: FakeTracesServer) -> None:
    """It is pacing, not failure: also between failures, which keep their own count."""
    for status in (429, 429, 500, 429, 429):
        server.fail_next(status=status, headers={"Retry-After": "3"})
    async with client_of(server, retry=RetryPolicy(attempts=2)) as client:
        assert len(await client.list_session_traces(SESSION)) == 5
        server.fail_next(status=500)
        server.fail_next(status=429, headers={"Retry-After": "3"})
        server.fail_next(status=500)
        with pytest.raises(ServerError) as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.attempts == 3


async def test_it_gives_up_where_it_is_told_to_wait_for_too_long(server: FakeTracesServer) -> None:
    """At once; the error says how long it would have been."""
    server.fail_next(status=429, headers={"Retry-After": "121"})
    begin = now()
    async with client_of(server) as client:
        with pytest.raises(RateLimitError) as caught:
            await client.list_session_traces(SESSION)
        assert client.stats.rate_limited == 1
    assert now() - begin < 5
    assert (caught.value.retry_after, caught.value.attempts, caught.value.status) == (121, 1, 429)


async def test_it_gives_up_where_nothing_gets_through_for_too_long(server: FakeTracesServer) -> None:
    """After three waits of 50 s it is refused again, and nothing has got through for more than 120 s."""
    server.fail_next(100, status=429, headers={"Retry-After": "50"})
    begin = now()
    async with client_of(server) as client:
        with pytest.raises(RateLimitError) as caught:
            await client.list_session_traces(SESSION)
    assert 150 <= now() - begin < 160
    assert caught.value.attempts == 4


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Retry-After": "soon"},
        {"Retry-After": "-5"},
        {"Retry-After": "0"},
        {"Retry-After": ""},
        {"Retry-After": "1e3"},
        {"Retry-After": "9" * 30},
        {"Retry-After": "4073796033"},
        {"Retry-After": "Tue, 03 Feb 2099 10:00:33 GMT", "Date": "never"},
        {"Retry-After": "Tue, 03 Feb 2099 10:00:00 GMT", "Date": "Tue, 03 Feb 2099 10:00:33 GMT"},
    ],
)
async def test_where_nothing_that_makes_sense_is_said_it_backs_off(
    server: FakeTracesServer, fields: dict[str, str]
) -> None:
    """As after any other failure, until nothing has got through for too long."""
    server.fail_next(100, status=429, headers=fields or {"X": "y"})
    times = times_of(server)
    policy = RetryPolicy(attempts=1, wait_initial=4, wait_max=30, wait_jitter=0, max_rate_limit_wait=60)
    async with client_of(server, retry=policy) as client:
        with pytest.raises(RateLimitError):
            await client.list_session_traces(SESSION)
    for wait, least in zip(waits_of(times), (4, 8, 16, 30, 30), strict=True):
        assert least <= wait < least + 2


async def test_in_a_window_that_ends_too_late_the_refusal_is_the_servers_own() -> None:
    """One request goes through and brings it; nobody waits for five minutes."""
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


async def test_where_the_window_ends_too_late_only_one_request_finds_out() -> None:
    """Its refusal says how long it takes, and that goes for the others too: nothing more is sent."""
    async with FakeTracesServer(quota=Quota(requests=1, seconds=300)) as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        await client.list_session_traces(SESSION)
        server.latency = 1
        calls = [client.list_session_traces(SESSION) for _ in range(5)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(error, RateLimitError) for error in errors)
        assert [request.status for request in server.requests] == [200, 429]
        assert [error.attempts for error in errors if isinstance(error, RateLimitError)] == [1] + [None] * 4


async def test_told_to_wait_for_too_long_it_sends_nothing_meanwhile(server: FakeTracesServer) -> None:
    """One request for 2,000 sessions, not 2,000; each of them fails, and its error says how long it is still."""
    server.fail_next(1, status=429, headers={"Retry-After": "300"})
    ids = sessions(server, 2000, 1)
    begin = now()
    async with client_of(server) as client:
        async with client.stream_sessions(ids) as stream:
            errors = [session.error async for session in stream]
        assert len(server.requests) == client.stats.requests == client.stats.rate_limited == 1
        assert len(errors) == 2000
        for error in errors:
            assert isinstance(error, RateLimitError)
            assert error.retry_after is not None
            assert error.retry_after == pytest.approx(300, abs=10)
        await asyncio.sleep(begin + 170 - now())
        with pytest.raises(RateLimitError, match="nothing was sent") as caught:
            await client.list_session_traces(SESSION)
        assert caught.value.retry_after is not None
        assert 120 < caught.value.retry_after < 132
        await asyncio.sleep(20)  # now it takes less than the 120 s that a request may wait
        assert len(await client.list_session_traces(SESSION)) == 5
        assert len(server.requests) == 2
        assert now() - begin >= 300


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("seed", range(3))
async def test_beside_a_stranger_it_meets_one_batch_of_429_a_window(concurrency: int, seed: int) -> None:
    """Whatever the stranger takes, and nothing is lost over it."""
    rng = random.Random(seed)
    opened = refused = 0
    batches: list[int] = []

    async with (
        FakeTracesServer(quota=Quota(requests=30, seconds=60)) as server,
        client_of(server, max_concurrency=concurrency, retry=RetryPolicy(max_rate_limit_wait=1e6)) as client,
    ):
        ids = sessions(server, 10, 13)
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
    """Also where it was so before the first request."""
    async with FakeTracesServer() as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        server.spend_quota(100)
        begin = now()
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(20)))
        assert 55 <= now() - begin < 65
        assert [request.status for request in server.requests] == [429] + [200] * 20


async def test_the_time_held_back_is_counted_once_for_all() -> None:
    """In seconds of the wall clock, while it runs and afterwards."""
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
    """Once for each window, however many requests are held back."""
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


async def test_a_limit_of_the_trace_store_slows_everything_down(server: FakeTracesServer) -> None:
    """The service then answers 502, and says 429 in its message."""
    server.fail_next(status=502, message="Langfuse request failed (429)")
    times = times_of(server)
    async with client_of(server, retry=RetryPolicy(wait_initial=0, wait_jitter=0)) as client:
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(4)))
    assert waits_of(times)[0] >= 4


@pytest.mark.parametrize("fields", [{}, {"Retry-After": "0.001"}])
async def test_without_any_back_off_a_429_still_has_an_end(server: FakeTracesServer, fields: dict[str, str]) -> None:
    """In time and in requests, for all that wait: where the server says nothing, or nothing of use."""
    server.fail_next(500, status=429, headers=fields or {"X": "y"})
    policy = RetryPolicy(wait_initial=0, wait_jitter=0, max_rate_limit_wait=60)
    begin = now()
    async with client_of(server, retry=policy) as client:
        calls = [client.list_session_traces(SESSION) for _ in range(20)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, RateLimitError) for error in errors)
    assert 60 < now() - begin < 70
    assert len(server.requests) <= 63


async def test_a_server_that_refuses_for_ever_is_asked_few_times(server: FakeTracesServer) -> None:
    """One request finds out after each wait, and in the end those that have waited for as long give up with it."""
    server.fail_next(500, status=429)
    begin = now()
    async with client_of(server) as client:
        calls = [client.list_session_traces(SESSION) for _ in range(50)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, RateLimitError) for error in errors)
    assert 120 < now() - begin < 145
    assert len(server.requests) < 20


async def test_one_page_that_is_refused_for_ever_does_not_hold_a_stream_up_for_ever(server: FakeTracesServer) -> None:
    """While other sessions get through it is tried again some twenty times, and fails; the others are all read."""
    ids = sessions(server, 400, 1)

    def refuse_one(request: RecordedRequest) -> None:
        if ids[3] in request.path:
            server.fail_next(status=429, headers={"Retry-After": "0.5"})

    server.on_request = refuse_one
    async with client_of(server, retry=RetryPolicy(wait_jitter=0)) as client, client.stream_sessions(ids) as stream:
        failed = [session.session_id async for session in stream if session.error is not None]
    assert failed == [ids[3]]
    assert sum(ids[3] in request.path for request in server.requests) <= 42
