"""No variable in a frame of an error's traceback shows the key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lyzr_traces_async import TracesClient
from tests.helpers.raw_server import RawServer, hanging
from tests.proof.secrecy.failures import POLICY, SITUATIONS, caught, errors_of, read_pages, read_traces
from tests.proof.secrecy.listeners import KEY, SESSION
from tests.proof.secrecy.showing import check_variables


@pytest.mark.parametrize("what", SITUATIONS)
async def test_no_variable_shows_the_key_of_a_request_that_fails(what: str) -> None:
    """The client sends the key as plain text, and no frame of the traceback holds it."""
    for error in await errors_of(what):
        check_variables(error, KEY)


async def _stream(client: TracesClient) -> None:
    async with client.stream_sessions([SESSION, SESSION.upper()]) as sessions:
        async for session in sessions:
            _ = session.traces  # raises the session's error


@pytest.mark.parametrize("what", ["401 with an echo", "500 with an echo", "reset", "time-out"])
async def test_no_variable_shows_the_key_in_a_stream(what: str) -> None:
    """The traceback has the frames of the stream's workers too."""
    async with (
        SITUATIONS[what]() as server,  # type: ignore[attr-defined]
        TracesClient(KEY, base_url=server.base_url, timeout=5, retry=POLICY) as client,
    ):
        check_variables(await caught(_stream(client)), KEY)


@pytest.mark.parametrize("call", [read_traces, read_pages, _stream, lambda client: client.list_session_traces(SESSION)])
async def test_no_variable_shows_the_key_where_the_caller_gives_up(
    call: Callable[[TracesClient], Awaitable[object]],
) -> None:
    """A time-out of the caller ends the request within the libraries below."""
    async with RawServer(hanging) as server, TracesClient(KEY, base_url=server.base_url) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(1):
                await call(client)
        check_variables(caught.value, KEY)
