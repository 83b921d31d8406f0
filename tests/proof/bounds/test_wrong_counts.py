"""Impossible counts in an answer are refused, and a wrong limit does no harm."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec
import pytest

from lyzr_traces_async import (
    LyzrTracesError,
    PaginationError,
    ResponseDecodeError,
)
from tests.helpers.raw_server import SESSION, Exchange, RawServer, page_body

if sys.version_info >= (3, 14):
    pass
else:
    pass
from tests.proof.bounds.measuring import client_of
from tests.proof.walking import walk

COUNTS = ["-1", "-1000000000000", "1.5", "1e3", "true", "null", '"5"', "[5]", "1" * 5000]


@pytest.mark.parametrize("count", COUNTS, ids=lambda count: count[:20])
@pytest.mark.parametrize("field", ["page", "limit", "totalItems", "totalPages"])
async def test_an_invalid_count_is_refused_with_the_path_to_it(field: str, count: str) -> None:
    """Page 2 of a walk has a count that is negative, fractional, of another type, or has too many digits."""

    async def play(exchange: Exchange) -> None:
        if exchange.page > 1:
            document = msgspec.json.decode(exchange.body, type=dict[str, Any])
            document["pagination"][field] = msgspec.Raw(count.encode())
            exchange.body = msgspec.json.encode(document)
        exchange.answer()

    async with RawServer(play, rows=47) as server, client_of(server) as client:
        came, error = await walk(client, prefetch=1)
        assert type(error) is ResponseDecodeError
        assert (error.session_id, error.page, error.attempts) == (SESSION, 2, 1)
        assert len(count) > 100 or [problem.split(":")[0] for problem in error.problems] == [f"pagination.{field}"]
        assert came == server.rows[:10]


@pytest.mark.parametrize("said", [11, 100, 10**6, 10**12, 10**4000])
async def test_a_limit_above_the_one_asked_for_does_no_harm(said: int) -> None:
    """The walk ends, and it raises an error if it can't yield all traces."""

    async def play(exchange: Exchange) -> None:
        rows = server.rows[exchange.rows.start : exchange.rows.stop]
        exchange.answer(page_body(exchange.page, rows, limit=said, total=len(server.rows), pages=5))

    async with RawServer(play, rows=47) as server, client_of(server) as client:
        async with asyncio.timeout(600):
            came, error = await walk(client)
        assert came == server.rows or isinstance(error, PaginationError)


async def test_a_limit_above_the_one_asked_for_is_never_asked_for() -> None:
    """The client keeps to its own limit, also when a heavy page makes it ask for less: the service takes 1 to 100."""

    async def play(exchange: Exchange) -> None:
        if exchange.page > 1:
            exchange.answer(b"", status=504)
        else:
            exchange.answer(page_body(exchange.page, server.rows[:10], limit=10**6, total=len(server.rows), pages=5))

    async with RawServer(play, rows=47) as server, client_of(server) as client:
        came, error = await walk(client)
        assert isinstance(error, LyzrTracesError)
        assert came in ([], server.rows[:10])
        assert all(limit <= 10 for _, limit in server.asked)
