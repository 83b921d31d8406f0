"""The parts of a recorded request: decoded path and query, and the method."""

from __future__ import annotations

import aiohttp
from yarl import URL

from lyzr_traces_async.testing import FakeTracesServer


async def test_the_path_and_the_query_of_a_record_are_decoded() -> None:
    """The path has no query. A repeated name has its first value. The method is that of the request."""
    async with FakeTracesServer() as server, aiohttp.ClientSession() as http:
        url = URL(f"{server.base_url}/a%2Fb%20c%3Fd?n%C3%A9=x%26y+z&page=1&page=2&empty=", encoded=True)
        async with http.delete(url):
            pass
        (request,) = server.requests
    assert (request.method, request.path) == ("DELETE", "/v1/a/b c?d")
    assert dict(request.query) == {"né": "x&y z", "page": "1", "empty": ""}
