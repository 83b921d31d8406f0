"""The aiohttp session that a caller passes in, and the cookies of the client's own session."""

from __future__ import annotations

import warnings
from typing import Any

import aiohttp
import pytest

from lyzr_traces_async import (
    APIConnectionError,
    ClientClosedError,
    NotFoundError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import (
    SESSION,
    client_of,
)


async def test_a_callers_session_is_used_and_left_as_it_was(server: FakeTracesServer) -> None:
    """Its own header fields go out too; the key does not stay in it, and it is still open in the end."""
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}, cookies={"mine": "2"}) as session:
        async with client_of(server, session=session) as client:
            await client.list_session_traces(SESSION)
        assert not session.closed
        assert dict(session.headers) == {"X-Mine": "1"}
        assert [(cookie.key, cookie.value) for cookie in session.cookie_jar] == [("mine", "2")]
        async with session.get(server.base_url):
            pass
    assert [request.headers.get("X-Mine") for request in server.requests] == ["1", "1"]
    assert [request.headers.get("x-api-key") for request in server.requests] == [server.api_key, None]


async def test_a_callers_own_settings_do_not_apply(server: FakeTracesServer) -> None:
    """Its time-out, its way with statuses and its middlewares are for its other requests."""

    async def refuse(request: aiohttp.ClientRequest, _: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        raise AssertionError(f"called for {request.url}")

    timeout = aiohttp.ClientTimeout(total=1)
    async with (
        aiohttp.ClientSession(timeout=timeout, raise_for_status=True, middlewares=[refuse]) as session,
        client_of(server, session=session) as client,
    ):
        server.fail_next(stall=20)
        server.fail_next(status=500)
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
    assert [request.status for request in server.requests] == [200, 500, 200]


async def test_a_callers_session_that_is_closed_is_an_error(server: FakeTracesServer) -> None:
    """At the next call, without a retry."""
    async with aiohttp.ClientSession() as session:
        client = client_of(server, session=session)
    with pytest.raises(ClientClosedError, match="session that the client was given is closed") as caught:
        await client.list_session_traces(SESSION)
    assert (caught.value.session_id, caught.value.page) == (SESSION, None)
    await client.aclose()


async def test_a_callers_session_that_cannot_make_the_request_is_an_error(server: FakeTracesServer) -> None:
    """Such as one with two kinds of authorization: another attempt would not help."""
    settings: dict[str, Any] = {"headers": {"Authorization": "other"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions of aiohttp advise against it
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("me", "secret"), **settings)
    async with session, client_of(server, session=session) as client:
        with pytest.raises(APIConnectionError, match="ValueError: Cannot combine AUTHORIZATION header") as caught:
            await client.list_session_traces(SESSION)
    assert type(caught.value.__cause__) is ValueError
    assert caught.value.attempts == 1
    assert not server.requests


async def test_a_status_is_an_error_of_ours_also_where_the_session_raises_its_own(server: FakeTracesServer) -> None:
    """What is known of an answer is not lost to the session's way with statuses."""
    async with aiohttp.ClientSession(raise_for_status=True) as session, client_of(server, session=session) as client:
        with pytest.raises(NotFoundError, match="Trace session not found"):
            await client.list_session_traces("00000000-0000-4000-8000-000000000000")
    assert len(server.requests) == 1


async def test_a_session_that_can_make_no_request_is_an_error_of_ours(server: FakeTracesServer) -> None:
    """As one with a header field that is no text: the client's own would do."""
    async with (
        aiohttp.ClientSession(headers={"X-Number": 1}) as session,  # type: ignore[arg-type]
        client_of(server, session=session) as client,
    ):
        with pytest.raises(APIConnectionError, match=r"no complete answer: TypeError: .*non-str") as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.attempts == 1


async def test_no_cookies_are_kept(server: FakeTracesServer) -> None:
    """The client's own session sends none that a server has set. Those of an IP address no jar would keep."""
    server.fail_next(headers={"Set-Cookie": "a=b"})
    async with TracesClient(server.api_key, base_url=server.base_url.replace("127.0.0.1", "localhost")) as client:
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
    assert [request.headers.get("Cookie") for request in server.requests] == [None, None]
