"""The quota of the fake server: a fixed window, and the header fields about it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import http_sf
import pytest

from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.testing import FakeTracesServer, Quota
from lyzr_traces_async.testing._quota import Window
from tests.testing.asking import SESSION


async def get(
    http: aiohttp.ClientSession, server: FakeTracesServer, session_id: str = SESSION, **headers: str
) -> aiohttp.ClientResponse:
    async with http.get(f"{server.base_url}/traces/session/{session_id}", headers=headers) as answer:
        await answer.read()
        return answer


def remaining(answer: aiohttp.ClientResponse) -> int:
    items: Any = http_sf.parse(answer.headers["RateLimit"].encode(), tltype="list")
    ((_, parameters),) = items
    return int(parameters["r"])


def test_a_window_is_fixed() -> None:
    """It opens with the first request after the previous window, and every request counts."""
    window = Window(Quota(2, 60))
    steps = [
        # now, allowed, remaining, reset
        (1000.0, True, 1, 60),
        (1000.5, True, 0, 60),
        (1001.5, False, 0, 59),
        (1059.5, False, 0, 1),
        (1060.0, True, 1, 60),
        (1190.25, True, 1, 60),
        (1250.0, True, 0, 1),
        (1250.25, True, 1, 60),
    ]
    for now, allowed, left, reset in steps:
        spent = window.spend(now)
        assert (now, spent.allowed, spent.remaining, spent.reset) == (now, allowed, left, reset)


@pytest.mark.parametrize("now", [0.1, 12345.678, 987654.321, 1e9 + 1 / 3])
def test_a_window_is_never_said_to_be_longer_than_it_is(now: float) -> None:
    """This holds at any reading of the clock, despite rounding."""
    assert Window(Quota(100, 60)).spend(now).reset == 60


@pytest.mark.parametrize(
    ("quota", "field", "policy"),
    [
        (Quota(100, 60), '"100-in-1min"; r=99; t=60', '"100-in-1min"; q=100; w=60; pk=:MTJjYTE3YjQ5YWYy:'),
        (Quota(5, 90), '"5-in-90s"; r=4; t=90', '"5-in-90s"; q=5; w=90; pk=:MTJjYTE3YjQ5YWYy:'),
        (Quota(1, 0.5), '"1-in-0.5s"; r=0; t=1', '"1-in-0.5s"; q=1; w=1; pk=:MTJjYTE3YjQ5YWYy:'),
        (Quota(10, 3600.0), '"10-in-60min"; r=9; t=3600', '"10-in-60min"; q=10; w=3600; pk=:MTJjYTE3YjQ5YWYy:'),
    ],
)
async def test_the_fields_are_structured_fields(
    http: aiohttp.ClientSession, quota: Quota, field: str, policy: str
) -> None:
    """They are spelled as by the service, have whole numbers for any quota, and parse as lists of RFC 9651."""
    async with FakeTracesServer(quota=quota) as server:
        answer = await get(http, server)
    assert answer.headers["RateLimit"] == field
    assert answer.headers["RateLimit-Policy"] == policy
    for text in (field, policy):
        items: Any = http_sf.parse(text.encode(), tltype="list")
        assert len(items) == 1


async def test_the_request_over_the_quota_gets_429(http: aiohttp.ClientSession) -> None:
    """It has a Retry-After, and a request after that time succeeds."""
    async with FakeTracesServer(quota=Quota(2, 60)) as server:
        server.add_session(SESSION, 1)
        assert [remaining(await get(http, server)) for _ in range(2)] == [1, 0]
        async with http.get(f"{server.base_url}/traces/session/{SESSION}") as refused:
            assert refused.status == 429
            assert await refused.json() == {"error": "Too many requests, please try again later."}
        assert remaining(refused) == 0
        wait = int(refused.headers["Retry-After"])
        assert f"t={wait}" in refused.headers["RateLimit"]
        assert 1 <= wait <= 60
        await asyncio.sleep(wait)
        served = await get(http, server)
        assert (served.status, remaining(served)) == (200, 1)
        assert "Retry-After" not in served.headers
        assert [request.status for request in server.requests] == [200, 200, 429, 200]


async def test_every_request_counts_whatever_its_answer(http: aiohttp.ClientSession) -> None:
    """Refused requests and ordered failures use the quota and report it. A wrong key after that gets 429."""
    async with FakeTracesServer(quota=Quota(5, 60)) as server:
        server.fail_next(status=502, page=1, session_id=SESSION)
        answers = [
            await get(http, server),
            await get(http, server),
            await get(http, server, session_id="x"),
            await get(http, server, **{"x-api-key": "wrong"}),
            await get(http, server, session_id="no/such/path"),
            await get(http, server, **{"x-api-key": "wrong"}),
        ]
    assert [answer.status for answer in answers] == [502, 404, 400, 401, 404, 429]
    assert [remaining(answer) for answer in answers] == [4, 3, 2, 1, 0, 0]


async def test_an_ordered_failure_takes_precedence_over_the_quota(http: aiohttp.ClientSession) -> None:
    """It has no Retry-After. A stall alone leaves the 429 as it is."""
    async with FakeTracesServer(quota=Quota(1, 600)) as server:
        server.spend_quota()
        server.fail_next(status=502)
        server.fail_next(stall=1)
        failed, refused = await get(http, server), await get(http, server)
    assert (failed.status, refused.status) == (502, 429)
    assert "Retry-After" not in failed.headers
    # The quota is checked when the request arrives, before the stall.
    assert "Retry-After" in refused.headers


async def test_other_clients_spend_the_same_quota(http: aiohttp.ClientSession) -> None:
    """Their requests may open the window, and may exceed the quota."""
    async with FakeTracesServer(quota=Quota(10, 60)) as server:
        server.add_session(SESSION, 1)
        server.spend_quota()
        assert remaining(await get(http, server)) == 8
        server.spend_quota(3)
        assert remaining(await get(http, server)) == 4
        server.spend_quota(1000)
        refused = await get(http, server)
        assert (refused.status, remaining(refused)) == (429, 0)
        assert len(server.requests) == 3


async def test_without_a_quota_there_are_no_fields_about_one(http: aiohttp.ClientSession) -> None:
    """More than 100 requests succeed."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION, 1)
        answers = [await get(http, server) for _ in range(102)]
        with pytest.raises(InvalidArgumentError, match="no quota to spend"):
            server.spend_quota()
    assert {answer.status for answer in answers} == {200}
    assert not {name.lower() for answer in answers for name in answer.headers} & {"ratelimit", "ratelimit-policy"}


async def test_the_default_quota_is_that_of_the_real_service(http: aiohttp.ClientSession) -> None:
    """It is 100 requests in 60 seconds."""
    async with FakeTracesServer() as server:
        assert (await get(http, server)).headers["RateLimit-Policy"].startswith('"100-in-1min"; q=100; w=60;')


async def test_a_server_started_again_has_a_new_window(http: aiohttp.ClientSession) -> None:
    """It keeps its sessions and forgets the spent quota."""
    server = FakeTracesServer(quota=Quota(1, 60))
    server.add_session(SESSION, 1)
    for _ in range(2):
        async with server:
            assert (await get(http, server)).status == 200


def test_the_quota_cannot_be_spent_before_the_server_runs() -> None:
    """The window uses the clock of the event loop, which a running server has."""
    with pytest.raises(RuntimeError, match="enter it with `async with`"):
        FakeTracesServer().spend_quota()
    with pytest.raises(InvalidArgumentError, match="n must be an integer >= 1, not 0"):
        FakeTracesServer().spend_quota(0)


@pytest.mark.parametrize(
    ("requests", "seconds", "text"),
    [
        (0, 60, "Quota: requests must be an integer from 1 to 999999999999999, not 0"),
        (True, 60, "requests must be an integer"),
        (1.5, 60, "requests must be an integer"),
        (10**15, 60, "requests must be an integer"),
        (100, 0, "Quota: seconds must be a number of seconds > 0, not 0"),
        (100, float("inf"), "Quota: seconds must be a number of seconds > 0"),
        (100, float("nan"), "seconds must be"),
        (100, True, "seconds must be"),
        (100, "60", "seconds must be"),
    ],
)
def test_a_quota_that_makes_no_sense_is_refused(requests: Any, seconds: Any, text: str) -> None:
    """Numbers must be positive, finite, and fit into a structured field."""
    with pytest.raises(InvalidArgumentError, match=text):
        Quota(requests, seconds)
