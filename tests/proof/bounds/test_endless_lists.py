"""A walk ends if the last page keeps moving away, comes nearer, or is never reached."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from lyzr_traces_async import (
    PaginationError,
    Trace,
)
from tests.helpers.raw_server import SESSION, Exchange, Play, RawServer, page_body

if sys.version_info >= (3, 14):
    pass
else:
    pass
from tests.proof.bounds.measuring import client_of
from tests.proof.walking import walk


def saying(pages: Callable[[Exchange, int], int]) -> Callable[[RawServer], Play]:
    """Serve the true list with another ``totalPages``, which depends on the request and its number, from 1."""

    def on(server: RawServer) -> Play:
        async def play(exchange: Exchange) -> None:
            rows = server.rows[exchange.rows.start : exchange.rows.stop]
            said = pages(exchange, len(server.asked))
            exchange.answer(page_body(exchange.page, rows, limit=exchange.limit, total=len(server.rows), pages=said))

        return play

    return on


ENDLESS: dict[str, Callable[[Exchange, int], int]] = {
    "10**12": lambda *_: 10**12,
    "10**4000": lambda *_: 10**4000,
    "one more than asked for": lambda exchange, _: exchange.page + 1,
    "one more with every answer": lambda _, number: 5 + number,
    "twice as many with every answer": lambda _, number: 5 * 2**number,
    "up and down": lambda _, number: 10**12 if number % 2 else 10**6,
}


@pytest.mark.parametrize("what", ENDLESS)
@pytest.mark.parametrize("prefetch", [1, 8, 10**6])
async def test_an_end_that_is_never_reached_ends_the_walk_when_nothing_new_comes(what: str, prefetch: int) -> None:
    """The walk yields all traces, reads about 10,000 positions without a new one, and then raises an error."""
    async with RawServer(rows=47) as server, client_of(server) as client:
        server.plays = [saying(ENDLESS[what])(server)]
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch=prefetch)
        assert type(error) is PaginationError
        assert error.session_id == SESSION
        assert error.page is not None
        assert came == server.rows
        assert len(server.asked) <= 5 + 100 + 150


@pytest.mark.parametrize("prefetch", [1, 8])
async def test_an_end_that_recedes_is_followed_while_new_traces_come(prefetch: int) -> None:
    """Each page announces one more, up to page 1,000, and the walk reads them all."""
    async with RawServer(rows=3000) as server, client_of(server) as client:
        server.plays = [saying(lambda exchange, _: min(exchange.page + 1, 1000))(server)]
        came, error = await walk(client, limit=3, prefetch=prefetch)
        assert error is None
        assert came == server.rows
        assert len(server.asked) <= 1000 * 1.1


async def test_a_list_that_never_ends_gives_traces_for_as_long_as_they_are_taken() -> None:
    """10**12 pages are no error as long as each has new traces, and the consumer can stop at any time."""

    async def play(exchange: Exchange) -> None:
        rows = (f"trace-{row}" for row in exchange.rows)
        exchange.answer(page_body(exchange.page, rows, limit=exchange.limit, total=10**14, pages=10**12))

    async with RawServer(play, rows=0) as server, client_of(server) as client:
        traces = client.iter_session_traces(SESSION)
        async for number in _counted(traces):
            if number == 50_000:
                break
        await traces.aclose()
        assert len(server.asked) <= 2 * 500


async def _counted(traces: AsyncGenerator[Trace, None]) -> AsyncIterator[int]:
    number = 0
    async for trace in traces:
        assert trace.trace_id == f"trace-{number}"
        number += 1
        yield number


SHRINKING: dict[str, Callable[[Exchange, int], int]] = {
    "one fewer with every answer": lambda _, number: max(0, 5 - number),
    "none from the second answer on": lambda _, number: 5 if number == 1 else 0,
    "none at all": lambda *_: 0,
    "one": lambda *_: 1,
}


@pytest.mark.parametrize("what", SHRINKING)
@pytest.mark.parametrize("prefetch", [1, 8])
async def test_an_end_that_comes_nearer_ends_the_walk_there(what: str, prefetch: int) -> None:
    """The walk believes the newest ``totalPages`` and yields the traces of the pages up to it."""
    async with RawServer(rows=47) as server, client_of(server) as client:
        server.plays = [saying(SHRINKING[what])(server)]
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch=prefetch)
        assert error is None
        assert came == server.rows[: len(came)]
        assert len(came) >= 10
        assert len(server.asked) <= 5


@pytest.mark.parametrize("prefetch", [1, 8])
@pytest.mark.parametrize("fewer", [1, 7, 30])
async def test_a_list_that_shrinks_with_every_answer_is_read_to_its_end(fewer: int, prefetch: int) -> None:
    """Traces are deleted at the head during the walk. Those at the end arrive once each, and the walk ends."""
    async with RawServer(rows=100) as server, client_of(server) as client:
        last = server.rows[-5:]

        async def play(exchange: Exchange) -> None:
            del server.rows[: min(fewer, len(server.rows) - 5)]
            exchange.answer(server.body(exchange))

        server.plays = [play]
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch=prefetch)
        assert error is None
        assert set(last) <= set(came)
        assert len(came) == len(set(came))
