"""The defaults of the fake server, and the key that it accepts."""

from __future__ import annotations

import aiohttp

from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def test_a_new_server_has_the_documented_attributes() -> None:
    """It accepts the key of the examples, answers without delay, calls no function and has no requests."""
    server = FakeTracesServer()
    assert (server.api_key, server.latency, server.on_request, server.requests) == ("test-key", 0.0, None, [])


async def test_the_server_accepts_the_key_that_it_was_given_and_no_other() -> None:
    """The default key is refused then."""
    async with FakeTracesServer(api_key="another-key") as server, aiohttp.ClientSession() as http:
        server.add_session(SESSION, 1)
        assert server.api_key == "another-key"
        for key, status in (("another-key", 200), ("test-key", 401)):
            url = f"{server.base_url}/traces/session/{SESSION}"
            async with http.get(url, headers={"x-api-key": key}) as answer:
                assert answer.status == status
