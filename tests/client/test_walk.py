"""The client's walk over the pages of a session, over real HTTP."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest

from lyzr_traces_async import (
    InvalidArgumentError,
    PaginationError,
    RetryPolicy,
    ServerError,
    Trace,
    TracePage,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.raw_server import page_body

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ONCE = RetryPolicy(attempts=1)


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(quota=None) as server:
        yield server


@pytest.fixture
async def client(server: FakeTracesServer) -> AsyncIterator[TracesClient]:
    async with TracesClient(server.api_key, base_url=server.base_url) as client:
        yield client


def pages_asked(server: FakeTracesServer) -> list[int]:
    return [int(request.query["page"]) for request in server.requests]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 100, 137])
@pytest.mark.parametrize("prefetch", [1, 3, 8])
async def test_every_trace_comes_once_and_in_the_servers_order(
    server: FakeTracesServer, client: TracesClient, count: int, prefetch: int
) -> None:
    """Whatever the number of pages and of those in flight; none is asked for twice, one more behind a full last one."""
    expected = server.add_session(SESSION, count)
    found = [trace async for trace in client.iter_session_traces(SESSION, limit=10, prefetch=prefetch)]
    assert found == list(expected)
    assert sorted(pages_asked(server)) == list(range(1, count // 10 + 2))


async def test_pages_joined_are_the_traces(server: FakeTracesServer, client: TracesClient) -> None:
    """Every page comes, in order, each with its own place in the list."""
    server.add_session(SESSION, 137)
    pages = [page async for page in client.iter_session_pages(SESSION, limit=10)]
    assert [page.pagination.page for page in pages] == list(range(1, 15))
    traces = [trace async for trace in client.iter_session_traces(SESSION, limit=10)]
    assert [trace for page in pages for trace in page] == traces == list(server.traces(SESSION))


async def test_an_empty_session_is_one_empty_page(server: FakeTracesServer, client: TracesClient) -> None:
    """Its pagination says that it is empty; as traces there are none."""
    server.add_session(SESSION)
    [only] = [page async for page in client.iter_session_pages(SESSION)]
    assert not only
    assert (only.pagination.total_items, only.pagination.total_pages) == (0, 0)
    assert [trace async for trace in client.iter_session_traces(SESSION)] == []


async def test_the_first_trace_is_out_after_one_request(server: FakeTracesServer, client: TracesClient) -> None:
    """Also where many pages may be in flight at once."""
    expected = server.add_session(SESSION, 2000)
    traces = client.iter_session_traces(SESSION)
    assert await anext(traces) == expected[0]
    assert pages_asked(server) == [1]
    await traces.aclose()


async def test_page_1_is_out_before_page_2_is_asked_for(server: FakeTracesServer, client: TracesClient) -> None:
    """And nothing is asked for while the consumer takes its time."""
    server.add_session(SESSION, 50)
    pages = client.iter_session_pages(SESSION, limit=10)
    assert (await anext(pages)).pagination.page == 1
    await asyncio.sleep(1000)
    assert pages_asked(server) == [1]
    await anext(pages)
    assert sorted(pages_asked(server)) == [1, 2, 3]
    await pages.aclose()


async def test_twenty_pages_take_five_round_trips(server: FakeTracesServer, client: TracesClient) -> None:
    """In windows of 1, 2, 4, 8 and the 5 that are left; one after the other they would take twenty."""
    server.add_session(SESSION, 199)
    server.latency = 30
    begin = asyncio.get_running_loop().time()
    assert len([trace async for trace in client.iter_session_traces(SESSION, limit=10)]) == 199
    assert 150 <= asyncio.get_running_loop().time() - begin < 165
    assert len(server.requests) == 20


async def test_leaving_after_k_pages_costs_at_most_2k_requests(server: FakeTracesServer, client: TracesClient) -> None:
    """For every k, and one request for the first page."""
    server.add_session(SESSION, 120)
    for k in range(1, 31):
        server.requests.clear()
        pages = client.iter_session_pages(SESSION, limit=4)
        async for each in pages:
            if each.pagination.page == k:
                break
        await pages.aclose()
        assert len(server.requests) <= 2 * k
        assert k > 1 or len(server.requests) == 1


async def test_prefetch_bounds_the_pages_in_flight(server: FakeTracesServer, client: TracesClient) -> None:
    """Once the window has grown to it, and never more."""
    server.add_session(SESSION, 200)
    server.latency = 1
    most = 0

    def look(_: RecordedRequest) -> None:
        nonlocal most
        most = max(most, sum(request.status is None for request in server.requests))

    server.on_request = look
    async for _ in client.iter_session_traces(SESSION, limit=10, prefetch=5):
        pass
    assert most == 5


async def test_a_walk_can_begin_at_a_later_page(server: FakeTracesServer, client: TracesClient) -> None:
    """The traces before it are neither yielded nor asked for."""
    expected = server.add_session(SESSION, 49)
    found = [trace async for trace in client.iter_session_traces(SESSION, limit=10, start_page=3)]
    assert found == list(expected[20:])
    assert sorted(pages_asked(server)) == [3, 4, 5]


async def test_a_start_page_past_the_end_is_one_empty_page(server: FakeTracesServer, client: TracesClient) -> None:
    """As the service answers it."""
    server.add_session(SESSION, 5)
    [only] = [page async for page in client.iter_session_pages(SESSION, start_page=7)]
    assert not only
    assert (only.pagination.page, only.pagination.total_items) == (7, 5)


async def test_page_and_limit_are_always_sent(server: FakeTracesServer, client: TracesClient) -> None:
    """The service's own default limit is another one than the library's."""
    server.add_session(SESSION, 5)
    await client.list_session_traces(SESSION)
    await client.list_session_traces(SESSION, page=2, limit=3)
    await anext(client.iter_session_traces(SESSION))
    await anext(client.iter_session_pages(SESSION, limit=7))
    assert [dict(request.query) for request in server.requests] == [
        {"page": "1", "limit": "100"},
        {"page": "2", "limit": "3"},
        {"page": "1", "limit": "100"},
        {"page": "1", "limit": "7"},
    ]


async def test_list_session_traces_is_exactly_one_page_as_the_server_sent_it(
    server: FakeTracesServer, client: TracesClient
) -> None:
    """With what a page past the end, a hidden row or an unknown field make of it."""
    expected = server.add_session(SESSION, 25)
    server.hide_traces(SESSION, 2, at=12)
    assert (await client.list_session_traces(SESSION, limit=10)).traces == expected[:10]
    middle = await client.list_session_traces(SESSION, page=2, limit=10)
    assert middle.traces == expected[10:12] + expected[14:20]
    assert msgspec.to_builtins(
        [getattr(middle.pagination, name) for name in ("page", "limit", "total_items", "total_pages")]
    ) == [2, 10, 25, 3]
    past = await client.list_session_traces(SESSION, page=9, limit=10)
    assert (past.traces, past.pagination.page) == ((), 9)
    assert len(server.requests) == 3


@pytest.mark.parametrize("spelling", [SESSION, SESSION.upper(), UUID(SESSION)])
async def test_a_session_id_is_sent_as_it_was_given(
    server: FakeTracesServer, client: TracesClient, spelling: str | UUID
) -> None:
    """Since the service compares letter by letter; a UUID is sent in lower case."""
    server.add_session(spelling, 1)
    assert len(await client.list_session_traces(spelling)) == 1
    assert [trace.session_id async for trace in client.iter_session_traces(spelling)] == [str(spelling)]
    assert [len(page) async for page in client.iter_session_pages(spelling)] == [1]
    assert {request.path for request in server.requests} == {f"/v1/traces/session/{spelling}"}


BAD_IDS: list[Any] = ["", "x", SESSION[:-1], SESSION + "0", f"{{{SESSION}}}", SESSION.replace("-", ""), None, 5, b"x"]
BAD_COUNTS: list[Any] = [0, -1, 1.0, "1", None, True]


@pytest.mark.parametrize("session_id", BAD_IDS)
async def test_a_malformed_session_id_is_refused_at_the_call(
    server: FakeTracesServer, client: TracesClient, session_id: Any
) -> None:
    """For the iterators before the first step; nothing is sent."""
    with pytest.raises(InvalidArgumentError, match="UUID"):
        await client.list_session_traces(session_id)
    with pytest.raises(InvalidArgumentError, match="UUID"):
        client.iter_session_traces(session_id)
    with pytest.raises(InvalidArgumentError, match="UUID"):
        client.iter_session_pages(session_id)
    assert not server.requests


@pytest.mark.parametrize("value", BAD_COUNTS)
async def test_a_malformed_number_is_refused_at_the_call(
    server: FakeTracesServer, client: TracesClient, value: Any
) -> None:
    """Integers from 1 only; nothing is sent."""
    for name in ("page", "limit"):
        with pytest.raises(InvalidArgumentError, match=f"{name} must be an integer"):
            await client.list_session_traces(SESSION, **{name: value})
    for name in ("limit", "start_page", "prefetch"):
        with pytest.raises(InvalidArgumentError, match=f"{name} must be an integer"):
            client.iter_session_traces(SESSION, **{name: value})
        with pytest.raises(InvalidArgumentError, match=f"{name} must be an integer"):
            client.iter_session_pages(SESSION, **{name: value})
    assert not server.requests


async def test_a_limit_above_100_is_refused_at_the_call(server: FakeTracesServer, client: TracesClient) -> None:
    """As it is by the service."""
    with pytest.raises(InvalidArgumentError, match="limit must be an integer from 1 to 100"):
        await client.list_session_traces(SESSION, limit=101)
    with pytest.raises(ValueError, match="limit must be an integer from 1 to 100"):
        client.iter_session_traces(SESSION, limit=101)
    assert not server.requests


async def test_short_and_empty_pages_in_the_middle_do_not_end_a_walk(
    server: FakeTracesServer, client: TracesClient
) -> None:
    """Only totalPages says where the end is."""
    server.add_session(SESSION, 59)
    server.hide_traces(SESSION, 3, at=8)
    server.hide_traces(SESSION, 22, at=19)
    pages = [page async for page in client.iter_session_pages(SESSION, limit=10)]
    assert [len(page) for page in pages] == [8, 8, 0, 0, 9, 9]
    assert [trace for page in pages for trace in page] == list(server.traces(SESSION))


async def _drift(
    server: FakeTracesServer, client: TracesClient, seed: int, change: Callable[[random.Random], None]
) -> tuple[list[str], set[str]]:
    """Walk while the list changes; return the ids yielded and those that were there throughout."""
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    throughout = {trace.trace_id for trace in server.traces(SESSION)}
    changes = 0

    def move() -> None:
        nonlocal changes
        changes += 1
        change(rng)
        throughout.intersection_update(trace.trace_id for trace in server.traces(SESSION))

    def on_request(_: RecordedRequest) -> None:
        server.latency = rng.uniform(0.1, 10)  # so that the answers of a window are of different moments, in any order
        if changes < 25 and rng.random() < 0.4:
            move()
        if changes < 25 and rng.random() < 0.4:
            loop.call_later(rng.uniform(0, 10), move)

    server.on_request = on_request
    found = []
    async for trace in client.iter_session_traces(SESSION, limit=rng.randint(1, 9), prefetch=rng.choice([1, 2, 8])):
        found.append(trace.trace_id)
        if rng.random() < 0.1:
            move()
    return found, throughout


@pytest.mark.parametrize("seed", range(6))
async def test_traces_that_arrive_during_a_walk_lose_and_repeat_none(
    server: FakeTracesServer, client: TracesClient, seed: int
) -> None:
    """At any place of the list, between and within the windows."""
    server.add_session(SESSION, 60)

    def arrive(rng: random.Random) -> None:
        length = len(server.traces(SESSION))
        server.add_traces(SESSION, rng.randint(1, 7), at=rng.choice([0, 0, rng.randint(0, length)]))

    found, throughout = await _drift(server, client, seed, arrive)
    assert len(throughout) == 60
    assert throughout <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("seed", range(6))
async def test_traces_that_are_deleted_during_a_walk_lose_and_repeat_no_other(
    server: FakeTracesServer, client: TracesClient, seed: int
) -> None:
    """From any place of the list, between and within the windows."""
    server.add_session(SESSION, 100)

    def leave(rng: random.Random) -> None:
        length = len(server.traces(SESSION))
        count = rng.randint(1, 3)
        server.remove_traces(SESSION, count, at=rng.choice([0, rng.randint(0, length - count)]))

    found, throughout = await _drift(server, client, seed, leave)
    assert throughout
    assert throughout <= set(found)
    assert len(found) == len(set(found))


async def test_drift_is_counted(server: FakeTracesServer, client: TracesClient) -> None:
    """What came again and was dropped, and what was asked for again."""
    server.add_session(SESSION, 30)

    def arrive(request: RecordedRequest) -> None:
        if request.query["page"] == "2":
            server.add_traces(SESSION, 4)

    def leave(request: RecordedRequest) -> None:
        if request.query["page"] == "2":
            server.remove_traces(SESSION, 3)

    server.on_request = arrive
    pages = [page async for page in client.iter_session_pages(SESSION, limit=10, prefetch=1)]
    assert Counter(len(page) for page in pages) == {10: 2, 6: 1, 4: 1}
    assert client.stats.duplicates_dropped == 4
    server.on_request = leave
    async for _ in client.iter_session_pages(SESSION, limit=10, prefetch=1):
        pass
    assert client.stats.pages_reread >= 1


async def test_an_error_comes_after_the_pages_before_it_and_says_where_to_resume(
    server: FakeTracesServer, client: TracesClient
) -> None:
    """In the middle of a window of four: what of it comes before the page that failed is yielded."""
    expected = server.add_session(SESSION, 100)
    server.fail_next(status=500, page=6)
    async with TracesClient(server.api_key, base_url=server.base_url, retry=ONCE) as once:
        found: list[Trace] = []
        with pytest.raises(ServerError) as caught:
            async for trace in once.iter_session_traces(SESSION, limit=10):
                found.append(trace)  # noqa: PERF401 - what came before the error is kept
    assert found == list(expected[:50])
    assert (caught.value.session_id, caught.value.page, caught.value.attempts) == (SESSION, 6, 1)
    assert sorted(pages_asked(server)) == list(range(1, 8))
    rest = client.iter_session_traces(SESSION, limit=10, start_page=caught.value.page or 0)
    assert found + [trace async for trace in rest] == list(expected)


async def test_an_error_comes_out_of_the_pages_too(server: FakeTracesServer) -> None:
    """As itself, though other pages of its window were in flight in the same task group."""
    server.add_session(SESSION, 100)
    server.fail_next(2, status=500, page=3)
    numbers = []
    async with TracesClient(server.api_key, base_url=server.base_url, retry=RetryPolicy(attempts=2)) as client:
        with pytest.raises(ServerError) as caught:
            async for page in client.iter_session_pages(SESSION, limit=10):
                numbers.append(page.pagination.page)  # noqa: PERF401 - what came before the error is kept
    assert numbers == [1, 2]
    assert (caught.value.page, caught.value.attempts) == (3, 2)


@pytest.mark.parametrize(("asked", "answered"), [(1, 2), (2, 1), (2, 3)])
async def test_an_answer_for_another_page_is_refused(
    server: FakeTracesServer, client: TracesClient, asked: int, answered: int
) -> None:
    """A cache in between, say, that leaves the query out of account."""
    server.add_session(SESSION, 30)
    server.fail_next(2, body=page_body(answered, limit=10, total=30, pages=3), page=asked)
    text = f"asked for page {asked}, the answer is page {answered}"
    with pytest.raises(PaginationError, match=text) as caught:
        await client.list_session_traces(SESSION, page=asked, limit=10)
    assert (caught.value.session_id, caught.value.page, caught.value.attempts) == (SESSION, asked, 1)
    found: list[TracePage] = []
    with pytest.raises(PaginationError, match=text):
        async for each in client.iter_session_pages(SESSION, limit=10):
            found.append(each)  # noqa: PERF401 - what came before the error is kept
    assert len(found) == asked - 1


async def test_a_server_with_a_smaller_limit_is_followed(server: FakeTracesServer, client: TracesClient) -> None:
    """Pages are then counted in the limit of the first answer."""
    expected = server.add_session(SESSION, 25)
    for number in (1, 2, 3):
        part = await client.list_session_traces(SESSION, page=number, limit=10)
        server.fail_next(body=_encoded(part), page=number)
    assert [trace async for trace in client.iter_session_traces(SESSION, limit=100)] == list(expected)


async def test_a_limit_that_changes_in_mid_walk_is_refused(server: FakeTracesServer, client: TracesClient) -> None:
    """The pages would not make up one list; those before it have been yielded."""
    server.add_session(SESSION, 40)
    server.fail_next(body=page_body(3, limit=7, total=40, pages=6), page=3)
    numbers = []
    with pytest.raises(PaginationError, match="the limit changed in the middle of the walk"):
        async for each in client.iter_session_pages(SESSION, limit=10):
            numbers.append(each.pagination.page)  # noqa: PERF401 - what came before the error is kept
    assert numbers == [1, 2]


async def test_a_walk_that_gets_nowhere_is_ended(server: FakeTracesServer, client: TracesClient) -> None:
    """After a hundred answers without a new trace, and without coming nearer to the end."""
    server.add_session(SESSION, 2)

    def grow(_: RecordedRequest) -> None:
        server.add_traces(SESSION, 1)

    server.on_request = grow
    with pytest.raises(PaginationError, match="100 answers in a row") as caught:
        async for _ in client.iter_session_traces(SESSION, limit=1, prefetch=1):
            pass
    assert caught.value.session_id == SESSION
    assert len(server.requests) == 101


async def test_a_page_that_is_too_heavy_is_asked_for_in_smaller_ones(
    server: FakeTracesServer, client: TracesClient
) -> None:
    """A time-out of the trace store that repeats is one of the page's size: nothing is lost or repeated over it."""
    expected = server.add_session(SESSION, 250)

    def too_heavy(request: RecordedRequest) -> None:
        if int(request.query["limit"]) > 50 and request.query["page"] != "1":
            server.fail_next(status=502, message="Langfuse request timed out")

    server.on_request = too_heavy
    assert [trace async for trace in client.iter_session_traces(SESSION)] == list(expected)


async def test_a_stream_yields_the_same_traces_as_a_walk(server: FakeTracesServer, client: TracesClient) -> None:
    """It is the same walk, for many sessions."""
    expected = server.add_session(SESSION, 95)
    async with client.stream_sessions([SESSION], limit=10) as found:
        assert [session.traces async for session in found] == [expected]


async def test_two_walks_on_one_client_do_not_disturb_each_other(
    server: FakeTracesServer, client: TracesClient
) -> None:
    """One is taken step by step while the other one runs."""
    expected = server.add_session(SESSION, 95)
    one, other = (client.iter_session_traces(SESSION, limit=10) for _ in range(2))

    async def collect(traces: AsyncGenerator[Trace, None]) -> list[Trace]:
        found = []
        async for trace in traces:
            found.append(trace)
            await asyncio.sleep(0)
        return found

    for found in await asyncio.gather(collect(one), collect(other)):
        assert found == list(expected)


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
