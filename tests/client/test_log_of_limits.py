"""The log tells each change to smaller or larger pages."""

from __future__ import annotations

import logging

import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


async def test_each_change_of_the_page_size_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The line has both sizes and the session, at the level INFO."""
    caplog.set_level(logging.INFO, logger="lyzr_traces_async")
    async with FakeTracesServer(quota=None) as server:
        traces = server.add_session(SESSION, traces=650)

        def heavy(request: RecordedRequest) -> None:
            if (request.query["page"], request.query["limit"]) == ("2", "100"):
                server.fail_next(status=502, message="Langfuse request timed out")

        server.on_request = heavy
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert [trace async for trace in client.iter_session_traces(SESSION)] == list(traces)
    changes = [record for record in caplog.records if "traces a page" in record.getMessage()]
    assert {record.levelno for record in changes} == {logging.INFO}
    assert [record.getMessage() for record in changes] == [
        f"asking for 50 traces a page instead of 100 [session {SESSION}]",
        f"asking for 100 traces a page instead of 50 [session {SESSION}]",
    ]
