"""A server that sends one byte a second runs into the time-out."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Callable

import pytest

from lyzr_traces_async import (
    APITimeoutError,
)
from tests.helpers.raw_server import SESSION, Exchange, Play, RawServer

if sys.version_info >= (3, 14):
    pass
else:
    pass
from tests.proof.bounds.measuring import RETRY, client_of
from tests.proof.walking import walk


def trickling(data: Callable[[Exchange], bytes]) -> Play:
    """Send one byte a second."""

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
    """An attempt ends after its 45 s, even if data keeps arriving."""
    loop = asyncio.get_running_loop()
    async with RawServer(play, rows=47) as server, client_of(server) as client:
        begun = loop.time()
        async with asyncio.timeout(600):
            came, error = await walk(client)
        assert type(error) is APITimeoutError
        assert (error.session_id, error.page, error.attempts) == (SESSION, 1, RETRY.attempts)
        assert came == []
        assert 2 * 45 <= loop.time() - begun < 2 * 45 + 15
