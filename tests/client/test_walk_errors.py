"""Walks that meet an error, an answer that does not fit, or a page that is too heavy."""

from __future__ import annotations

import msgspec
import pytest

from lyzr_traces_async import (
    PaginationError,
    RetryPolicy,
    ServerError,
    Trace,
    TracePage,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.clients import (
    SESSION,
    pages_asked,
)
from tests.helpers.raw_server import page_body

ONCE = RetryPolicy(attempts=1)


async def test_an_error_comes_after_the_pages_before_it_and_says_where_to_resume(
    service: FakeTracesServer, client: TracesClient
) -> None:
    """A page in the middle of a window of four fails. The pages before it are yielded."""
    expected = service.add_session(SESSION, 100)
    service.fail_next(status=500, page=6)
    async with TracesClient(service.api_key, base_url=service.base_url, retry=ONCE) as once:
        found: list[Trace] = []
        with pytest.raises(ServerError) as caught:
            async for trace in once.iter_session_traces(SESSION, limit=10):
                found.append(trace)  # noqa: PERF401 - what came before the error is kept
    assert found == list(expected[:50])
    assert (caught.value.session_id, caught.value.page, caught.value.attempts) == (SESSION, 6, 1)
    assert sorted(pages_asked(service)) == list(range(1, 8))
    rest = client.iter_session_traces(SESSION, limit=10, start_page=caught.value.page or 0)
    assert found + [trace async for trace in rest] == list(expected)


async def test_an_error_comes_out_of_the_pages_too(service: FakeTracesServer) -> None:
    """It is not in an exception group, although a task group read the pages of its window."""
    service.add_session(SESSION, 100)
    service.fail_next(2, status=500, page=3)
    numbers = []
    async with TracesClient(service.api_key, base_url=service.base_url, retry=RetryPolicy(attempts=2)) as client:
        with pytest.raises(ServerError) as caught:
            async for page in client.iter_session_pages(SESSION, limit=10):
                numbers.append(page.pagination.page)  # noqa: PERF401 - what came before the error is kept
    assert numbers == [1, 2]
    assert (caught.value.page, caught.value.attempts) == (3, 2)


@pytest.mark.parametrize(("asked", "answered"), [(1, 2), (2, 1), (2, 3)])
async def test_an_answer_for_another_page_is_refused(
    service: FakeTracesServer, client: TracesClient, asked: int, answered: int
) -> None:
    """A cache that ignores the query may give such an answer."""
    service.add_session(SESSION, 30)
    service.fail_next(2, body=page_body(answered, limit=10, total=30, pages=3), page=asked)
    text = f"asked for page {asked}, the answer is page {answered}"
    with pytest.raises(PaginationError, match=text) as caught:
        await client.list_session_traces(SESSION, page=asked, limit=10)
    assert (caught.value.session_id, caught.value.page, caught.value.attempts) == (SESSION, asked, 1)
    found: list[TracePage] = []
    with pytest.raises(PaginationError, match=text):
        async for each in client.iter_session_pages(SESSION, limit=10):
            found.append(each)  # noqa: PERF401 - what came before the error is kept
    assert len(found) == asked - 1


async def test_a_server_with_a_smaller_limit_is_followed(service: FakeTracesServer, client: TracesClient) -> None:
    """Pages are then counted in the limit of the first answer."""
    expected = service.add_session(SESSION, 25)
    for number in (1, 2, 3):
        part = await client.list_session_traces(SESSION, page=number, limit=10)
        service.fail_next(body=_encoded(part), page=number)
    assert [trace async for trace in client.iter_session_traces(SESSION, limit=100)] == list(expected)


async def test_a_limit_that_changes_in_mid_walk_is_refused(service: FakeTracesServer, client: TracesClient) -> None:
    """The pages would not form one list. The pages before it have been yielded."""
    service.add_session(SESSION, 40)
    service.fail_next(body=page_body(3, limit=7, total=40, pages=6), page=3)
    numbers = []
    with pytest.raises(PaginationError, match="the limit changed in the middle of the walk"):
        async for each in client.iter_session_pages(SESSION, limit=10):
            numbers.append(each.pagination.page)  # noqa: PERF401 - what came before the error is kept
    assert numbers == [1, 2]


async def test_a_walk_that_gets_nowhere_is_ended(service: FakeTracesServer, client: TracesClient) -> None:
    """A hundred answers bring no new trace, and come no nearer to the end."""
    service.add_session(SESSION, 2)

    def grow(_: RecordedRequest) -> None:
        service.add_traces(SESSION, 1)

    service.on_request = grow
    with pytest.raises(PaginationError, match="100 answers in a row") as caught:
        async for _ in client.iter_session_traces(SESSION, limit=1, prefetch=1):
            pass
    assert caught.value.session_id == SESSION
    assert len(service.requests) == 101


async def test_a_page_that_is_too_heavy_is_asked_for_in_smaller_ones(
    service: FakeTracesServer, client: TracesClient
) -> None:
    """The trace store times out twice for the page. Nothing is lost or repeated."""
    expected = service.add_session(SESSION, 250)

    def too_heavy(request: RecordedRequest) -> None:
        if int(request.query["limit"]) > 50 and request.query["page"] != "1":
            service.fail_next(status=502, message="Langfuse request timed out")

    service.on_request = too_heavy
    assert [trace async for trace in client.iter_session_traces(SESSION)] == list(expected)


def _encoded(part: TracePage) -> bytes:
    said = part.pagination
    rows = [
        {
            "traceId": trace.trace_id,
            "name": trace.name,
            "sessionId": trace.session_id,
            "timestamp": trace.timestamp.isoformat(),
            "latencySeconds": trace.latency_seconds,
            "totalCostUsd": trace.total_cost_usd,
            "observationCount": trace.observation_count,
            "htmlPath": trace.html_path,
        }
        for trace in part
    ]
    pagination = {
        "page": said.page, "limit": said.limit, "totalItems": said.total_items, "totalPages": said.total_pages
    }  # fmt: skip
    return msgspec.json.encode({"traces": rows, "pagination": pagination})
