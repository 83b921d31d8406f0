"""No variable in a frame that an error leads to shows the key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lyzr_traces_async import InvalidArgumentError, TracesClient
from tests.helpers.raw_server import RawServer, hanging
from tests.proof.secrecy.failures import POLICY, SITUATIONS, caught, errors_of, read_pages, read_traces
from tests.proof.secrecy.listeners import KEY, SESSION
from tests.proof.secrecy.showing import check_variables

UNMAKEABLE: dict[str, dict[str, Any]] = {
    "a base URL": {"base_url": "http://api.example/v1"},
    "a time-out": {"timeout": -1},
    "a number of requests": {"max_concurrency": 0},
    "a policy": {"retry": None},
    "a session": {"session": "x"},
    "a flag": {"allow_http": 1},
}


@pytest.mark.parametrize("given", ["as an argument", "by the environment"])
@pytest.mark.parametrize("name", UNMAKEABLE)
def test_no_variable_shows_the_key_of_a_client_that_cannot_be_made(
    name: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The constructor knows it, and whatever it calls."""
    arguments = dict(UNMAKEABLE[name])
    if given == "as an argument":
        arguments["api_key"] = KEY
    else:
        monkeypatch.setenv("LYZR_API_KEY", KEY)
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(**arguments)
    check_variables(caught.value, KEY)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\x00", f"{KEY}é"])
def test_no_variable_shows_a_key_that_is_refused(key: str) -> None:
    """Nearly right, it is as good as right."""
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(key)
    check_variables(caught.value, KEY)


@pytest.mark.parametrize("what", SITUATIONS)
async def test_no_variable_shows_the_key_of_a_request_that_fails(what: str) -> None:
    """Although it is sent as a plain text: whatever holds it is in no frame that an error leads to."""
    for error in await errors_of(what):
        check_variables(error, KEY)


async def _stream(client: TracesClient) -> None:
    async with client.stream_sessions([SESSION, SESSION.upper()]) as sessions:
        async for session in sessions:
            _ = session.traces  # raises its error


@pytest.mark.parametrize("what", ["401 with an echo", "500 with an echo", "reset", "time-out"])
async def test_no_variable_shows_the_key_in_a_stream(what: str) -> None:
    """With its workers' frames in between."""
    async with (
        SITUATIONS[what]() as server,  # type: ignore[attr-defined]
        TracesClient(KEY, base_url=server.base_url, timeout=5, retry=POLICY) as client,
    ):
        check_variables(await caught(_stream(client)), KEY)


@pytest.mark.parametrize("call", [read_traces, read_pages, _stream, lambda client: client.list_session_traces(SESSION)])
async def test_no_variable_shows_the_key_where_the_caller_gives_up(
    call: Callable[[TracesClient], Awaitable[object]],
) -> None:
    """A time limit of the caller's own ends the request in the middle of the libraries below."""
    async with RawServer(hanging) as server, TracesClient(KEY, base_url=server.base_url) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(1):
                await call(client)
        check_variables(caught.value, KEY)
