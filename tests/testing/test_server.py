"""The fake server's hook, latency, key and request ids."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.testing.asking import SESSION, get, ids


async def test_the_request_id_is_echoed(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """An answer to a request without an id gets a new one."""
    async with http.get(server.base_url, headers={"X-Request-Id": "mine"}) as answer:
        assert answer.headers["X-Request-Id"] == "mine"
    made = set()
    for _ in range(2):
        async with http.get(server.base_url) as answer:
            made.add(answer.headers["X-Request-Id"])
    assert len(made) == 2
    assert all(made)


async def test_the_hook_sees_a_request_before_its_answer_is_made(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """The request is recorded without a status, and changes made by the hook are in the answer."""
    server.add_session(SESSION, 1)
    seen: list[tuple[RecordedRequest, int | None]] = []

    def arrive(request: RecordedRequest) -> None:
        assert server.requests[-1] is request
        seen.append((request, request.status))
        server.add_traces(SESSION)

    server.on_request = arrive
    assert len(await ids(http, server)) == 2
    assert len(await ids(http, server)) == 3
    assert seen == [(request, None) for request in server.requests]


async def test_an_exception_of_the_hook_is_raised_at_the_end(http: aiohttp.ClientSession) -> None:
    """The client gets a 500, and the first exception of the hook leaves the block."""
    with pytest.raises(ZeroDivisionError, match="1"):
        async with FakeTracesServer() as server:
            server.add_session(SESSION, 1)

            def fail(_: RecordedRequest) -> None:
                raise ZeroDivisionError(len(server.requests))

            server.on_request = fail
            for _ in range(2):
                async with http.get(f"{server.base_url}/traces/session/{SESSION}") as answer:
                    assert answer.status == 500
                    assert "RateLimit" in answer.headers
                    assert await answer.json() == {"error": "Internal server error"}
            assert [request.status for request in server.requests] == [500, 500]
            raise LookupError("what came of it")


async def test_a_hook_that_fails_does_not_hide_a_cancellation(http: aiohttp.ClientSession) -> None:
    """A cancellation that is replaced by another exception would leave its scope waiting for ever."""
    with pytest.raises(asyncio.CancelledError):
        async with FakeTracesServer() as server:
            server.on_request = lambda _: 1 / 0  # type: ignore[assignment]
            async with http.get(server.base_url):
                raise asyncio.CancelledError


async def test_latency_comes_before_every_answer(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """This includes errors. Concurrent requests wait at the same time."""
    loop = asyncio.get_running_loop()
    server.latency = 20.0
    begin = loop.time()
    await asyncio.gather(*(get(http, server) for _ in range(5)))
    assert 20 <= loop.time() - begin < 40


async def test_the_list_is_read_at_the_end_of_the_wait(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A trace that is added during the latency is in the answer."""
    server.add_session(SESSION, 1)
    server.latency = 10.0
    asyncio.get_running_loop().call_later(5.0, server.add_traces, SESSION)
    assert len(await ids(http, server)) == 2


@pytest.mark.parametrize("api_key", ["", " spaces ", "new\nline", "clé", "tab\t"])
def test_a_key_that_cannot_be_sent_is_refused(api_key: str) -> None:
    """The error does not contain the key."""
    with pytest.raises(InvalidArgumentError) as caught:
        FakeTracesServer(api_key=api_key)
    assert str(caught.value) == "api_key must be printable ASCII without spaces at its ends"
