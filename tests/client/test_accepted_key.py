"""The service says 401 also where it can't look up a good key: then it passes, once the key is known to be good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lyzr_traces_async import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    RetryPolicy,
    ServerError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.clients import AT_ONCE, SESSION
from tests.helpers.raw_server import Exchange, RawServer, answer, healthy, keeping, page_body

UNKNOWN = "00000000-0000-4000-8000-000000000000"
REFUSED = keeping(answer(b'{"error": "Invalid x-api-key"}', status=401))


def client_of(server: FakeTracesServer | RawServer, **settings: Any) -> TracesClient:
    return TracesClient("test-key", base_url=server.base_url, **{"retry": AT_ONCE, **settings})


async def test_the_first_answers_401_ends_the_call_at_once(server: FakeTracesServer) -> None:
    """The key is most likely wrong; so are all that follow until one is accepted."""
    server.fail_next(2, status=401)
    async with client_of(server) as client:
        for _ in range(2):
            with pytest.raises(AuthenticationError, match="LYZR_API_KEY") as caught:
                await client.list_session_traces(SESSION)
            assert caught.value.attempts == 1
        assert len(await client.list_session_traces(SESSION)) == 5
    assert [request.status for request in server.requests] == [401, 401, 200]


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (answer(page_body()), None),
        (answer(b"{}", status=400), BadRequestError),
        (answer(b"", status=404), NotFoundError),
    ],
    ids=["200", "400", "404"],
)
async def test_after_an_answer_that_needs_a_good_key_a_401_is_tried_again(
    first: bytes, kind: type[APIStatusError] | None
) -> None:
    """Like a 502."""
    async with RawServer(keeping(first), REFUSED, REFUSED, healthy) as raw, client_of(raw) as client:
        if kind is None:
            await client.list_session_traces(SESSION)
        else:
            with pytest.raises(kind):
                await client.list_session_traces(SESSION)
        assert not await client.list_session_traces(SESSION)
        assert len(raw.heads) == 4
        assert client.stats.retries == 2


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_an_answer_that_needs_no_good_key_changes_nothing(status: int) -> None:
    """A proxy gives it, or the service before it has looked at the key."""
    first = keeping(answer(b"{}", status=status))
    retry = RetryPolicy(attempts=1)
    async with RawServer(first, REFUSED) as raw, client_of(raw, retry=retry) as client:
        with pytest.raises((PermissionDeniedError, ServerError)):
            await client.list_session_traces(SESSION)
        with pytest.raises(AuthenticationError, match="LYZR_API_KEY"):
            await client.with_options(retry=AT_ONCE).list_session_traces(SESSION)
        assert len(raw.heads) == 2


async def test_a_key_that_was_revoked_is_told_after_all_attempts(server: FakeTracesServer) -> None:
    """It was good before, which the error says."""
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
        server.fail_next(100, status=401)
        with pytest.raises(AuthenticationError, match="accepted before") as caught:
            await client.list_session_traces(SESSION)
    assert len(server.requests) - 1 == caught.value.attempts == 3


async def test_a_401_of_a_request_that_was_sent_before_the_key_was_accepted_is_tried_again() -> None:
    """What counts is what is known when it comes."""
    refused = 0

    async def play(exchange: Exchange) -> None:
        nonlocal refused
        if exchange.page == 1:  # lets the others go at once, and says nothing of the key
            exchange.answer(b"{}", status=403)
        elif exchange.page == 2 and not refused:
            await asyncio.sleep(5)
            refused += 1
            exchange.answer(b"{}", status=401)
        else:
            exchange.answer()

    async with RawServer(play, rows=30) as server, client_of(server) as client:
        with pytest.raises(PermissionDeniedError):
            await client.list_session_traces(SESSION, page=1, limit=10)
        pages = await asyncio.gather(*(client.list_session_traces(SESSION, page=n, limit=10) for n in (2, 3)))
        assert [len(each) for each in pages] == [10, 10]
        assert [page for page, _ in server.asked] == [1, 2, 3, 2]


async def test_a_client_with_other_options_knows_of_it_too(server: FakeTracesServer) -> None:
    """Whoever of the two was answered."""
    async with client_of(server, retry=RetryPolicy(attempts=1)) as client:
        patient = client.with_options(retry=AT_ONCE)
        await client.list_session_traces(SESSION)
        server.fail_next(2, status=401)
        assert len(await patient.list_session_traces(SESSION)) == 5


async def read(client: TracesClient, ids: list[str]) -> list[str]:
    async with client.stream_sessions(ids) as sessions:
        return [session.session_id async for session in sessions if session.error is None]


def each_once(server: FakeTracesServer) -> Callable[[RecordedRequest], None]:
    """Return a hook that lets the first request of every session but the first be refused."""
    asked: set[str] = set()

    def hook(request: RecordedRequest) -> None:
        session_id = request.path.rpartition("/")[2]
        if session_id not in asked and asked:
            server.fail_next(status=401, session_id=session_id)
        asked.add(session_id)

    return hook


async def test_a_stream_survives_a_key_service_that_stumbles(server: FakeTracesServer) -> None:
    """Every session but the first is refused once; all come."""
    ids = [f"{number:08x}-5717-4562-b3fc-2c963f66afa6" for number in range(30)]
    for each in ids:
        server.add_session(each, 3)
    server.on_request = each_once(server)
    async with client_of(server) as client:
        assert sorted(await read(client, ids)) == ids
    statuses = [request.status for request in server.requests]
    assert (statuses.count(200), statuses.count(401)) == (30, 29)


async def test_a_stream_ends_at_once_where_the_key_was_never_accepted(server: FakeTracesServer) -> None:
    """No session would fare better, and none is asked for twice."""
    server.fail_next(100, status=401)
    async with client_of(server) as client:
        with pytest.raises(AuthenticationError) as caught:
            await read(client, [SESSION] * 20)
        assert (caught.value.attempts, client.stats.retries) == (1, 0)


async def test_a_stream_ends_where_a_key_is_not_accepted_any_more(server: FakeTracesServer) -> None:
    """When all attempts at one page have failed."""
    async with client_of(server, max_concurrency=1) as client:
        await client.list_session_traces(SESSION)
        server.fail_next(100, status=401)
        with pytest.raises(AuthenticationError) as caught:
            await read(client, [SESSION] * 20)
    assert caught.value.attempts == 3


async def test_the_wrong_key_is_told_after_one_request() -> None:
    """By the service itself."""
    async with FakeTracesServer(api_key="another", quota=None) as server, client_of(server) as client:
        server.add_session(SESSION, 1)
        for session_id in (SESSION, UNKNOWN):
            with pytest.raises(AuthenticationError, match="Invalid x-api-key"):
                await client.list_session_traces(session_id)
        assert len(server.requests) == 2
