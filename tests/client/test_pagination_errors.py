"""The reasons for which a walk raises `PaginationError`, each with its text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final

import pytest

from lyzr_traces_async import PaginationError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def body(page: int, ids: Iterable[int], *, total: int, limit: int = 2) -> bytes:
    """Return an answer with these traces."""
    traces = [{"traceId": f"t{n}", "timestamp": "2026-01-01T00:00:00.000Z", "observationCount": 0} for n in ids]
    pagination = {"page": page, "limit": limit, "totalItems": total, "totalPages": -(-total // limit)}
    return json.dumps({"traces": traces, "pagination": pagination}).encode()


def another_page(page: int, _: int) -> bytes:
    return body(page + 1, [1, 2], total=6)


def another_limit(page: int, _: int) -> bytes:
    return body(page, [2 * page], total=6, limit=1) if page == 2 else body(page, [1, 2], total=6)


def growing(page: int, answered: int) -> bytes:
    """Let two traces arrive in front before each answer, so that page 2 always has the traces of page 1."""
    items = range(-2 * answered, 6)
    return body(page, items[2 * page - 2 : 2 * page], total=len(items))


def unstable(page: int, _: int) -> bytes:
    """Show three of six traces twice, and the others never."""
    return body(page, {1: (1, 2), 2: (2, 3), 3: (3, 1)}.get(page, ()), total=6)


REASONS: Final[list[tuple[Callable[[int, int], bytes], str]]] = [
    (another_page, "asked for page 1, the answer is page 2"),
    (another_limit, "the limit changed in the middle of the walk, from 2 to 1"),
    (growing, "the list changes faster than it can be read"),
    (unstable, "3 of 6 traces are missing after 10 passes over the list: it has no stable order"),
]


@pytest.mark.parametrize(("answer", "said"), REASONS, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_walk_of_pages_that_are_not_one_list_says_why(
    service: FakeTracesServer, client: TracesClient, answer: Callable[[int, int], bytes], said: str
) -> None:
    """The walk ends with the error, rather than with some of the traces or not at all."""
    service.add_session(SESSION, 6)

    def reply(request: RecordedRequest) -> None:
        assert len(service.requests) < 300, "the walk never ends"
        service.fail_next(body=answer(int(request.query["page"]), len(service.requests)))

    service.on_request = reply
    with pytest.raises(PaginationError, match=said) as caught:
        async for _ in client.iter_session_traces(SESSION, limit=2, prefetch=1):
            pass
    assert caught.value.session_id == SESSION
