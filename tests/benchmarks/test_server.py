"""The server that all peers read from."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from benchmarks.channel import Child
from benchmarks.plan import QUICK
from benchmarks.server import LANGFUSE_PATH, TwoShapeServer
from lyzr_traces_async.testing import Quota

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


async def test_the_server_has_the_same_traces_in_both_shapes() -> None:
    """At Langfuse's path the fields have Langfuse's names, and requests count against the same quota."""
    async with TwoShapeServer(Quota(3, 60)) as server, aiohttp.ClientSession(headers={"x-api-key": "test-key"}) as http:
        server.add_session(SESSION, 5)
        params = {"page": "2", "limit": "2"}
        async with http.get(f"{server.base_url}/traces/session/{SESSION}", params=params) as answer:
            ours = await answer.json()
        url = server.base_url.removesuffix("/v1") + LANGFUSE_PATH
        async with http.get(url, params={**params, "sessionId": SESSION}) as answer:
            theirs = await answer.json()
            assert "r=1;" in answer.headers["RateLimit"]
        async with http.get(url, params={"sessionId": SESSION.replace("3", "4")}) as answer:
            assert answer.status == 404
    assert theirs["meta"] == ours["pagination"]
    assert [trace["id"] for trace in theirs["data"]] == [trace["traceId"] for trace in ours["traces"]]
    assert server.answers(None, None) == {200: 2, 404: 1}
    assert server.answers(SESSION, None) == {200: 2}
    assert server.answers(None, server.answered[-1].moment) == {200: 2}


async def test_the_server_starts_a_new_window_on_demand() -> None:
    """The next peer does not wait for the requests that the peer before has used up."""
    async with TwoShapeServer(Quota(1, 60)) as server, aiohttp.ClientSession(headers={"x-api-key": "test-key"}) as http:
        server.add_session(SESSION, 5)
        statuses = []
        for _ in range(2):
            for _ in range(2):
                async with http.get(f"{server.base_url}/traces/session/{SESSION}?page=1&limit=2") as answer:
                    statuses.append(answer.status)
            server.new_window()
    assert statuses == [200, 429] * 2


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "brownout", "after": 2, "seconds": 0.01, "wait": 0.02},
        {"kind": "heavy", "row": 15, "fits": 5, "wait": 0.02},
    ],
    ids=["brown-out", "heavy trace"],
)
def test_a_session_is_read_in_spite_of_a_trouble(processes: tuple[Child, Child], trouble: dict[str, Any]) -> None:
    """The server answers some requests with 502, and this library reads the whole session."""
    server, worker = processes
    (session,) = QUICK.session_ids(1)
    where = server.do("open", sessions=[session], traces=[39], trouble=trouble) | {"limit": 10}
    assert worker.do("herd", sessions={session: 39}, **where)["lost"] == 0
    answers = server.do("answers", session=session)
    assert answers["200"] >= 4
    assert answers["502"] >= 1
