"""Refusals with 429: how long the client waits, and when it gives up."""

from __future__ import annotations

import asyncio

import pytest

from lyzr_traces_async import RateLimitError, RetryPolicy, ServerError
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.clients import (
    SESSION,
    client_of,
    now,
    sessions_of,
    times_of,
    waits_of,
)

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
    """The wait may be given in seconds, with a fraction, as a date by the server's clock, or by quota fields."""
    server.fail_next(status=429, headers=fields)
    times = times_of(server)
    async with client_of(server, retry=RetryPolicy(attempts=1)) as client:
        assert len(await client.list_session_traces(SESSION)) == 5
        assert client.stats.rate_limited == client.stats.retries == 1
        assert seconds - 0.5 < client.stats.seconds_paced < seconds + 2
    [wait] = waits_of(times)
    assert seconds <= wait < seconds + 2


async def test_a_429_holds_back_everything_the_client_does(server: FakeTracesServer) -> None:
    """The other requests get no 429 of their own."""
    server.fail_next(status=429, headers={"Retry-After": "50"})
    times = times_of(server)
    async with client_of(server) as client:
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(12)))
        assert client.stats.rate_limited == 1
    assert 50 <= waits_of(times)[0] < 55
    assert len(times) == 13


async def test_a_429_uses_up_no_attempt(server: FakeTracesServer) -> None:
    """A 429 is pacing and not a failure. Failures before and after it keep their own count."""
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


async def test_it_gives_up_at_once_if_the_wait_would_be_too_long(server: FakeTracesServer) -> None:
    """The error says how long the wait would be."""
    server.fail_next(status=429, headers={"Retry-After": "121"})
    begin = now()
    async with client_of(server) as client:
        with pytest.raises(RateLimitError) as caught:
            await client.list_session_traces(SESSION)
        assert client.stats.rate_limited == 1
    assert now() - begin < 5
    assert (caught.value.retry_after, caught.value.attempts, caught.value.status) == (121, 1, 429)


async def test_it_gives_up_if_nothing_gets_through_for_too_long(server: FakeTracesServer) -> None:
    """After three waits of 50 s nothing has got through for more than 120 s."""
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
async def test_a_429_with_a_useless_wait_is_followed_by_a_back_off(
    server: FakeTracesServer, fields: dict[str, str]
) -> None:
    """The back-off is that of failures, until nothing has got through for too long."""
    server.fail_next(100, status=429, headers=fields or {"X": "y"})
    times = times_of(server)
    policy = RetryPolicy(attempts=1, wait_initial=4, wait_max=30, wait_jitter=0, max_rate_limit_wait=60)
    async with client_of(server, retry=policy) as client:
        with pytest.raises(RateLimitError):
            await client.list_session_traces(SESSION)
    for wait, least in zip(waits_of(times), (4, 8, 16, 30, 30), strict=True):
        assert least <= wait < least + 2


async def test_it_sends_nothing_while_a_wait_that_is_too_long_runs(server: FakeTracesServer) -> None:
    """One request is sent for 500 sessions. Each session fails, and its error gives the rest of the wait."""
    server.fail_next(1, status=429, headers={"Retry-After": "300"})
    ids = sessions_of(server, 500, traces=1)
    begin = now()
    async with client_of(server) as client:
        async with client.stream_sessions(ids) as stream:
            errors = [session.error async for session in stream]
        assert len(server.requests) == client.stats.requests == client.stats.rate_limited == 1
        assert len(errors) == 500
        for error in errors:
            assert isinstance(error, RateLimitError)
            assert error.retry_after is not None
            assert error.retry_after == pytest.approx(300, abs=10)
        await asyncio.sleep(begin + 170 - now())
        with pytest.raises(RateLimitError, match="nothing was sent") as caught:
            await client.list_session_traces(SESSION)
        assert caught.value.retry_after is not None
        assert 120 < caught.value.retry_after < 132
        await asyncio.sleep(20)  # now the rest is less than the 120 s that a request may wait
        assert len(await client.list_session_traces(SESSION)) == 5
        assert len(server.requests) == 2
        assert now() - begin >= 300


async def test_a_limit_of_the_trace_store_slows_everything_down(server: FakeTracesServer) -> None:
    """The service then answers 502, with a 429 in its message."""
    server.fail_next(status=502, message="Langfuse request failed (429)")
    times = times_of(server)
    async with client_of(server, retry=RetryPolicy(wait_initial=0, wait_jitter=0)) as client:
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(4)))
    assert waits_of(times)[0] >= 4


@pytest.mark.parametrize("fields", [{}, {"Retry-After": "0.001"}])
async def test_without_any_back_off_a_429_still_has_an_end(server: FakeTracesServer, fields: dict[str, str]) -> None:
    """Time and number of requests are bounded for all callers if the server gives no wait, or a useless one."""
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
    """After each wait one request goes first. In the end all requests that have waited too long give up together."""
    server.fail_next(500, status=429)
    begin = now()
    async with client_of(server) as client:
        calls = [client.list_session_traces(SESSION) for _ in range(50)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, RateLimitError) for error in errors)
    assert 120 < now() - begin < 145
    assert len(server.requests) < 20


async def test_one_page_that_is_refused_for_ever_does_not_hold_a_stream_up_for_ever(server: FakeTracesServer) -> None:
    """It is retried some twenty times while other sessions get through, and then fails. All other sessions are read."""
    ids = sessions_of(server, 400, traces=1)

    def refuse_one(request: RecordedRequest) -> None:
        if ids[3] in request.path:
            server.fail_next(status=429, headers={"Retry-After": "0.5"})

    server.on_request = refuse_one
    async with client_of(server, retry=RetryPolicy(wait_jitter=0)) as client, client.stream_sessions(ids) as stream:
        failed = [session.session_id async for session in stream if session.error is not None]
    assert failed == [ids[3]]
    assert sum(ids[3] in request.path for request in server.requests) <= 42
