"""The arguments of a walk: how they are sent, and which are refused at the call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from lyzr_traces_async import (
    InvalidArgumentError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import (
    SESSION,
    pages_asked,
)


async def test_a_walk_can_begin_at_a_later_page(service: FakeTracesServer, client: TracesClient) -> None:
    """Earlier traces are neither yielded nor asked for."""
    expected = service.add_session(SESSION, 49)
    found = [trace async for trace in client.iter_session_traces(SESSION, limit=10, start_page=3)]
    assert found == list(expected[20:])
    assert sorted(pages_asked(service)) == [3, 4, 5]


async def test_a_start_page_past_the_end_is_one_empty_page(service: FakeTracesServer, client: TracesClient) -> None:
    """The service answers with an empty page."""
    service.add_session(SESSION, 5)
    [only] = [page async for page in client.iter_session_pages(SESSION, start_page=7)]
    assert not only
    assert (only.pagination.page, only.pagination.total_items) == (7, 5)


async def test_page_and_limit_are_always_sent(service: FakeTracesServer, client: TracesClient) -> None:
    """The service's default limit differs from the library's."""
    service.add_session(SESSION, 5)
    await client.list_session_traces(SESSION)
    await client.list_session_traces(SESSION, page=2, limit=3)
    await anext(client.iter_session_traces(SESSION))
    await anext(client.iter_session_pages(SESSION, limit=7))
    assert [dict(request.query) for request in service.requests] == [
        {"page": "1", "limit": "100"},
        {"page": "2", "limit": "3"},
        {"page": "1", "limit": "100"},
        {"page": "1", "limit": "7"},
    ]


@pytest.mark.parametrize("spelling", [SESSION, SESSION.upper(), UUID(SESSION)])
async def test_a_session_id_is_sent_as_it_was_given(
    service: FakeTracesServer, client: TracesClient, spelling: str | UUID
) -> None:
    """The service compares ids letter by letter. A UUID object is sent in lower case."""
    service.add_session(spelling, 1)
    assert len(await client.list_session_traces(spelling)) == 1
    assert [trace.session_id async for trace in client.iter_session_traces(spelling)] == [str(spelling)]
    assert [len(page) async for page in client.iter_session_pages(spelling)] == [1]
    assert {request.path for request in service.requests} == {f"/v1/traces/session/{spelling}"}


BAD_IDS: list[Any] = ["", "x", SESSION[:-1], SESSION + "0", f"{{{SESSION}}}", SESSION.replace("-", ""), None, 5, b"x"]
BAD_COUNTS: list[Any] = [0, -1, 1.0, "1", None, True]


@pytest.mark.parametrize("session_id", BAD_IDS)
async def test_a_malformed_session_id_is_refused_at_the_call(
    service: FakeTracesServer, client: TracesClient, session_id: Any
) -> None:
    """Iterators refuse it before their first step. Nothing is sent."""
    with pytest.raises(InvalidArgumentError, match="UUID"):
        await client.list_session_traces(session_id)
    with pytest.raises(InvalidArgumentError, match="UUID"):
        client.iter_session_traces(session_id)
    with pytest.raises(InvalidArgumentError, match="UUID"):
        client.iter_session_pages(session_id)
    assert not service.requests


@pytest.mark.parametrize("value", BAD_COUNTS)
async def test_a_malformed_number_is_refused_at_the_call(
    service: FakeTracesServer, client: TracesClient, value: Any
) -> None:
    """Only integers from 1 are accepted. Nothing is sent."""
    for name in ("page", "limit"):
        with pytest.raises(InvalidArgumentError, match=f"{name} must be an integer"):
            await client.list_session_traces(SESSION, **{name: value})
    for name in ("limit", "start_page", "prefetch"):
        with pytest.raises(InvalidArgumentError, match=f"{name} must be an integer"):
            client.iter_session_traces(SESSION, **{name: value})
        with pytest.raises(InvalidArgumentError, match=f"{name} must be an integer"):
            client.iter_session_pages(SESSION, **{name: value})
    assert not service.requests


async def test_a_limit_above_100_is_refused_at_the_call(service: FakeTracesServer, client: TracesClient) -> None:
    """The service would refuse it too."""
    with pytest.raises(InvalidArgumentError, match="limit must be an integer from 1 to 100"):
        await client.list_session_traces(SESSION, limit=101)
    with pytest.raises(ValueError, match="limit must be an integer from 1 to 100"):
        client.iter_session_traces(SESSION, limit=101)
    assert not service.requests
