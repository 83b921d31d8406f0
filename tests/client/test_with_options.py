"""A client with other options shares everything else with the client it was made from."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lyzr_traces_async import (
    APITimeoutError,
    ClientClosedError,
    InvalidArgumentError,
    RetryPolicy,
    ServerError,
    TracesClient,
    WrongEventLoopError,
)
from lyzr_traces_async.testing import FakeTracesServer, Quota
from tests.helpers.clients import SESSION, client_of

ONCE = RetryPolicy(attempts=1)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_an_interactive_call_fails_soon_beside_a_patient_one(server: FakeTracesServer) -> None:
    """Both ask the same stalled server, each with its own timeout."""
    server.latency = 30
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
        patient = asyncio.ensure_future(client.list_session_traces(SESSION))
        begin = now()
        with pytest.raises(APITimeoutError, match="within 5 s") as caught:
            await client.with_options(timeout=5, retry=ONCE).list_session_traces(SESSION)
        assert 5 <= now() - begin < 8
        assert caught.value.attempts == 1
        assert len(await patient) == 5


async def test_another_retry_policy_is_for_its_own_calls_alone(server: FakeTracesServer) -> None:
    """The first client keeps its own policy."""
    async with client_of(server, retry=RetryPolicy(attempts=4, wait_initial=0, wait_jitter=0)) as client:
        hurried = client.with_options(retry=ONCE)
        server.fail_next(status=500)
        with pytest.raises(ServerError):
            await hurried.list_session_traces(SESSION)
        server.fail_next(3, status=500)
        assert len(await client.list_session_traces(SESSION)) == 5


async def test_an_option_that_is_not_given_is_inherited(server: FakeTracesServer) -> None:
    """It is inherited from the client the method is called on, which may have been made in the same way."""
    server.latency = 10
    async with client_of(server, timeout=60, retry=ONCE) as client:
        twice = client.with_options(timeout=5).with_options(
            retry=RetryPolicy(attempts=2, wait_initial=0, wait_jitter=0)
        )
        with pytest.raises(APITimeoutError, match="within 5 s") as caught:
            await twice.list_session_traces(SESSION)
        assert caught.value.attempts == 2
        with pytest.raises(APITimeoutError, match="within 5 s") as caught:
            await client.with_options(timeout=5).list_session_traces(SESSION)
        assert caught.value.attempts == 1
        assert len(await client.with_options().list_session_traces(SESSION)) == 5


async def test_both_are_counted_as_one(server: FakeTracesServer) -> None:
    """The statistics of both clients count the requests of both."""
    async with client_of(server) as client:
        other = client.with_options(timeout=5)
        await client.list_session_traces(SESSION)
        await other.list_session_traces(SESSION)
        assert client.stats == other.stats
        assert client.stats.requests == 2


async def test_both_are_held_back_by_one_quota() -> None:
    """Neither gets a 429 for the requests of the other."""
    async with FakeTracesServer(quota=Quota(requests=4, seconds=60)) as server, client_of(server) as client:
        server.add_session(SESSION, 5)
        other = client.with_options(timeout=5)
        begin = now()
        await asyncio.gather(*(each.list_session_traces(SESSION) for each in (client, other) * 4))
        assert 60 <= now() - begin < 65
        assert {request.status for request in server.requests} == {200}


async def test_both_share_the_requests_in_flight(server: FakeTracesServer) -> None:
    """``max_concurrency`` holds over both."""
    async with client_of(server, max_concurrency=2) as client:
        await client.list_session_traces(SESSION)
        server.latency = 10
        begin = now()
        await asyncio.gather(*(each.list_session_traces(SESSION) for each in (client, client.with_options()) * 2))
        assert 20 <= now() - begin < 29


async def test_walks_and_streams_go_by_the_options(server: FakeTracesServer) -> None:
    """The options do not only hold for single pages."""
    async with client_of(server) as client:
        hurried = client.with_options(retry=ONCE)
        server.fail_next(2, status=500)
        with pytest.raises(ServerError):
            _ = [trace async for trace in hurried.iter_session_traces(SESSION)]
        async with hurried.stream_sessions([SESSION]) as sessions:
            [session] = [session async for session in sessions]
        assert isinstance(session.error, ServerError)
        assert client.stats.retries == 0


@pytest.mark.parametrize("which", [0, 1], ids=["the client", "the other"])
async def test_closing_either_closes_both(server: FakeTracesServer, which: int) -> None:
    """Calls of both that are under way end."""
    server.latency = 100
    client = client_of(server, timeout=200)
    pair = client, client.with_options(timeout=300)
    calls = [asyncio.ensure_future(each.list_session_traces(SESSION)) for each in pair]
    await asyncio.sleep(1)
    await pair[which].aclose()
    for call in calls:
        with pytest.raises(ClientClosedError):
            await call
    for each in pair:
        with pytest.raises(ClientClosedError):
            await each.list_session_traces(SESSION)
        with pytest.raises(ClientClosedError):
            each.with_options()
        await each.aclose()


async def test_a_client_with_options_can_be_used_in_an_async_with(server: FakeTracesServer) -> None:
    """Both clients are closed at the end of the block."""
    client = client_of(server)
    async with client.with_options(timeout=5) as other:
        assert len(await other.list_session_traces(SESSION)) == 5
    with pytest.raises(ClientClosedError):
        await client.list_session_traces(SESSION)


async def test_both_belong_to_the_event_loop_of_the_first_request(server: FakeTracesServer) -> None:
    """It does not matter which of them made that request."""
    async with client_of(server) as client:
        await client.with_options(timeout=5).list_session_traces(SESSION)
        with pytest.raises(WrongEventLoopError):
            await asyncio.to_thread(asyncio.run, client.list_session_traces(SESSION))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"timeout": 0}, "timeout must be a number of seconds > 0, not 0"),
        ({"timeout": -1.5}, "timeout must be a number of seconds > 0"),
        ({"timeout": "5"}, "timeout must be a number of seconds > 0, not '5'"),
        ({"timeout": True}, "timeout must be a number of seconds > 0"),
        ({"timeout": float("inf")}, "timeout must be a number of seconds > 0"),
        ({"retry": 3}, "retry must be a RetryPolicy, not int"),
        ({"retry": RetryPolicy}, "retry must be a RetryPolicy, not type"),
    ],
)
def test_options_are_checked_as_the_constructors_arguments_are(options: Any, complaint: str) -> None:
    """The texts of the errors are the same."""
    with pytest.raises(InvalidArgumentError) as later:
        TracesClient("key").with_options(**options)
    with pytest.raises(InvalidArgumentError) as before:
        TracesClient("key", **options)
    assert complaint in str(later.value)
    assert str(later.value) == str(before.value)


def test_a_subclass_with_options_stays_a_subclass() -> None:
    """It keeps its own attributes."""

    class Named(TracesClient):
        def __init__(self, name: str) -> None:
            super().__init__("key")
            self.name = name

    other = Named("nightly").with_options(timeout=5)
    assert isinstance(other, Named)
    assert other.name == "nightly"
    assert repr(other) == repr(TracesClient("key"))
