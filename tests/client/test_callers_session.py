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
    """The client sends the session's header fields, leaves no key in the session, and does not close it."""
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
    """The session's timeout, `raise_for_status` and middlewares do not affect the client's requests."""

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
    """The next call raises, without a retry."""
    async with aiohttp.ClientSession() as session:
        client = client_of(server, session=session)
    with pytest.raises(ClientClosedError, match="session that the client was given is closed") as caught:
        await client.list_session_traces(SESSION)
    assert (caught.value.session_id, caught.value.page) == (SESSION, None)
    await client.aclose()


async def test_a_session_with_two_kinds_of_authorization_is_an_error(server: FakeTracesServer) -> None:
    """The session cannot make the request, and another attempt would not help."""
    settings: dict[str, Any] = {"headers": {"Authorization": "other"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions of aiohttp warn of `auth`
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("me", "secret"), **settings)
    async with session, client_of(server, session=session) as client:
        with pytest.raises(APIConnectionError, match="ValueError: Cannot combine AUTHORIZATION header") as caught:
            await client.list_session_traces(SESSION)
    assert type(caught.value.__cause__) is ValueError
    assert caught.value.attempts == 1
    assert not server.requests


async def test_a_status_is_an_error_of_ours_even_if_the_session_raises_its_own(server: FakeTracesServer) -> None:
    """The details of the answer are kept although the session has `raise_for_status`."""
    async with aiohttp.ClientSession(raise_for_status=True) as session, client_of(server, session=session) as client:
        with pytest.raises(NotFoundError, match="Trace session not found"):
            await client.list_session_traces("00000000-0000-4000-8000-000000000000")
    assert len(server.requests) == 1


async def test_a_session_with_a_bad_header_field_is_an_error_of_ours(server: FakeTracesServer) -> None:
    """A header field of the session is not text."""
    async with (
        aiohttp.ClientSession(headers={"X-Number": 1}) as session,  # type: ignore[arg-type]
        client_of(server, session=session) as client,
    ):
        with pytest.raises(APIConnectionError, match=r"no complete answer: TypeError: .*non-str") as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.attempts == 1


async def test_no_cookies_are_kept(server: FakeTracesServer) -> None:
    """The client's own session sends no cookie that a server has set.

    The host is a name: no jar keeps cookies of IP addresses.
    """
    server.fail_next(headers={"Set-Cookie": "a=b"})
    async with TracesClient(server.api_key, base_url=server.base_url.replace("127.0.0.1", "localhost")) as client:
        await client.list_session_traces(SESSION)
        await client.list_session_traces(SESSION)
    assert [request.headers.get("Cookie") for request in server.requests] == [None, None]
