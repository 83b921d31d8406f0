"""No redirect is followed, so the key goes to no other server."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
import pytest

from lyzr_traces_async import (
    RedirectError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.listeners import KEY, ONCE, OTHER_HOST, SESSION, client_of, over_tls, recording_server

LOCATIONS = {
    "a relative path": "/v1/traces/session/elsewhere",
    "this very host": "http://127.0.0.1:{own}/v1/traces/session/elsewhere",
    "another port": "http://127.0.0.1:{other}/v1",
    "another host": f"http://{OTHER_HOST}:{{other}}/v1",
    "another host without a scheme": f"//{OTHER_HOST}:{{other}}/v1",
    "another scheme": "https://127.0.0.1:{other}/v1",
}


@pytest.mark.parametrize("session", [None, {}], ids=["our session", "the caller's session"])
@pytest.mark.parametrize("place", LOCATIONS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(
    server: FakeTracesServer, status: int, place: str, session: dict[str, Any] | None
) -> None:
    """Each kind of redirect raises an error that names the new location."""
    host = OTHER_HOST if "host" in place else "127.0.0.1"
    async with recording_server(host) as other, client_of(server, session) as client:
        location = LOCATIONS[place].format(own=server.base_url.split(":")[2].partition("/")[0], other=other.port)
        server.fail_next(status=status, headers={"Location": location})
        with pytest.raises(RedirectError) as raised:
            await client.list_session_traces(SESSION)
        assert raised.value.headers["location"] == location
        assert other.connections == 0
        assert len(server.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_redirect_of_an_https_api_is_not_followed_either(
    server: FakeTracesServer, certified: ssl.SSLContext, trusting: ssl.SSLContext, scheme: str
) -> None:
    """This matters most for plain HTTP, which would send the key in the clear."""
    async with over_tls(server, certified) as base_url, recording_server() as other:
        server.fail_next(status=307, headers={"Location": f"{scheme}://localhost:{other.port}/v1"})
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
            client = TracesClient(KEY, base_url=base_url, session=session, retry=ONCE)
            with pytest.raises(RedirectError):
                await client.list_session_traces(SESSION)
        assert other.connections == 0
