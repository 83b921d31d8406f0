"""Header fields, trailers and chunk extensions have a limit as well."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack

import aiohttp
import pytest

from lyzr_traces_async import (
    APIConnectionError,
    TracesClient,
)
from tests.helpers.raw_server import SESSION, Exchange, Play, RawServer

if sys.version_info >= (3, 14):
    pass
else:
    pass
from tests.proof.bounds.measuring import MIB, RETRY, bounded_memory, client_of, pour
from tests.proof.walking import walk


async def long_status_line(exchange: Exchange) -> None:
    await pour(exchange, b"HTTP/1.1 200 " + b"K" * MIB)
    await exchange.hang()


async def long_field(exchange: Exchange) -> None:
    exchange.answer(None, "X-Long: " + "l" * MIB)


async def long_name(exchange: Exchange) -> None:
    exchange.answer(None, "X-" + "n" * MIB + ": short")


async def many_fields(exchange: Exchange) -> None:
    exchange.answer(None, *(f"X-{number}: {number}" for number in range(10_000)))


async def many_long_fields(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        await pour(exchange, b"X-Again: " + b"l" * (60 * 1024) + b"\r\n")


async def fields_without_end(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        await pour(exchange, b"X-Again: and again\r\n" * 1000)


async def folded_without_end(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nX-Folded: 1\r\n")
    while True:
        await pour(exchange, b" and more\r\n" * 1000)


async def more_than_is_read(exchange: Exchange) -> None:
    exchange.answer(None, *(f"X-{number}: {'l' * 1000}" for number in range(66)))


async def long_trailer(exchange: Exchange) -> None:
    exchange.writer.write(exchange.head(None, "Transfer-Encoding: chunked"))
    exchange.writer.write(b"%x\r\n%b\r\n0\r\n" % (len(exchange.body), exchange.body))
    await pour(exchange, b"X-Trailer: " + b"t" * MIB)
    await exchange.hang()


async def chunk_extension(exchange: Exchange) -> None:
    exchange.writer.write(exchange.head(None, "Transfer-Encoding: chunked"))
    exchange.writer.write(b"%x;" % len(exchange.body))
    for _ in range(128):
        await pour(exchange, b"e" * MIB)
    await exchange.hang()


HEADS = [
    long_status_line,
    long_field,
    long_name,
    many_fields,
    many_long_fields,
    fields_without_end,
    folded_without_end,
    more_than_is_read,
    long_trailer,
]


@pytest.mark.parametrize("play", HEADS)
async def test_header_fields_and_trailers_are_bounded_too(play: Play) -> None:
    """Fields beyond the limit raise an error that says so, after one attempt and without much memory."""
    async with RawServer(play, rows=47) as server, client_of(server) as client:
        with bounded_memory():
            came, error = await walk(client)
        assert type(error) is APIConnectionError
        assert "header fields are larger than 64 KiB in all, or more than 400:" in str(error)
        assert (error.session_id, error.page, error.attempts) == (SESSION, 1, 1)
        assert came == []
        assert len(server.asked) == 1


async def test_chunk_extensions_are_bounded_too() -> None:
    """An endless chunk extension makes the answer incomplete: an error follows after all attempts."""
    async with RawServer(chunk_extension, rows=47) as server, client_of(server) as client:
        with bounded_memory():
            came, error = await walk(client)
        assert isinstance(error, APIConnectionError)
        assert (error.session_id, error.page, error.attempts) == (SESSION, 1, RETRY.attempts)
        assert came == []


LARGE_HEADS = {
    "a policy of 12 KB": ["Content-Security-Policy: " + "script-src 'self' https://cdn.example; " * 320],
    "one of 60 KiB": ["X-Long: " + "l" * 60 * 1024],
    "several of 8 KiB": [f"X-{number}: {'l' * 8 * 1024}" for number in range(7)],
    "hundreds": [f"X-{number}: {'l' * 150}" for number in range(390)],
}


@pytest.mark.parametrize("whose", ["ours", "the caller's"])
@pytest.mark.parametrize("name", LARGE_HEADS)
async def test_header_fields_up_to_64_kib_in_all_are_read(name: str, whose: str) -> None:
    """This holds for few long fields, for many short ones, and for a caller's session with smaller limits."""

    async def play(exchange: Exchange) -> None:
        exchange.answer(None, *LARGE_HEADS[name])

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(RawServer(play, rows=47))
        own = None
        if whose != "ours":
            own = await stack.enter_async_context(aiohttp.ClientSession(max_field_size=1000, max_headers=10))
        client = TracesClient("key", base_url=server.base_url, retry=RETRY, session=own)
        await stack.enter_async_context(client)
        came, error = await walk(client)
        assert error is None
        assert came == server.rows
