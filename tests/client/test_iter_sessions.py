"""The list of sessions, from the fake server over real sockets, and as input of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from lyzr_traces_async import (
    APIConnectionError,
    AuthenticationError,
    ClientClosedError,
    InvalidArgumentError,
    PaginationError,
    RetryPolicy,
    SessionInfo,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer, Quota

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


async def test_sessions_come_in_the_order_in_which_they_ended(service: FakeTracesServer, client: TracesClient) -> None:
    """Each session comes once, without its heavy fields, with the fewest requests."""
    added = service.add_transcripts(450)
    found = [session async for session in client.iter_sessions()]
    assert found == sorted(added, key=lambda session: session.ended_at)
    assert [session.ended_at for session in found] == sorted(session.ended_at for session in added)
    assert [(request.query["offset"], request.query["limit"]) for request in service.requests] == [
        ("0", "200"),
        ("199", "200"),
        ("398", "200"),
    ]
    assert {request.path for request in service.requests} == {"/v1/transcripts"}
    assert not {"chatHistory", "sessionReport"} & set(found[0].extra)


async def test_sessions_go_into_the_stream_as_they_are(service: FakeTracesServer, client: TracesClient) -> None:
    """Sessions without traces fail one by one."""
    service.add_session(SESSION, traces=3)
    (other,) = service.add_transcripts(1)
    async with client.stream_sessions(client.iter_sessions()) as sessions:
        results = {session.session_id: session.error and type(session.error).__name__ async for session in sessions}
    assert results == {SESSION: None, other.session_id: "NotFoundError"}


async def test_sessions_are_filtered_by_the_service(service: FakeTracesServer, client: TracesClient) -> None:
    """The filters are the agent and the moment of the end, both bounds included."""
    added = sorted(service.add_transcripts(20), key=lambda session: session.ended_at)
    service.add_transcripts(5, agent_id="agent/é ?&=")
    begin, end = added[3].ended_at, added[16].ended_at
    elsewhere = timezone(timedelta(hours=-7))
    found = [session async for session in client.iter_sessions(since=begin.astimezone(elsewhere), until=end)]
    assert {session.session_id for session in added[3:17]} <= {session.session_id for session in found}
    assert all(begin <= session.ended_at <= end for session in found)
    assert len([session async for session in client.iter_sessions(agent_id="agent/é ?&=")]) == 5
    assert service.requests[-1].query["agentId"] == "agent/é ?&="


async def test_a_date_is_its_first_moment_in_utc(service: FakeTracesServer, client: TracesClient) -> None:
    """The request carries the full moment, so that the service need not guess the time zone."""
    async for _ in client.iter_sessions(since=date(2026, 3, 1), until=datetime(2026, 3, 2, 1, 2, 3, 4, UTC)):
        pass
    query = service.requests[0].query
    assert (query["from"], query["to"]) == ("2026-03-01T00:00:00.000Z", "2026-03-02T01:02:03.000004Z")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"since": datetime(2026, 3, 1)}, "since must be a date, or a datetime with a time zone"),  # noqa: DTZ001
        ({"until": "2026-03-01"}, "until must be a date"),
        ({"since": 4}, "since must be a date"),
        ({"since": date(2026, 3, 2), "until": date(2026, 3, 1)}, "since is later than until"),
        ({"until": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, "until is out of range in UTC"),
        ({"agent_id": ""}, "agent_id must be a string of 1 to 256 characters"),
        ({"agent_id": 4}, "agent_id must be a string"),
        ({"agent_id": "x" * 257}, "agent_id must be a string"),
        ({"agent_id": "\ud83d"}, "agent_id contains half of a surrogate pair"),
    ],
)
def test_malformed_arguments_are_refused_at_the_call(arguments: dict[str, Any], said: str) -> None:
    """They are refused before the first step, and without an event loop."""
    with pytest.raises(InvalidArgumentError, match=said):
        TracesClient("key").iter_sessions(**arguments)


async def test_a_part_beyond_the_cap_on_bodies_is_asked_for_in_smaller_ones(
    service: FakeTracesServer, client: TracesClient
) -> None:
    """16 MiB of chat do not stop the list."""
    added = service.add_transcripts(60, chat_bytes=400_000)
    assert [session async for session in client.iter_sessions()] == sorted(added, key=lambda one: one.ended_at)
    assert [request.query["limit"] for request in service.requests][:3] == ["200", "100", "50"]


async def test_a_failure_comes_after_the_sessions_before_it(service: FakeTracesServer, client: TracesClient) -> None:
    """The walk can be resumed from the last session that came."""
    added = sorted(service.add_transcripts(300), key=lambda session: session.ended_at)
    once = client.with_options(retry=RetryPolicy(attempts=1))
    service.on_request = lambda request: service.fail_next(status=500) if request.query["offset"] != "0" else None
    found: list[SessionInfo] = []
    with pytest.raises(Exception, match="HTTP 500") as caught:
        async for session in once.iter_sessions():
            found.append(session)  # noqa: PERF401 - it ends with an error
    assert found == added[:200]
    assert (caught.value.session_id, caught.value.attempts) == (None, 1)  # type: ignore[attr-defined]
    service.on_request = None
    found += [session async for session in client.iter_sessions(since=found[-1].ended_at)]
    assert list(dict.fromkeys(found)) == added


async def test_failures_are_tried_again(service: FakeTracesServer, client: TracesClient) -> None:
    """The policy is the one for pages of traces."""
    service.add_transcripts(3)
    service.fail_next(1, status=502)
    service.fail_next(1, truncate=True)
    assert len([session async for session in client.iter_sessions()]) == 3
    assert client.stats.retries == 2


async def test_the_list_keeps_within_the_quota() -> None:
    """A client alone at its address is never refused."""
    async with FakeTracesServer(quota=Quota(requests=2, seconds=10)) as server:
        server.add_transcripts(1000)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert len([session async for session in client.iter_sessions()]) == 1000
            assert client.stats.rate_limited == 0
            assert client.stats.seconds_paced > 15


async def test_an_answer_from_another_place_is_refused(service: FakeTracesServer, client: TracesClient) -> None:
    """Sessions in between would be missed."""
    service.fail_next(1, body=b'{"items": [], "total": 9, "limit": 200, "offset": 7, "nextOffset": null}')
    with pytest.raises(PaginationError, match="asked for sessions from 0 on, the answer is from 7 on"):
        await anext(client.iter_sessions())


async def test_a_wrong_key_ends_it_at_once(service: FakeTracesServer) -> None:
    """This also holds if the list feeds a stream."""
    async with TracesClient("wrong", base_url=service.base_url) as client:
        with pytest.raises(AuthenticationError):
            await anext(client.iter_sessions())
        with pytest.raises(AuthenticationError):
            async with client.stream_sessions(client.iter_sessions()) as sessions:
                await anext(sessions)


async def test_a_closed_client_lists_nothing(service: FakeTracesServer, client: TracesClient) -> None:
    """Neither a new list nor one under way goes on."""
    service.add_transcripts(300)
    listing = client.iter_sessions()
    await anext(listing)
    service.latency = 1000
    rest = asyncio.ensure_future(_rest_of(listing))
    while len(service.requests) < 2:
        await asyncio.sleep(0.01)
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await rest
    with pytest.raises(ClientClosedError):
        client.iter_sessions()


async def _rest_of(listing: AsyncIterator[SessionInfo]) -> list[SessionInfo]:
    return [session async for session in listing]


async def test_a_client_without_a_server_says_so() -> None:
    """The error is that of every other call."""
    async with TracesClient("key", base_url="http://127.0.0.1:9", retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(APIConnectionError):
            await anext(client.iter_sessions())
