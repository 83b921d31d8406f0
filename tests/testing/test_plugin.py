"""The fixture `traces_server`."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

import aiohttp
import pytest

from lyzr_traces_async.testing import FakeTracesServer
from tests.testing.asking import SESSION

pytest_plugins = ["pytester"]


def fetch(server: FakeTracesServer, **query: Any) -> Any:
    """Return the decoded answer to a request for a page."""
    text = "&".join(f"{name}={value}" for name, value in query.items())
    request = urllib.request.Request(  # noqa: S310 -- the address is the test's own server's
        f"{server.base_url}/traces/session/{SESSION}?{text}", headers={"x-api-key": server.api_key}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- likewise
        return json.load(answer)


def test_the_fixture_serves_synchronous_tests(traces_server: FakeTracesServer) -> None:
    """The test changes the sessions, orders failures and reads the records. There is no quota."""
    traces_server.add_session(SESSION, 30)
    assert len(fetch(traces_server)["traces"]) == 20
    traces_server.add_traces(SESSION, 5)
    traces_server.fail_next(status=502)
    with pytest.raises(HTTPError) as caught:
        fetch(traces_server)
    with caught.value as failure:
        assert "RateLimit" not in failure.headers
    assert fetch(traces_server, limit=10)["pagination"]["totalItems"] == 35
    assert [request.status for request in traces_server.requests] == [200, 502, 200]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # on the real clock, because the server is in another thread
async def test_the_fixture_serves_asynchronous_tests(traces_server: FakeTracesServer) -> None:
    """The server has an event loop of its own, so the test may use any loop."""
    traces_server.add_session(SESSION, 3)
    async with (
        aiohttp.ClientSession(headers={"x-api-key": traces_server.api_key}) as http,
        http.get(f"{traces_server.base_url}/traces/session/{SESSION}") as answer,
    ):
        assert len((await answer.json())["traces"]) == 3


def test_each_test_gets_a_server_of_its_own_that_is_gone_after_it(pytester: pytest.Pytester) -> None:
    """The fixture needs nothing but the installed library, and `pytest --fixtures` lists it."""
    pytester.makepyfile(
        f"""
        import socket
        import pytest

        seen = []

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(traces_server, n):
            traces_server.add_session("{SESSION}")
            seen.append(traces_server)

        def test_they_are_gone():
            assert seen[0] is not seen[1]
            for server in seen:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", int(server.base_url[17:-3])))
        """
    )
    pytester.makepyfile(
        test_hook="""
        from urllib.request import urlopen

        def test_it(traces_server):
            traces_server.on_request = lambda request: 1 / 0
            try:
                urlopen(traces_server.base_url)
            except OSError:
                pass
        """
    )
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    ran.assert_outcomes(passed=4, errors=1)  # the exception of the hook is raised after the test
    assert "ZeroDivisionError" in ran.stdout.str()
    listing = pytester.runpytest_inprocess("--fixtures", "-p", "no:cacheprovider").stdout.str()
    assert "A fake Lyzr traces API on 127.0.0.1 without a quota" in listing
