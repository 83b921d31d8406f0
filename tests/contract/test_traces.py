"""The contract of the list of traces, checked against the fake server or the deployment given with ``--base-url``.

``options.py`` says how to run it. The tests send fewer than 40 requests, together with those in ``test_siblings.py``.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import pytest

from lyzr_traces_async import AuthenticationError, NotFoundError
from tests.contract.service import Reply, Service, check_refusal, optional
from tests.helpers import plain_page

pytestmark = pytest.mark.contract

# How many pages of the session are read.
PAGES: Final = 4

TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
async def first(service: Service, session_id: str) -> Reply:
    """Return the answer to a request without page and limit."""
    return await service.get(session_id)


@pytest.fixture(scope="module")
async def pages(service: Service, session_id: str, first: Reply) -> list[Reply]:
    """Return the last pages of the session, with a limit that gives several pages."""
    limit = min(100, max(1, math.ceil(first.place["totalItems"] / PAGES)))
    last = max(1, math.ceil(first.place["totalItems"] / limit))
    return [await service.get(session_id, page=page, limit=limit) for page in range(max(1, last - PAGES + 1), last + 1)]


async def test_a_request_without_a_key_is_refused(service: Service) -> None:
    """The status is 401, even for an unknown session."""
    check_refusal(await service.get(str(uuid4()), key=None), 401, "Missing x-api-key")


async def test_a_wrong_key_is_refused(service: Service) -> None:
    """The status is 401, and our client raises its error for that."""
    check_refusal(await service.get(str(uuid4()), key="no-such-key"), 401, "Invalid x-api-key")
    await service.leave_room(1)
    async with service.client("no-such-key") as client:
        with pytest.raises(AuthenticationError, match="Invalid x-api-key"):
            await client.list_session_traces(uuid4())


async def test_a_malformed_id_is_refused(service: Service) -> None:
    """The status is 400, with issues."""
    reply = await service.get("no-uuid")
    check_refusal(reply, 400)
    assert reply.document["issues"]


@pytest.mark.parametrize(
    "query", [{"page": 0}, {"page": "x"}, {"page": 1.5}, {"limit": 0}, {"limit": 101}, {"limit": "x"}], ids=str
)
async def test_a_malformed_page_or_limit_is_refused(service: Service, query: dict[str, Any]) -> None:
    """The status is 400 with issues, even for an unknown session. The range of `limit` is 1 to 100."""
    reply = await service.get(str(uuid4()), **query)
    check_refusal(reply, 400)
    assert reply.document["issues"]


async def test_an_unknown_session_is_not_found(service: Service) -> None:
    """The status is 404, and our client raises its error for that."""
    check_refusal(await service.get(str(uuid4())), 404, "Trace session not found")
    await service.leave_room(1)
    async with service.client() as client:
        with pytest.raises(NotFoundError, match="Trace session not found"):
            await client.list_session_traces(uuid4())


def _is_row(row: Any) -> bool:
    return (
        type(row["traceId"]) is str
        and 0 < len(row["traceId"]) <= 256
        and TIMESTAMP.fullmatch(row["timestamp"]) is not None
        and type(row["observationCount"]) is int
        and all(optional(row, name, str) for name in ("name", "sessionId", "htmlPath"))
        and all(optional(row, name, int, float) for name in ("latencySeconds", "totalCostUsd"))
    )


async def test_a_page_has_the_documented_shape(first: Reply) -> None:
    """It has traces with typed fields, and its place in the list."""
    assert first.status == 200
    assert {"traces", "pagination"} <= set(first.document)
    assert {name: type(value) for name, value in first.place.items()} == dict.fromkeys(
        ("page", "limit", "totalItems", "totalPages"), int
    )
    assert [row for row in first.document["traces"] if not _is_row(row)] == []


async def test_page_and_limit_have_defaults(first: Reply) -> None:
    """The defaults are page 1 and 20 traces."""
    assert (first.place["page"], first.place["limit"]) == (1, 20)
    assert len(first.document["traces"]) <= 20


async def test_the_newest_trace_comes_first(first: Reply, pages: list[Reply]) -> None:
    """This holds within a page and across pages."""
    walk = [row["timestamp"] for page in pages for row in page.document["traces"]]
    for timestamps in ([row["timestamp"] for row in first.document["traces"]], walk):
        moments = [datetime.fromisoformat(timestamp) for timestamp in timestamps]
        assert moments == sorted(moments, reverse=True)


async def test_the_totals_agree_with_the_limit(first: Reply, pages: list[Reply]) -> None:
    """No page has more traces than its limit."""
    for page in (first, *pages):
        place = page.place
        assert place["totalPages"] == math.ceil(place["totalItems"] / place["limit"])
        assert len(page.document["traces"]) <= place["limit"]


async def test_each_page_has_the_requested_number_and_limit(pages: list[Reply]) -> None:
    """The answer repeats both."""
    numbers = [page.place["page"] for page in pages]
    assert numbers == list(range(numbers[0], numbers[0] + len(pages)))
    assert len({page.place["limit"] for page in pages}) == 1


async def test_pages_do_not_overlap_while_the_session_is_unchanged(pages: list[Reply]) -> None:
    """No trace is on two pages if all pages have the same total."""
    if len({page.place["totalItems"] for page in pages}) == 1:
        ids = [row["traceId"] for page in pages for row in page.document["traces"]]
        assert len(ids) == len(set(ids))


async def test_a_page_past_the_end_is_empty(service: Service, session_id: str, first: Reply) -> None:
    """The status is 200, and the totals are those of the list."""
    past = first.place["totalPages"] + 1000
    reply = await service.get(session_id, page=past, limit=20)
    assert (reply.status, reply.document["traces"]) == (200, [])
    assert (reply.place["page"], reply.place["limit"]) == (past, 20)
    assert reply.place["totalPages"] == math.ceil(reply.place["totalItems"] / 20)


async def test_the_request_id_is_echoed(service: Service) -> None:
    """With it, a failure can be found in the service's log."""
    request_id = str(uuid4())
    reply = await service.get(str(uuid4()), headers={"X-Request-Id": request_id})
    assert reply.fields["X-Request-Id"] == request_id


async def test_every_answer_has_a_request_id(first: Reply, pages: list[Reply]) -> None:
    """An answer to a request without an id has one too."""
    assert all(page.fields["X-Request-Id"] for page in (first, *pages))


async def test_the_quota_fields_count_every_request(service: Service) -> None:
    """The remaining number falls with each request, even a refused one, until the next window."""
    before = (await service.get(str(uuid4()))).quotas()
    for key in (None, "no-such-key"):
        after = (await service.get(str(uuid4()), key=key)).quotas()
        assert after.keys() == before.keys()
        for name, quota in after.items():
            assert 0 <= quota["r"] < quota["q"]
            assert 0 < quota["t"] <= quota["w"]
            # A later end belongs to a new window.
            assert quota["r"] < before[name]["r"] or quota["t"] >= before[name]["t"]
        before = after


async def test_our_client_gets_all_traces_once(service: Service, session_id: str, pages: list[Reply]) -> None:
    """The walk yields the joined pages."""
    raw = [trace for page in pages for trace in plain_page.read(page.body)]
    place = pages[0].place
    await service.leave_room(2 * len(pages))
    async with service.client() as client:
        walk = client.iter_session_traces(session_id, limit=place["limit"], start_page=place["page"])
        traces = [trace async for trace in walk]
        assert client.stats.requests <= 2 * len(pages)
    assert traces == raw
    assert len({trace.trace_id for trace in traces}) == len(traces)
