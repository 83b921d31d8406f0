"""What a client relies on, shown on a deployment: the fake server, or the one that ``--base-url`` names.

See ``contract_options.py`` for how to run it against a real one. All of it is fewer than 40 requests.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import aiohttp
import attrs
import http_sf
import plainpage
import pytest
from contract_options import Deployment, deployment_of

from lyzr_traces_async import AuthenticationError, NotFoundError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer

pytestmark = pytest.mark.contract

MOST_REQUESTS: Final = 39
# With fewer left than that, others who share the quota are given way to until the window ends.
ENOUGH_LEFT: Final = 10
# Pages of the session that are looked at.
PAGES: Final = 4

FAKE_SESSION: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@attrs.frozen
class Reply:
    """An answer, read to its end."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        assert self.fields["Content-Type"].partition(";")[0] == "application/json"
        return json.loads(self.body)

    @property
    def place(self) -> dict[str, int]:
        place: dict[str, int] = self.document["pagination"]
        return place

    def quotas(self) -> dict[str, dict[str, int]]:
        """The quotas and their policies, by name: r, t, q and w of each."""
        found: dict[str, dict[str, int]] = {}
        for field in ("RateLimit", "RateLimit-Policy"):
            items: Any = http_sf.parse(self.fields.get(field, "").encode(), tltype="list")
            for name, parameters in items:
                found.setdefault(str(name), {}).update(parameters)
        return found


class Service:
    """A deployment, asked politely: one request at a time, not many in all, and some of the quota left to others."""

    def __init__(self, deployment: Deployment, http: aiohttp.ClientSession) -> None:
        self.deployment = deployment
        self._http = http
        self._made = 0
        self._left: dict[str, dict[str, int]] = {}

    async def get(self, session_id: str, *, key: str | None = "", headers: Any = None, **query: object) -> Reply:
        """Ask for a page, with the deployment's key unless there is another, or ``None`` for none."""
        await self.leave_room(1)
        key = self.deployment.api_key if key == "" else key
        async with self._http.get(
            f"{self.deployment.base_url}/traces/session/{session_id}",
            params={name: str(value) for name, value in query.items()},
            headers={**({} if key is None else {"x-api-key": key}), **(headers or {})},
            allow_redirects=False,
        ) as response:
            reply = Reply(response.status, response.headers, await response.read())
        self._left = reply.quotas()
        return reply

    async def leave_room(self, requests: int) -> None:
        """Wait until so many requests can be made, and note that they will be."""
        self._made += requests
        assert self._made <= MOST_REQUESTS, "too many requests to a service that others use"
        seconds = [quota["t"] for quota in self._left.values() if quota.get("r", math.inf) < ENOUGH_LEFT + requests]
        await asyncio.sleep(max(seconds, default=0))

    def client(self, key: str = "") -> TracesClient:
        """Our client for it."""
        return TracesClient(key or self.deployment.api_key, base_url=self.deployment.base_url)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """A loop on the real clock: an answer from afar takes its time."""
    return "asyncio"


@pytest.fixture(scope="module")
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        deployment = deployment_of(request.config)
        if deployment is None:
            server = await stack.enter_async_context(FakeTracesServer(api_key="contract-key"))
            server.add_session(FAKE_SESSION, traces=45)
            deployment = Deployment(server.base_url, server.api_key, FAKE_SESSION)
        # The service looks a key up for as long as 37 s.
        http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=45))
        yield Service(deployment, await stack.enter_async_context(http))


@pytest.fixture(scope="module")
def session_id(service: Service) -> str:
    """A session that is there."""
    return service.deployment.session_id


@pytest.fixture(scope="module")
async def first(service: Service, session_id: str) -> Reply:
    """The answer to a request without page and limit."""
    return await service.get(session_id)


@pytest.fixture(scope="module")
async def pages(service: Service, session_id: str, first: Reply) -> list[Reply]:
    """The session's last pages, in a size that makes several of them."""
    limit = min(100, max(1, math.ceil(first.place["totalItems"] / PAGES)))
    last = max(1, math.ceil(first.place["totalItems"] / limit))
    return [await service.get(session_id, page=page, limit=limit) for page in range(max(1, last - PAGES + 1), last + 1)]


# --- Refusals


def _check_refusal(reply: Reply, status: int, message: str | None = None) -> None:
    assert reply.status == status
    assert isinstance(reply.document["error"], str)
    assert message in (None, reply.document["error"])


async def test_without_a_key_nothing_is_told(service: Service) -> None:
    """401, also for a session that is not there."""
    _check_refusal(await service.get(str(uuid4()), key=None), 401, "Missing x-api-key")


async def test_with_a_wrong_key_nothing_is_told(service: Service) -> None:
    """401, and our client says so with an error of its own."""
    _check_refusal(await service.get(str(uuid4()), key="no-such-key"), 401, "Invalid x-api-key")
    await service.leave_room(1)
    async with service.client("no-such-key") as client:
        with pytest.raises(AuthenticationError, match="Invalid x-api-key"):
            await client.list_session_traces(uuid4())


async def test_a_malformed_id_is_refused(service: Service) -> None:
    """400, with the issues."""
    reply = await service.get("no-uuid")
    _check_refusal(reply, 400)
    assert reply.document["issues"]


@pytest.mark.parametrize(
    "query", [{"page": 0}, {"page": "x"}, {"page": 1.5}, {"limit": 0}, {"limit": 101}, {"limit": "x"}], ids=str
)
async def test_a_malformed_page_or_limit_is_refused(service: Service, query: dict[str, Any]) -> None:
    """400 with the issues, whether the session is there or not: the range of `limit` is 1 to 100."""
    reply = await service.get(str(uuid4()), **query)
    _check_refusal(reply, 400)
    assert reply.document["issues"]


async def test_an_unknown_session_is_not_found(service: Service) -> None:
    """404, and our client says so with an error of its own."""
    _check_refusal(await service.get(str(uuid4())), 404, "Trace session not found")
    await service.leave_room(1)
    async with service.client() as client:
        with pytest.raises(NotFoundError, match="Trace session not found"):
            await client.list_session_traces(uuid4())


# --- Pages


def _is_row(row: Any) -> bool:
    def optional(name: str, *kinds: type) -> bool:
        return row.get(name) is None or type(row[name]) in kinds

    return (
        type(row["traceId"]) is str
        and 0 < len(row["traceId"]) <= 256
        and TIMESTAMP.fullmatch(row["timestamp"]) is not None
        and type(row["observationCount"]) is int
        and all(optional(name, str) for name in ("name", "sessionId", "htmlPath"))
        and all(optional(name, int, float) for name in ("latencySeconds", "totalCostUsd"))
    )


async def test_a_page_has_the_documented_shape(first: Reply) -> None:
    """Traces with their fields and types, and the page's place in the list."""
    assert first.status == 200
    assert {"traces", "pagination"} <= set(first.document)
    assert {name: type(value) for name, value in first.place.items()} == dict.fromkeys(
        ("page", "limit", "totalItems", "totalPages"), int
    )
    assert [row for row in first.document["traces"] if not _is_row(row)] == []


async def test_page_and_limit_have_defaults(first: Reply) -> None:
    """The first page, and 20 traces."""
    assert (first.place["page"], first.place["limit"]) == (1, 20)
    assert len(first.document["traces"]) <= 20


async def test_the_newest_trace_comes_first(first: Reply, pages: list[Reply]) -> None:
    """Within a page, and from page to page."""
    walk = [row["timestamp"] for page in pages for row in page.document["traces"]]
    for timestamps in ([row["timestamp"] for row in first.document["traces"]], walk):
        moments = [datetime.fromisoformat(timestamp) for timestamp in timestamps]
        assert moments == sorted(moments, reverse=True)


async def test_the_totals_fit_together(first: Reply, pages: list[Reply]) -> None:
    """As many pages as the traces need; none for none. No page has more than it may."""
    for page in (first, *pages):
        place = page.place
        assert place["totalPages"] == math.ceil(place["totalItems"] / place["limit"])
        assert len(page.document["traces"]) <= place["limit"]


async def test_each_page_is_the_one_that_was_asked_for(pages: list[Reply]) -> None:
    """It says its number and its limit."""
    numbers = [page.place["page"] for page in pages]
    assert numbers == list(range(numbers[0], numbers[0] + len(pages)))
    assert len({page.place["limit"] for page in pages}) == 1


async def test_pages_do_not_overlap_while_nothing_moves(pages: list[Reply]) -> None:
    """No trace is on two of them, where all of them tell of the same total."""
    if len({page.place["totalItems"] for page in pages}) == 1:
        ids = [row["traceId"] for page in pages for row in page.document["traces"]]
        assert len(ids) == len(set(ids))


async def test_a_page_past_the_end_is_empty(service: Service, session_id: str, first: Reply) -> None:
    """200 with no traces, and with the totals of the list."""
    past = first.place["totalPages"] + 1000
    reply = await service.get(session_id, page=past, limit=20)
    assert (reply.status, reply.document["traces"]) == (200, [])
    assert (reply.place["page"], reply.place["limit"]) == (past, 20)
    assert reply.place["totalPages"] == math.ceil(reply.place["totalItems"] / 20)


# --- Header fields


async def test_the_request_id_comes_back(service: Service) -> None:
    """So that a failure can be found in the service's log."""
    request_id = str(uuid4())
    reply = await service.get(str(uuid4()), headers={"X-Request-Id": request_id})
    assert reply.fields["X-Request-Id"] == request_id


async def test_every_answer_has_a_request_id(first: Reply, pages: list[Reply]) -> None:
    """Also where the request had none."""
    assert all(page.fields["X-Request-Id"] for page in (first, *pages))


async def test_the_quota_is_told_and_counts_every_request(service: Service) -> None:
    """Where there is one: what is left falls with each request, refused ones too, until the next window."""
    before = (await service.get(str(uuid4()))).quotas()
    for key in (None, "no-such-key"):
        after = (await service.get(str(uuid4()), key=key)).quotas()
        assert after.keys() == before.keys()
        for name, quota in after.items():
            assert 0 <= quota["r"] < quota["q"]
            assert 0 < quota["t"] <= quota["w"]
            # A window that ends later is another one.
            assert quota["r"] < before[name]["r"] or quota["t"] >= before[name]["t"]
        before = after


# --- Our client


async def test_our_client_gets_all_traces_once(service: Service, session_id: str, pages: list[Reply]) -> None:
    """The walk is the same as the pages joined."""
    raw = [trace for page in pages for trace in plainpage.read(page.body)]
    place = pages[0].place
    await service.leave_room(2 * len(pages))
    async with service.client() as client:
        walk = client.iter_session_traces(session_id, limit=place["limit"], start_page=place["page"])
        traces = [trace async for trace in walk]
        assert client.stats.requests <= 2 * len(pages)
    assert traces == raw
    assert len({trace.trace_id for trace in traces}) == len(traces)
