"""Each fault: how the server answers a request, and which error the documentation promises."""

from __future__ import annotations

import gzip
import zlib

import attrs

from lyzr_traces_async import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    LyzrTracesError,
    RateLimitError,
    ResponseDecodeError,
    RetryPolicy,
    ServerError,
    ServiceNotConfiguredError,
)
from tests.helpers.raw_server import Exchange, Play

RETRY = RetryPolicy(attempts=3, wait_initial=0.5, wait_max=4.0, wait_jitter=0.0, max_rate_limit_wait=30.0)
REFUSED, CLOGGED, DEAF = "connection refused", "backlog full", "connected, not accepted"


@attrs.frozen
class Fault:
    """One fault, and the outcome that the documentation promises.

    :ivar play: how the server answers a request. An outage has none, since no request arrives.
    :ivar error: the error if the fault lasts, or ``None`` if it does no harm.
    :ivar attempts: how many requests the client makes for the page. One means that it does not retry.
    :ivar is_exact: whether the error is of exactly that class, not of a subclass.
    """

    name: str
    play: Play | None
    error: type[LyzrTracesError] | None
    attempts: int = RETRY.attempts
    is_exact: bool = True

    @property
    def is_retried(self) -> bool:
        """Whether the walk succeeds if the fault goes away in time."""
        return self.error is None or self.attempts > 1


def answering(body: bytes, *fields: str, status: int = 200) -> Play:
    """Answer with a status, or with a body that is not a page."""

    async def play(exchange: Exchange) -> None:
        exchange.answer(body, *fields, status=status)

    return play


async def reset_before_head(exchange: Exchange) -> None:
    exchange.reset()


async def reset_in_head(exchange: Exchange) -> None:
    await exchange.send(exchange.head(len(exchange.body))[:40])
    exchange.reset()


async def reset_in_body(exchange: Exchange) -> None:
    await exchange.send(exchange.head(len(exchange.body)) + exchange.body[:300])
    exchange.reset()


async def close_before_head(exchange: Exchange) -> None:
    exchange.writer.close()


async def close_in_head(exchange: Exchange) -> None:
    await exchange.send(exchange.head(len(exchange.body))[:40])
    exchange.writer.close()


async def truncate_body(exchange: Exchange) -> None:
    await exchange.send(exchange.head(len(exchange.body)) + exchange.body[:300])
    exchange.writer.close()


async def truncate_chunks(exchange: Exchange) -> None:
    await exchange.send(exchange.head(None, "Transfer-Encoding: chunked") + b"12c\r\n%b\r\n" % exchange.body[:300])
    exchange.writer.close()


async def truncate_unframed(exchange: Exchange) -> None:
    await exchange.send(exchange.head(None, "Connection: close") + exchange.body[:300])
    exchange.writer.close()


async def stall_before_head(exchange: Exchange) -> None:
    await exchange.hang()


async def stall_in_head(exchange: Exchange) -> None:
    await exchange.send(exchange.head(len(exchange.body))[:40])
    await exchange.hang()


async def stall_in_body(exchange: Exchange) -> None:
    await exchange.send(exchange.head(len(exchange.body)) + exchange.body[:300])
    await exchange.hang()


async def half_close_before_head(exchange: Exchange) -> None:
    exchange.writer.write_eof()
    await exchange.hang()


async def half_close_after_answer(exchange: Exchange) -> None:
    exchange.answer(None, "Keep-Alive: timeout=5")
    exchange.writer.write_eof()
    await exchange.hang()


async def length_too_long(exchange: Exchange) -> None:
    exchange.answer(length=len(exchange.body) + 1)
    await exchange.hang()


async def length_too_short(exchange: Exchange) -> None:
    await exchange.send(exchange.head(len(exchange.body) - 1) + exchange.body[:-1])
    await exchange.send(exchange.body[-1:])


async def lengths_that_differ(exchange: Exchange) -> None:
    exchange.answer(None, f"Content-Length: {len(exchange.body) + 1}")
    exchange.writer.close()


async def chunk_of_no_size(exchange: Exchange) -> None:
    await exchange.send(exchange.head(None, "Transfer-Encoding: chunked") + b"12c\r\n%b\r\n" % exchange.body[:300])
    await exchange.send(b"many\r\n")
    exchange.writer.close()


async def charset_latin_1(exchange: Exchange) -> None:
    exchange.answer(exchange.body.decode().encode("latin-1"), "X-Charset: iso-8859-1")


async def charset_utf_16(exchange: Exchange) -> None:
    exchange.answer(exchange.body.decode().encode("utf-16"))


async def gzip_garbage(exchange: Exchange) -> None:
    packed = gzip.compress(exchange.body, mtime=0)
    exchange.answer(packed[:20] + b"\xff" * 20 + packed[40:], "Content-Encoding: gzip")


async def gzip_wrong_sum(exchange: Exchange) -> None:
    packed = gzip.compress(exchange.body, mtime=0)
    exchange.answer(packed[:-8] + bytes(byte ^ 0xFF for byte in packed[-8:]), "Content-Encoding: gzip")


async def gzip_cut(exchange: Exchange) -> None:
    packed = gzip.compress(exchange.body, mtime=0)
    exchange.answer(packed[: len(packed) // 2], "Content-Encoding: gzip")


async def deflate_cut(exchange: Exchange) -> None:
    packed = zlib.compress(exchange.body)
    exchange.answer(packed[: len(packed) // 2], "Content-Encoding: deflate")


async def gzip_not_at_all(exchange: Exchange) -> None:
    exchange.answer(None, "Content-Encoding: gzip")


async def no_http(exchange: Exchange) -> None:
    await exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    exchange.writer.close()


HTML = b"<!doctype html><title>Sign in</title>"
FAULTS = [
    Fault(REFUSED, None, APIConnectionError),
    Fault(CLOGGED, None, APITimeoutError),
    Fault(DEAF, None, APITimeoutError),
    Fault("reset before the head", reset_before_head, APIConnectionError),
    Fault("reset in the head", reset_in_head, APIConnectionError),
    Fault("reset in the body", reset_in_body, APIConnectionError),
    Fault("closed before the head", close_before_head, APIConnectionError),
    Fault("closed in the head", close_in_head, APIConnectionError),
    Fault("truncated body", truncate_body, APIConnectionError),
    Fault("truncated chunks", truncate_chunks, APIConnectionError),
    # The HTTP library decides whether the damage ends the attempt or the time-out does.
    Fault("chunk of no size", chunk_of_no_size, APIConnectionError, is_exact=False),
    # Without a length or chunks, a truncated body looks like a whole body that is not JSON.
    Fault("truncated body without a length", truncate_unframed, ResponseDecodeError),
    Fault("stall before the head", stall_before_head, APITimeoutError),
    Fault("stall in the head", stall_in_head, APITimeoutError),
    Fault("stall in the body", stall_in_body, APITimeoutError),
    Fault("half-closed before the head", half_close_before_head, APIConnectionError),
    Fault("half-closed after the answer", half_close_after_answer, None),
    Fault("408", answering(b"", status=408), APIStatusError),
    # The client gives up once its waits exceed 30 s: the fifth of 7 s each, and the tenth of 1, 1, 2, 4, 4, 4 ... s.
    Fault("429 with Retry-After", answering(b"", "Retry-After: 7", status=429), RateLimitError, attempts=6),
    Fault("429 without Retry-After", answering(b"{}", status=429), RateLimitError, attempts=11),
    Fault("500", answering(b'{"error": "Internal server error"}', status=500), ServerError),
    Fault("502", answering(b'{"error": "Langfuse request failed (500)"}', status=502), ServerError),
    Fault("502 of a page too heavy", answering(b'{"error": "Langfuse request timed out"}', status=502), ServerError),
    Fault("503", answering(b"Service Unavailable", status=503), ServerError),
    Fault(
        "503 for good",
        answering(b'{"error": "Langfuse tracing is not configured on voice-agent-server"}', status=503),
        ServiceNotConfiguredError,
        attempts=1,
    ),
    Fault("504", answering(HTML, status=504), ServerError),
    Fault("520", answering(HTML, status=520), ServerError),
    Fault("526", answering(HTML, status=526), ServerError, attempts=1),
    Fault("HTML with 200", answering(HTML), ResponseDecodeError),
    Fault("empty body with 200", answering(b""), ResponseDecodeError),
    Fault("another document with 200", answering(b'{"traces": null}'), ResponseDecodeError, attempts=1),
    Fault("length too long", length_too_long, APITimeoutError),
    Fault("length too short", length_too_short, ResponseDecodeError),
    Fault("two lengths", lengths_that_differ, APIConnectionError),
    Fault("Latin-1", charset_latin_1, ResponseDecodeError),
    Fault("UTF-16", charset_utf_16, ResponseDecodeError),
    Fault("gzip with garbage inside", gzip_garbage, APIConnectionError),
    Fault("gzip with a wrong check sum", gzip_wrong_sum, APIConnectionError),
    # The HTTP library refuses a truncated deflate stream. It accepts a truncated gzip stream, which is then not JSON.
    Fault("deflate cut short", deflate_cut, APIConnectionError),
    Fault("gzip cut short", gzip_cut, ResponseDecodeError),
    Fault("gzip that is none", gzip_not_at_all, APIConnectionError),
    Fault("not HTTP", no_http, APIConnectionError),
]
