"""The service also answers 401 when it cannot look up a good key: after the key was accepted once, a 401 is retried."""

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


async def test_a_401_before_any_accepted_answer_ends_the_call_at_once(server: FakeTracesServer) -> None:
    """The key is most likely wrong, so no 401 is retried until the service has accepted the key."""
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
    """Once an answer has shown that the key is good, a 401 is retried like a 502."""
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
    """A proxy may give such an answer, or the service before it looks at the key."""
    first = keeping(answer(b"{}", status=status))
    retry = RetryPolicy(attempts=1)
    async with RawServer(first, REFUSED) as raw, client_of(raw, retry=retry) as client:
        with pytest.raises((PermissionDeniedError, ServerError)):
            await client.list_session_traces(SESSION)
        with pytest.raises(AuthenticationError, match="LYZR_API_KEY"):
            await client.with_options(retry=AT_ONCE).list_session_traces(SESSION)
        assert len(raw.heads) == 2


async def test_a_revoked_key_is_an_error_after_all_attempts(server: FakeTracesServer) -> None:
    """The error says that the key was accepted before."""
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
        server.fail_next(100, status=401)
        with pytest.raises(AuthenticationError, match="accepted before") as caught:
            await client.list_session_traces(SESSION)
    assert len(server.requests) - 1 == caught.value.attempts == 3


async def test_a_401_of_a_request_that_was_sent_before_the_key_was_accepted_is_tried_again() -> None:
    """The client decides by what it knows when the 401 arrives."""
    refused = 0

    async def play(exchange: Exchange) -> None:
        nonlocal refused
        if exchange.page == 1:  # ends the wait of the others, and tells nothing of the key
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


async def test_a_client_with_other_options_knows_that_the_key_is_good(server: FakeTracesServer) -> None:
    """It does not matter which of the two clients got the accepted answer."""
    async with client_of(server, retry=RetryPolicy(attempts=1)) as client:
        patient = client.with_options(retry=AT_ONCE)
        await client.list_session_traces(SESSION)
        server.fail_next(2, status=401)
        assert len(await patient.list_session_traces(SESSION)) == 5


async def read(client: TracesClient, ids: list[str]) -> list[str]:
    async with client.stream_sessions(ids) as sessions:
        return [session.session_id async for session in sessions if session.error is None]


def each_once(server: FakeTracesServer) -> Callable[[RecordedRequest], None]:
    """Return a hook that refuses the first request of every session except the first session."""
    asked: set[str] = set()

    def hook(request: RecordedRequest) -> None:
        session_id = request.path.rpartition("/")[2]
        if session_id not in asked and asked:
            server.fail_next(status=401, session_id=session_id)
        asked.add(session_id)

    return hook


async def test_a_stream_survives_passing_401s(server: FakeTracesServer) -> None:
    """Every session except the first is refused once, and all sessions come."""
    ids = [f"{number:08x}-5717-4562-b3fc-2c963f66afa6" for number in range(30)]
    for each in ids:
        server.add_session(each, 3)
    server.on_request = each_once(server)
    async with client_of(server) as client:
        assert sorted(await read(client, ids)) == ids
    statuses = [request.status for request in server.requests]
    assert (statuses.count(200), statuses.count(401)) == (30, 29)


async def test_a_stream_ends_at_once_if_the_key_was_never_accepted(server: FakeTracesServer) -> None:
    """Every other session would fail too, so the stream asks for no session twice."""
    server.fail_next(100, status=401)
    async with client_of(server) as client:
        with pytest.raises(AuthenticationError) as caught:
            await read(client, [SESSION] * 20)
        assert (caught.value.attempts, client.stats.retries) == (1, 0)


async def test_a_stream_ends_if_the_key_is_no_longer_accepted(server: FakeTracesServer) -> None:
    """The stream ends after all attempts at one page have failed."""
    async with client_of(server, max_concurrency=1) as client:
        await client.list_session_traces(SESSION)
        server.fail_next(100, status=401)
        with pytest.raises(AuthenticationError) as caught:
            await read(client, [SESSION] * 20)
    assert caught.value.attempts == 3


async def test_a_wrong_key_is_an_error_after_one_request() -> None:
    """The fake service itself refuses the key."""
    async with FakeTracesServer(api_key="another", quota=None) as server, client_of(server) as client:
        server.add_session(SESSION, 1)
        for session_id in (SESSION, UNKNOWN):
            with pytest.raises(AuthenticationError, match="Invalid x-api-key"):
                await client.list_session_traces(session_id)
        assert len(server.requests) == 2
