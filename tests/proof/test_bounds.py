"""What a server can't make the client do: take up memory, wait for ever, or walk for ever."""

from __future__ import annotations

import asyncio
import itertools
import sys
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import aiohttp
import brotli
import msgspec
import pytest

from lyzr_traces_async import (
    APIConnectionError,
    APITimeoutError,
    LyzrTracesError,
    PaginationError,
    ResponseDecodeError,
    ResponseTooLargeError,
    RetryPolicy,
    Trace,
    TracesClient,
)
from tests.helpers.faulty_server import SESSION, Exchange, FaultyServer, Play, document, well

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 2**20
CAP = 16 * MIB
# What an answer without an end may take up: the cap, what is on its way to it, and as much again for joining it.
MEMORY = 64 * MIB
RETRY = RetryPolicy(attempts=2, wait_jitter=0.0)


def client_of(server: FaultyServer) -> TracesClient:
    return TracesClient("key", base_url=server.base_url, retry=RETRY)


async def walk(client: TracesClient, limit: int = 10, prefetch: int = 8) -> tuple[list[str], LyzrTracesError | None]:
    """Return the ids of the traces that came, and what the walk ended with. Other exceptions are not caught."""
    came: list[str] = []
    try:
        async for trace in client.iter_session_traces(SESSION, limit=limit, prefetch=prefetch):
            came.append(trace.trace_id)  # noqa: PERF401 - the loop may be left by an error
    except LyzrTracesError as error:
        return came, error
    return came, None


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Refuse a block that has more than `MEMORY` more at any time than when it began."""
    was_tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
        assert peak - before < MEMORY
    finally:
        if not was_tracing:
            tracemalloc.stop()


def zeros_of_deflate(mebibytes: int) -> bytes:
    """Return so many MiB of zeros as blocks of deflate: with full flushes, they can be copied one behind another."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)) * mebibytes


def gzip_bomb() -> bytes:
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + zeros_of_deflate(1024)


def zlib_bomb() -> bytes:
    return b"\x78\x9c" + zeros_of_deflate(1024)


def brotli_bomb() -> bytes:
    packer = brotli.Compressor(quality=5)
    return b"".join([*(packer.process(bytes(MIB)) for _ in range(1024)), packer.finish()])


def zstd_bomb() -> bytes:
    return bytes(zstd.compress(bytes(MIB))) * 1024  # frames can be copied one behind another


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": gzip_bomb,
    "deflate": zlib_bomb,
    "br": brotli_bomb,
    "zstd": zstd_bomb,
}


async def pour(exchange: Exchange, data: bytes, size: int = 64 * 1024) -> None:
    """Send a body piece by piece, as fast as it is taken."""
    for start in range(0, len(data), size):
        exchange.writer.write(data[start : start + size])
        await exchange.writer.drain()


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
    """Send what is 1 GiB after decompression."""

    async def play(exchange: Exchange) -> None:
        data = BOMBS[coding]()
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
    """Of 1 GiB and more no more than a few times the cap is held; the pages before it have come."""

    async def spoil(exchange: Exchange) -> None:
        exchange.fields.append("X-Request-Id: of-the-answer")
        await (play if exchange.page == 3 else well)(exchange)

    async with FaultyServer(47, spoil) as server, client_of(server) as client:
        with bounded_memory():
            came, error = await walk(client, prefetch=prefetch)
        assert type(error) is ResponseTooLargeError
        assert (error.session_id, error.page, error.attempts) == (SESSION, 3, 1)
        assert error.request_id == "of-the-answer"
        assert came == server.rows[:20]


async def test_many_bombs_at_once_are_bounded_each_on_its_own() -> None:
    """A window of eight of them takes no more than eight times what one takes."""

    async def spoil(exchange: Exchange) -> None:
        await (bomb("gzip", is_chunked=False) if exchange.page > 7 else well)(exchange)

    async with FaultyServer(200, spoil) as server, client_of(server) as client:
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
    """A page of 16 MiB after decompression is read; with one byte more it is refused."""

    async def play(exchange: Exchange) -> None:
        body = exchange.body.ljust(CAP + beyond)
        if coding is None:
            exchange.answer(body)
        else:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31 if coding == "gzip" else 15)
            exchange.answer(packer.compress(body) + packer.flush(), f"Content-Encoding: {coding}")

    async with FaultyServer(3, play) as server, client_of(server) as client:
        came, error = await walk(client)
        assert type(error) is (ResponseTooLargeError if beyond else type(None))
        assert came == ([] if beyond else server.rows)


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
async def test_what_stands_around_a_body_is_bounded_too(play: Play) -> None:
    """Where it is too large the error says so, without a second attempt, and no more memory is taken either."""
    async with FaultyServer(47, play) as server, client_of(server) as client:
        with bounded_memory():
            came, error = await walk(client)
        assert type(error) is APIConnectionError
        assert "header fields are larger than 64 KiB in all, or more than 400:" in str(error)
        assert (error.session_id, error.page, error.attempts) == (SESSION, 1, 1)
        assert came == []
        assert len(server.asked) == 1


async def test_chunks_are_bounded_too() -> None:
    """What may stand beside a chunk's size, and never does: there is no complete answer, after all attempts."""
    async with FaultyServer(47, chunk_extension) as server, client_of(server) as client:
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
    """However they are spread, and whatever a caller's session says of them."""

    async def play(exchange: Exchange) -> None:
        exchange.answer(None, *LARGE_HEADS[name])

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(FaultyServer(47, play))
        own = None
        if whose != "ours":
            own = await stack.enter_async_context(aiohttp.ClientSession(max_field_size=1000, max_headers=10))
        client = TracesClient("key", base_url=server.base_url, retry=RETRY, session=own)
        await stack.enter_async_context(client)
        came, error = await walk(client)
        assert error is None
        assert came == server.rows


def trickling(data: Callable[[Exchange], bytes]) -> Play:
    """Send a byte a second."""

    async def play(exchange: Exchange) -> None:
        for byte in data(exchange):
            exchange.writer.write(bytes([byte]))
            await exchange.writer.drain()
            await asyncio.sleep(1)
        await exchange.hang()

    return play


def after_the_head(body: Callable[[Exchange], bytes], *fields: str) -> Play:
    async def play(exchange: Exchange) -> None:
        exchange.writer.write(exchange.head(None, *fields))
        await trickling(body)(exchange)

    return play


async def interim_answers(exchange: Exchange) -> None:
    while not exchange.writer.is_closing():
        exchange.writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        await exchange.writer.drain()
        await asyncio.sleep(1)


def in_small_chunks(exchange: Exchange) -> bytes:
    return b"".join(b"1\r\n%c\r\n" % byte for byte in exchange.body)


TRICKLES = [
    pytest.param(trickling(lambda _: b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100), id="the head"),
    pytest.param(interim_answers, id="interim answers"),
    pytest.param(after_the_head(lambda exchange: exchange.body, "Content-Length: 5000"), id="a body with a length"),
    pytest.param(after_the_head(lambda exchange: exchange.body, "Connection: close"), id="a body without a length"),
    pytest.param(after_the_head(in_small_chunks, "Transfer-Encoding: chunked"), id="chunks"),
    pytest.param(
        after_the_head(
            lambda exchange: zlib.compress(exchange.body), "Content-Encoding: deflate", "Content-Length: 500"
        ),
        id="a compressed body",
    ),
]


@pytest.mark.parametrize("play", TRICKLES)
async def test_a_byte_a_second_meets_the_time_out(play: Play) -> None:
    """However steadily something comes, an attempt takes its 45 s and no longer."""
    loop = asyncio.get_running_loop()
    async with FaultyServer(47, play) as server, client_of(server) as client:
        begun = loop.time()
        async with asyncio.timeout(600):
            came, error = await walk(client)
        assert type(error) is APITimeoutError
        assert (error.session_id, error.page, error.attempts) == (SESSION, 1, RETRY.attempts)
        assert came == []
        assert 2 * 45 <= loop.time() - begun < 2 * 45 + 15


def saying(pages: Callable[[Exchange, int], int]) -> Callable[[FaultyServer], Play]:
    """Serve the list as it is, but with another ``totalPages``, by the request and its number from 1."""

    def on(server: FaultyServer) -> Play:
        async def play(exchange: Exchange) -> None:
            rows = server.rows[exchange.rows.start : exchange.rows.stop]
            said = pages(exchange, len(server.asked))
            exchange.answer(document(rows, exchange.page, exchange.limit, len(server.rows), said))

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
    """All traces have come by then, and 10,000 positions without one: a thousand pages, and little more."""
    async with FaultyServer(47) as server, client_of(server) as client:
        server.play = saying(ENDLESS[what])(server)
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch=prefetch)
        assert type(error) is PaginationError
        assert error.session_id == SESSION
        assert error.page is not None
        assert came == server.rows
        assert len(server.asked) <= 5 + 100 + 150


@pytest.mark.parametrize("prefetch", [1, 8])
async def test_an_end_that_recedes_is_followed_while_new_traces_come(prefetch: int) -> None:
    """A thousand pages, each of which says that there is one more than has been asked for, and then no more."""
    async with FaultyServer(3000) as server, client_of(server) as client:
        server.play = saying(lambda exchange, _: min(exchange.page + 1, 1000))(server)
        came, error = await walk(client, limit=3, prefetch=prefetch)
        assert error is None
        assert came == server.rows
        assert len(server.asked) <= 1000 * 1.1


async def test_a_list_that_never_ends_gives_traces_for_as_long_as_they_are_taken() -> None:
    """10**12 pages are no error where each has traces; who leaves, leaves."""

    async def play(exchange: Exchange) -> None:
        rows = (f"trace-{row}" for row in exchange.rows)
        exchange.answer(document(rows, exchange.page, exchange.limit, 10**14, 10**12))

    async with FaultyServer(0, play) as server, client_of(server) as client:
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
    """The newest ``totalPages`` is the right one; what was on the pages up to it has come."""
    async with FaultyServer(47) as server, client_of(server) as client:
        server.play = saying(SHRINKING[what])(server)
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch=prefetch)
        assert error is None
        assert came == server.rows[: len(came)]
        assert len(came) >= 10
        assert len(server.asked) <= 5


@pytest.mark.parametrize("prefetch", [1, 8])
@pytest.mark.parametrize("fewer", [1, 7, 30])
async def test_a_list_that_shrinks_with_every_answer_is_read_to_its_end(fewer: int, prefetch: int) -> None:
    """Traces are deleted at its head while it is read: those at its end come, once each, and the walk ends."""
    async with FaultyServer(100) as server, client_of(server) as client:
        last = server.rows[-5:]

        async def play(exchange: Exchange) -> None:
            del server.rows[: min(fewer, len(server.rows) - 5)]
            exchange.answer(server.body(exchange))

        server.play = play
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch=prefetch)
        assert error is None
        assert set(last) <= set(came)
        assert len(came) == len(set(came))


COUNTS = ["-1", "-1000000000000", "1.5", "1e3", "true", "null", '"5"', "[5]", "1" * 5000]


@pytest.mark.parametrize("count", COUNTS, ids=lambda count: count[:20])
@pytest.mark.parametrize("field", ["page", "limit", "totalItems", "totalPages"])
async def test_a_count_that_is_none_is_refused_with_the_path_to_it(field: str, count: str) -> None:
    """Negative, fractional, of another type, or with more digits than an integer is read with: at page 2 of a walk."""

    async def play(exchange: Exchange) -> None:
        if exchange.page > 1:
            document = msgspec.json.decode(exchange.body, type=dict[str, Any])
            document["pagination"][field] = msgspec.Raw(count.encode())
            exchange.body = msgspec.json.encode(document)
        exchange.answer()

    async with FaultyServer(47, play) as server, client_of(server) as client:
        came, error = await walk(client, prefetch=1)
        assert type(error) is ResponseDecodeError
        assert (error.session_id, error.page, error.attempts) == (SESSION, 2, 1)
        assert len(count) > 100 or [problem.split(":")[0] for problem in error.problems] == [f"pagination.{field}"]
        assert came == server.rows[:10]


@pytest.mark.parametrize("said", [11, 100, 10**6, 10**12, 10**4000])
async def test_a_limit_above_the_one_asked_for_does_no_harm(said: int) -> None:
    """Whatever it makes of it, the walk ends, and loses no trace without an error."""

    async def play(exchange: Exchange) -> None:
        rows = server.rows[exchange.rows.start : exchange.rows.stop]
        exchange.answer(document(rows, exchange.page, said, len(server.rows), 5))

    async with FaultyServer(47, play) as server, client_of(server) as client:
        async with asyncio.timeout(600):
            came, error = await walk(client)
        assert came == server.rows or isinstance(error, PaginationError)


async def test_a_limit_above_the_one_asked_for_is_never_asked_for() -> None:
    """Nor where a page that follows is too heavy and the walk asks for less: the service takes 1 to 100."""

    async def play(exchange: Exchange) -> None:
        if exchange.page > 1:
            exchange.answer(b"", status=504)
        else:
            exchange.answer(document(server.rows[:10], exchange.page, 10**6, len(server.rows), 5))

    async with FaultyServer(47, play) as server, client_of(server) as client:
        came, error = await walk(client)
        assert isinstance(error, LyzrTracesError)
        assert came in ([], server.rows[:10])
        assert all(limit <= 10 for _, limit in server.asked)
