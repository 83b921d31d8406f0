"""The README's way to go on after a walk that failed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lyzr_traces_async import AuthenticationError, RetryPolicy, Trace, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from lyzr_traces_async.testing._traces import encode

from .blocks import SESSION, block_with, run_part

CODE = block_with("start_page = error.page")


async def test_going_on_after_a_failure_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """It has all traces once the failure has passed; an error that will not pass is raised at once."""
    async with FakeTracesServer(quota=None) as server:
        traces = server.add_session(SESSION, traces=250)
        server.fail_next(10, status=500, page=2)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            names = await run_part(CODE, client=client, session_id=SESSION)
        assert list(names["seen"].values()) == list(traces)
        assert capsys.readouterr().out.startswith("going on later: HTTP 500")
        made = len(server.requests)
        async with TracesClient("wrong", base_url=server.base_url) as client:
            with pytest.raises(AuthenticationError):
                await run_part(CODE, client=client, session_id=SESSION)
        assert len(server.requests) == made + 1


async def _go_on(server: FakeTracesServer, while_paused: Callable[[], object]) -> list[Trace]:
    """Run the block against a server that fails in the middle, and call a function during its pause."""
    assert "sleep(pause)" in CODE

    def paused() -> float:
        while_paused()
        return 0.0

    retry = RetryPolicy(attempts=1)
    async with TracesClient(server.api_key, base_url=server.base_url, retry=retry) as client:
        names = await run_part(CODE.replace("(pause)", "(paused())"), client=client, session_id=SESSION, paused=paused)
    return list(names["seen"].values())


@pytest.mark.parametrize("deleted", [1, 99, 100, 150, 230])
async def test_deletions_during_its_pause_lose_nothing(deleted: int) -> None:
    """Traces behind the failed page have moved in front of it; all remaining traces are read."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION, traces=450)
        server.fail_next(1, status=500, page=3)
        seen = await _go_on(server, lambda: server.remove_traces(SESSION, deleted))
        assert len(server.traces(SESSION)) == 450 - deleted
        assert set(server.traces(SESSION)) <= set(seen)


async def test_it_counts_pages_in_its_own_limit_if_the_server_gives_fewer() -> None:
    """The client asks for 100 and gets 20; the page of the error still counts pages of 100."""
    failing = iter([*[False] * 12, True])
    async with FakeTracesServer(quota=None) as server:
        traces = server.add_session(SESSION, traces=400)

        def give_twenty(request: RecordedRequest) -> None:
            if next(failing, False):
                server.fail_next(1, status=500)
                return
            page, limit = int(request.query["page"]), min(20, int(request.query["limit"]))
            rows = b",".join(map(encode, traces[(page - 1) * limit : page * limit]))
            said = {"page": page, "limit": limit, "totalItems": 400, "totalPages": 400 // limit}
            server.fail_next(1, body=b'{"traces": [%b], "pagination": %b}' % (rows, json.dumps(said).encode()))

        server.on_request = give_twenty
        assert await _go_on(server, lambda: None) == list(traces)
