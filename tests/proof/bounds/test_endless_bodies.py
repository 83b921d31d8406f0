"""A body without end, or a small one that decompresses to 1 GiB, costs little memory and one attempt."""

from __future__ import annotations

import functools
import itertools
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest

from lyzr_traces_async import (
    ResponseTooLargeError,
)
from tests.helpers.raw_server import SESSION, Exchange, Play, RawServer, healthy

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd
from tests.proof.bounds.measuring import CAP, MEMORY, MIB, bounded_memory, client_of, pour
from tests.proof.walking import walk


def zeros_of_deflate(mebibytes: int) -> bytes:
    """Return so many MiB of zeros as blocks of deflate. Full flushes make the blocks independent, so they repeat."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)) * mebibytes


def gzip_bomb() -> bytes:
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + zeros_of_deflate(1024)


def zlib_bomb() -> bytes:
    return b"\x78\x9c" + zeros_of_deflate(1024)


def brotli_bomb() -> bytes:
    packer = brotli.Compressor(quality=5)
    first, next_one = (bytes(packer.process(bytes(MIB)) + packer.flush()) for _ in range(2))
    return first + next_one * 1023 + bytes(packer.finish())


def zstd_bomb() -> bytes:
    return bytes(zstd.compress(bytes(MIB))) * 1024  # a stream may consist of any number of frames


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": gzip_bomb,
    "deflate": zlib_bomb,
    "br": brotli_bomb,
    "zstd": zstd_bomb,
}


@functools.cache
def bomb_of(coding: str) -> bytes:
    """Return a body that is 1 GiB after decompression."""
    return BOMBS[coding]()


async def plain_without_end(exchange: Exchange) -> None:
    exchange.writer.write(exchange.head(None, "Connection: close"))
    while True:
        await pour(exchange, bytes(MIB))


async def plain_of_a_huge_length(exchange: Exchange) -> None:
    exchange.writer.write(exchange.head(10**15))
    while True:
        await pour(exchange, bytes(MIB))


async def chunks_without_end(exchange: Exchange) -> None:
    exchange.writer.write(exchange.head(None, "Transfer-Encoding: chunked"))
    while True:
        await pour(exchange, b"10000\r\n%b\r\n" % bytes(64 * 1024))


async def one_chunk_of_a_huge_size(exchange: Exchange) -> None:
    exchange.writer.write(exchange.head(None, "Transfer-Encoding: chunked") + b"fffffffffffffff\r\n")
    while True:
        await pour(exchange, bytes(MIB))


async def failure_without_end(exchange: Exchange) -> None:
    exchange.writer.write(exchange.head(None, "Connection: close", status=404))
    while True:
        await pour(exchange, bytes(MIB))


def bomb(coding: str, *, is_chunked: bool) -> Play:
    """Send a body that is 1 GiB after decompression."""

    async def play(exchange: Exchange) -> None:
        data = bomb_of(coding)
        framing = [] if is_chunked else [f"Content-Length: {len(data)}"]
        if is_chunked:
            framing.append("Transfer-Encoding: chunked")
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
        exchange.writer.write(exchange.head(None, f"Content-Encoding: {coding}", *framing))
        await pour(exchange, data)
        await exchange.hang()

    return play


TOO_LARGE = [
    plain_without_end,
    plain_of_a_huge_length,
    chunks_without_end,
    one_chunk_of_a_huge_size,
    failure_without_end,
    *(
        pytest.param(bomb(coding, is_chunked=is_chunked), id=f"{coding} {'in chunks' if is_chunked else 'with length'}")
        for coding, is_chunked in itertools.product(BOMBS, [False, True])
    ),
]


@pytest.mark.parametrize("play", TOO_LARGE)
@pytest.mark.parametrize("prefetch", [1, 8])
async def test_a_body_without_end_costs_neither_memory_nor_a_second_attempt(play: Play, prefetch: int) -> None:
    """The client never holds more than a few times the cap, and the pages before the bad one arrive."""

    async def spoil(exchange: Exchange) -> None:
        exchange.fields.append("X-Request-Id: of-the-answer")
        await (play if exchange.page == 3 else healthy)(exchange)

    async with RawServer(spoil, rows=47) as server, client_of(server) as client:
        with bounded_memory():
            came, error = await walk(client, prefetch=prefetch)
        assert type(error) is ResponseTooLargeError
        assert (error.session_id, error.page, error.attempts) == (SESSION, 3, 1)
        assert error.request_id == "of-the-answer"
        assert came == server.rows[:20]


async def test_many_bombs_at_once_are_bounded_each_on_its_own() -> None:
    """A window of eight bombs takes at most eight times the memory of one."""

    async def spoil(exchange: Exchange) -> None:
        await (bomb("gzip", is_chunked=False) if exchange.page > 7 else healthy)(exchange)

    async with RawServer(spoil, rows=200) as server, client_of(server) as client:
        tracemalloc.start()
        try:
            came, error = await walk(client)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert type(error) is ResponseTooLargeError
        assert came == server.rows[:70]
        assert peak < 8 * MEMORY


@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("beyond", [0, 1])
async def test_the_cap_is_exact(coding: str | None, beyond: int) -> None:
    """The client reads a page of 16 MiB after decompression and refuses one that is a byte larger."""

    async def play(exchange: Exchange) -> None:
        body = exchange.body.ljust(CAP + beyond)
        if coding is None:
            exchange.answer(body)
        else:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31 if coding == "gzip" else 15)
            exchange.answer(packer.compress(body) + packer.flush(), f"Content-Encoding: {coding}")

    async with RawServer(play, rows=3) as server, client_of(server) as client:
        came, error = await walk(client)
        assert type(error) is (ResponseTooLargeError if beyond else type(None))
        assert came == ([] if beyond else server.rows)
