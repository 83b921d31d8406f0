"""The header fields of a request: its id, and who sends it."""

from __future__ import annotations

from uuid import UUID

import aiohttp
import pytest

from lyzr_traces_async import (
    APIConnectionError,
    NotFoundError,
    __version__,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import (
    AT_ONCE,
    SESSION,
    client_of,
)


async def test_every_attempt_has_a_request_id_of_its_own(server: FakeTracesServer) -> None:
    """The error carries the id of the last attempt, unless an answer has given another id."""
    server.fail_next(100, reset=True)
    async with client_of(server, retry=AT_ONCE) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.list_session_traces(SESSION)
    ids = [request.headers["X-Request-Id"] for request in server.requests]
    assert len({UUID(each) for each in ids}) == 3
    assert caught.value.request_id == ids[-1]


async def test_the_request_id_of_the_answer_is_on_the_error(server: FakeTracesServer) -> None:
    """A proxy may have given the request another id."""
    server.fail_next(status=404, headers={"X-Request-Id": "theirs"})
    async with client_of(server) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.list_session_traces(SESSION)
    assert caught.value.request_id == "theirs"


async def test_every_request_says_who_asks(server: FakeTracesServer) -> None:
    """It names the library, its version and those of its dependencies, and the media type it accepts."""
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
    [request] = server.requests
    assert request.headers["User-Agent"].startswith(f"lyzr-traces-async/{__version__} aiohttp/{aiohttp.__version__} ")
    assert request.headers["Accept"] == "application/json"
    assert request.headers["x-api-key"] == server.api_key
    assert request.method == "GET"
