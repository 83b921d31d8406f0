"""The thread in which the fake server calls its hook."""

from __future__ import annotations

import asyncio
import threading
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest

from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest

Place = tuple[asyncio.AbstractEventLoop, threading.Thread]


def watched(server: FakeTracesServer) -> list[Place]:
    """Return a list to which each call of the hook adds its event loop and its thread."""
    places: list[Place] = []

    def look(_: RecordedRequest) -> None:
        places.append((asyncio.get_running_loop(), threading.current_thread()))

    server.on_request = look
    return places


async def test_the_hook_runs_in_the_loop_and_thread_of_an_async_with() -> None:
    """It may use the loop's functions that are not thread-safe."""
    async with FakeTracesServer() as server, aiohttp.ClientSession() as http:
        places = watched(server)
        async with http.get(server.base_url):
            pass
    assert places == [(asyncio.get_running_loop(), threading.current_thread())]


def test_the_hook_runs_in_the_servers_own_thread_in_a_plain_with() -> None:
    """All calls are in one loop and one thread, which is not that of the block."""
    with FakeTracesServer() as server:
        places = watched(server)
        for _ in range(2):
            with pytest.raises(HTTPError) as caught:
                urlopen(server.base_url)  # noqa: S310 - the test's server
            caught.value.close()
    assert len(places) == 2
    assert len(set(places)) == 1
    assert places[0][1] is not threading.current_thread()
