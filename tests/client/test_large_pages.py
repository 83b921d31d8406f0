"""Pages whose bodies are larger than the limit for a body."""

from __future__ import annotations

import pytest

from lyzr_traces_async import ResponseTooLargeError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


async def test_a_smaller_limit_reads_a_session_whose_pages_are_too_large(
    service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says so. The client does not retry with a smaller limit by itself."""
    monkeypatch.setattr("lyzr_traces_async._transport.MAX_BODY", 5_000)
    expected = service.add_session(SESSION, 60)
    with pytest.raises(ResponseTooLargeError, match="Pass a smaller `limit`"):
        async for _ in client.iter_session_traces(SESSION):
            pass
    assert [dict(request.query) for request in service.requests] == [{"page": "1", "limit": "100"}]
    assert [trace async for trace in client.iter_session_traces(SESSION, limit=10)] == list(expected)
