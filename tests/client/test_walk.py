"""The walk over the pages of a session: the order of its traces, and the pages in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec
import pytest

from lyzr_traces_async import (
    Trace,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.clients import (
    SESSION,
    pages_asked,
)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 100, 137])
@pytest.mark.parametrize("prefetch", [1, 3, 8])
async def test_every_trace_comes_once_and_in_the_servers_order(
    service: FakeTracesServer, client: TracesClient, count: int, prefetch: int
) -> None:
    """No page is asked for twice. After a full last page there is one more request."""
    expected = service.add_session(SESSION, count)
    found = [trace async for trace in client.iter_session_traces(SESSION, limit=10, prefetch=prefetch)]
    assert found == list(expected)
    assert sorted(pages_asked(service)) == list(range(1, count // 10 + 2))


async def test_pages_joined_are_the_traces(service: FakeTracesServer, client: TracesClient) -> None:
    """Every page comes in order with its own number."""
    service.add_session(SESSION, 137)
    pages = [page async for page in client.iter_session_pages(SESSION, limit=10)]
    assert [page.pagination.page for page in pages] == list(range(1, 15))
    traces = [trace async for trace in client.iter_session_traces(SESSION, limit=10)]
    assert [trace for page in pages for trace in page] == traces == list(service.traces(SESSION))


async def test_an_empty_session_is_one_empty_page(service: FakeTracesServer, client: TracesClient) -> None:
    """The page says that the list is empty, and there are no traces."""
    service.add_session(SESSION)
    [only] = [page async for page in client.iter_session_pages(SESSION)]
    assert not only
    assert (only.pagination.total_items, only.pagination.total_pages) == (0, 0)
    assert [trace async for trace in client.iter_session_traces(SESSION)] == []


async def test_the_first_trace_is_out_after_one_request(service: FakeTracesServer, client: TracesClient) -> None:
    """This holds although several pages may be in flight at once."""
    expected = service.add_session(SESSION, 2000)
    traces = client.iter_session_traces(SESSION)
    assert await anext(traces) == expected[0]
    assert pages_asked(service) == [1]
    await traces.aclose()


async def test_page_1_is_out_before_page_2_is_asked_for(service: FakeTracesServer, client: TracesClient) -> None:
    """Nothing is asked for while the consumer works on a page."""
    service.add_session(SESSION, 50)
    pages = client.iter_session_pages(SESSION, limit=10)
    assert (await anext(pages)).pagination.page == 1
    await asyncio.sleep(1000)
    assert pages_asked(service) == [1]
    await anext(pages)
    assert sorted(pages_asked(service)) == [1, 2, 3]
    await pages.aclose()


async def test_twenty_pages_take_five_round_trips(service: FakeTracesServer, client: TracesClient) -> None:
    """The windows have 1, 2, 4, 8 and 5 pages."""
    service.add_session(SESSION, 199)
    service.latency = 30
    begin = asyncio.get_running_loop().time()
    assert len([trace async for trace in client.iter_session_traces(SESSION, limit=10)]) == 199
    assert 150 <= asyncio.get_running_loop().time() - begin < 165
    assert len(service.requests) == 20


async def test_leaving_after_k_pages_costs_at_most_2k_requests(service: FakeTracesServer, client: TracesClient) -> None:
    """This holds for every k, and one page costs one request."""
    service.add_session(SESSION, 120)
    for k in range(1, 31):
        service.requests.clear()
        pages = client.iter_session_pages(SESSION, limit=4)
        async for each in pages:
            if each.pagination.page == k:
                break
        await pages.aclose()
        assert len(service.requests) <= 2 * k
        assert k > 1 or len(service.requests) == 1


async def test_prefetch_bounds_the_pages_in_flight(service: FakeTracesServer, client: TracesClient) -> None:
    """The window grows to ``prefetch`` pages, and no further."""
    service.add_session(SESSION, 200)
    service.latency = 1
    most = 0

    def look(_: RecordedRequest) -> None:
        nonlocal most
        most = max(most, sum(request.status is None for request in service.requests))

    service.on_request = look
    async for _ in client.iter_session_traces(SESSION, limit=10, prefetch=5):
        pass
    assert most == 5


async def test_list_session_traces_is_exactly_one_page_as_the_server_sent_it(
    service: FakeTracesServer, client: TracesClient
) -> None:
    """The list has hidden rows, and one request is for a page past the end."""
    expected = service.add_session(SESSION, 25)
    service.hide_traces(SESSION, 2, at=12)
    assert (await client.list_session_traces(SESSION, limit=10)).traces == expected[:10]
    middle = await client.list_session_traces(SESSION, page=2, limit=10)
    assert middle.traces == expected[10:12] + expected[14:20]
    assert msgspec.to_builtins(
        [getattr(middle.pagination, name) for name in ("page", "limit", "total_items", "total_pages")]
    ) == [2, 10, 25, 3]
    past = await client.list_session_traces(SESSION, page=9, limit=10)
    assert (past.traces, past.pagination.page) == ((), 9)
    assert len(service.requests) == 3


async def test_short_and_empty_pages_in_the_middle_do_not_end_a_walk(
    service: FakeTracesServer, client: TracesClient
) -> None:
    """Only ``totalPages`` tells the end."""
    service.add_session(SESSION, 59)
    service.hide_traces(SESSION, 3, at=8)
    service.hide_traces(SESSION, 22, at=19)
    pages = [page async for page in client.iter_session_pages(SESSION, limit=10)]
    assert [len(page) for page in pages] == [8, 8, 0, 0, 9, 9]
    assert [trace for page in pages for trace in page] == list(service.traces(SESSION))


async def test_a_stream_yields_the_same_traces_as_a_walk(service: FakeTracesServer, client: TracesClient) -> None:
    """A stream walks each of its sessions in the same way."""
    expected = service.add_session(SESSION, 95)
    async with client.stream_sessions([SESSION], limit=10) as found:
        assert [session.traces async for session in found] == [expected]


async def test_two_walks_on_one_client_do_not_disturb_each_other(
    service: FakeTracesServer, client: TracesClient
) -> None:
    """Both walks run at the same time, step by step."""
    expected = service.add_session(SESSION, 95)
    one, other = (client.iter_session_traces(SESSION, limit=10) for _ in range(2))

    async def collect(traces: AsyncGenerator[Trace, None]) -> list[Trace]:
        found = []
        async for trace in traces:
            found.append(trace)
            await asyncio.sleep(0)
        return found

    for found in await asyncio.gather(collect(one), collect(other)):
        assert found == list(expected)
