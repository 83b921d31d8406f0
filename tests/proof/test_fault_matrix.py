"""Every fault at every position: the whole list, or one typed error to resume from, and nothing that hangs."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib
from collections.abc import Awaitable, Callable

import attrs
import pytest

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
    TracesClient,
)
from tests.helpers.faulty_server import SESSION, Exchange, FaultyServer, Play, well

pytestmark = pytest.mark.usefixtures("hurry")

LIMIT = 10
ROWS = 47
PAGES = 5
RETRY = RetryPolicy(attempts=3, wait_initial=0.5, wait_max=4.0, wait_jitter=0.0, max_rate_limit_wait=30.0)
# No case takes longer than this, in seconds of the loop's clock: three time-outs of 45 s and what is between them.
LONGEST = 200.0

REFUSED, CLOGGED, DEAF = "connection refused", "backlog full", "connected, not accepted"


@attrs.frozen
class Fault:
    """What goes wrong, and what the documented rules say of it.

    :ivar play: how a request is answered; an outage has none, since there is nobody to ask.
    :ivar error: what it is where it does not pass; ``None`` where it does no harm at all.
    :ivar attempts: how many requests are then made for the page. One means that it is not tried again.
    :ivar is_exact: whether it is that error and not one derived from it.
    """

    name: str
    play: Play | None
    error: type[LyzrTracesError] | None
    attempts: int = RETRY.attempts
    is_exact: bool = True

    @property
    def is_retried(self) -> bool:
        """Whether it does not matter where it passes in time."""
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
    # Whether it is the damage that ends the attempt or the time-out is up to the HTTP library.
    Fault("chunk of no size", chunk_of_no_size, APIConnectionError, is_exact=False),
    # Where neither length nor chunks tell the end, a cut body is a whole body that is not JSON.
    Fault("truncated body without a length", truncate_unframed, ResponseDecodeError),
    Fault("stall before the head", stall_before_head, APITimeoutError),
    Fault("stall in the head", stall_in_head, APITimeoutError),
    Fault("stall in the body", stall_in_body, APITimeoutError),
    Fault("half-closed before the head", half_close_before_head, APIConnectionError),
    Fault("half-closed after the answer", half_close_after_answer, None),
    Fault("408", answering(b"", status=408), APIStatusError),
    # Waits of 7 s each, the fifth of which ends after more than 30 s; and of 1, 1, 2, 4, 4, 4 ... s: the tenth.
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
    # A deflate stream must come to its end. A gzip stream that is cut is taken as it is, and is then not JSON.
    Fault("deflate cut short", deflate_cut, APIConnectionError),
    Fault("gzip cut short", gzip_cut, ResponseDecodeError),
    Fault("gzip that is none", gzip_not_at_all, APIConnectionError),
    Fault("not HTTP", no_http, APIConnectionError),
]


@attrs.frozen
class Position:
    """Where in the walk the fault is met.

    :ivar page: which page can't be had.
    :ivar row: a row of the list that is asked for with it, at any limit.
    :ivar drift: whether it is met only when the page is read again, because a trace was deleted meanwhile.
    """

    name: str
    page: int
    row: int
    drift: bool = False


# Windows of pages are 1, 2-3, 4-5 with a prefetch of 8. After a deletion while pages 2 and 3 are read, what moved up to
# page 1 has to be read there: its last row.
POSITIONS = [
    Position("the first page", 1, 0),
    Position("a middle page", 2, 10),
    Position("a page within a window", 3, 20),
    Position("the last page", 5, 40),
    Position("a page read again", 1, 9, drift=True),
]
PERSISTENCES = ["once", "for good"]
PREFETCHES = [1, 8]


@attrs.frozen
class Case:
    """One fault at one position."""

    fault: Fault
    position: Position
    is_lasting: bool
    prefetch: int

    def __str__(self) -> str:
        lasting = PERSISTENCES[self.is_lasting]
        return f"{self.fault.name}, {lasting}, at {self.position.name}, prefetch {self.prefetch}"

    @property
    def error(self) -> type[LyzrTracesError] | None:
        """What the walk ends with, if it does not come to its end."""
        return self.fault.error if self.is_lasting or not self.fault.is_retried else None

    @property
    def window(self) -> range:
        """The pages that are asked for together with the one that is met."""
        if self.prefetch == 1 or self.position.drift:
            return range(self.position.page, self.position.page + 1)
        return next(window for window in (range(1, 2), range(2, 4), range(4, 6)) if self.position.page in window)

    @property
    def page(self) -> int:
        """The page that the error names: an outage meets the whole window."""
        return self.window.start if self.fault.play is None else self.position.page

    @property
    def rows_before(self) -> int:
        """How many traces come before the error."""
        return LIMIT if self.position.drift else (self.page - 1) * LIMIT

    @property
    def answers_before(self) -> int:
        """How many answers come before the window."""
        if self.position.drift:
            return 2 if self.prefetch == 1 else 3
        return self.window.start - 1


CASES = [
    Case(fault, position, persistence == "for good", prefetch)
    for fault, position, persistence, prefetch in itertools.product(FAULTS, POSITIONS, PERSISTENCES, PREFETCHES)
]


class Scene:
    """A server that meets a client with the fault of a case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.server = FaultyServer(ROWS, self.play)
        self._deleted = False
        self.met = 0
        self._answered = 0
        self._is_over = False

    async def play(self, exchange: Exchange) -> None:
        """Answer a request, well or badly."""
        position, fault = self.case.position, self.case.fault
        read_again = self._deleted
        if position.drift and exchange.page > 1 and not self._deleted:
            self._deleted = True
            self.server.rows.pop(0)
            exchange.body = self.server.body(exchange)
        is_meant = position.row in exchange.rows and (read_again or not position.drift)
        if fault.play is None:
            exchange.fields.append("Connection: close")
            self._answered += 1
            self.go_down_if_it_is_time()
            await well(exchange)
            exchange.writer.close()
        elif is_meant and not self._is_over:
            self.met += 1
            self._is_over = not self.case.is_lasting
            await fault.play(exchange)
        else:
            await well(exchange)

    def go_down_if_it_is_time(self) -> None:
        """Begin an outage, before the answer that makes the client go on."""
        if self._is_over or self._answered != self.case.answers_before:
            return
        self.met += 1
        if self.case.fault.name == REFUSED:
            self.server.refuse()
        else:
            self.server.ignore(backlog=0 if self.case.fault.name == CLOGGED else 100)

    def outage(self, client: TracesClient) -> Awaitable[None]:
        """Begin an outage if it is time, and return what is to be waited for when the walk has ended."""
        if self.case.fault.play is None:
            self.go_down_if_it_is_time()
            if not self.case.is_lasting:
                return asyncio.ensure_future(self.end_outage_after_one_attempt(client))
        return asyncio.sleep(0)

    async def end_outage_after_one_attempt(self, client: TracesClient) -> None:
        """Come up again when each page of the window has been asked for once."""
        while client.stats.requests < self.case.answers_before + len(self.case.window):
            await asyncio.sleep(0.01)
        if self.case.fault.name == REFUSED:
            for _ in range(50):  # turns of the loop, not seconds: the refusal takes a few, the next attempt comes later
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(40)
        await self.recover()

    async def recover(self) -> None:
        """Let the fault be gone."""
        self._is_over = True
        await self.server.listen()


async def walk(client: TracesClient, case: Case, start_page: int = 1) -> tuple[list[str], LyzrTracesError | None]:
    """Return the ids of the traces that came, and what the walk ended with. Other exceptions are not caught."""
    came: list[str] = []
    try:
        traces = client.iter_session_traces(SESSION, limit=LIMIT, start_page=start_page, prefetch=case.prefetch)
        async for trace in traces:
            came.append(trace.trace_id)  # noqa: PERF401 - the loop may be left by an error
    except LyzrTracesError as error:
        return came, error
    return came, None


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_walk_is_whole_or_ends_with_one_error_to_resume_from(case: Case) -> None:
    """Each fault, once and for good, at each position, with and without prefetching."""
    loop = asyncio.get_running_loop()
    tasks, begun = asyncio.all_tasks(), loop.time()
    scene = Scene(case)
    everything = tuple(scene.server.rows)
    async with asyncio.timeout(2 * LONGEST), scene.server:
        async with TracesClient("key", base_url=scene.server.base_url, retry=RETRY) as client:
            outage = scene.outage(client)
            before, error = await walk(client, case)
            await outage
            assert scene.met
            assert isinstance(error, case.error or type(None))
            assert error is None or type(error) is case.error or not case.fault.is_exact
            if error is None:
                assert before == list(everything)
            else:
                assert (error.session_id, error.page) == (SESSION, case.page)
                assert error.attempts == (case.fault.attempts if case.fault.is_retried else 1)
                assert before == list(everything[: case.rows_before])
                await scene.recover()
                after, error = await walk(client, case, case.page)
                assert error is None
                assert list(dict.fromkeys([*before, *after])) == list(everything)
        while scene.server.open:
            await asyncio.sleep(0.01)
    assert loop.time() - begun < LONGEST
    assert asyncio.all_tasks() == tasks


async def test_a_byte_too_many_in_the_same_breath_does_no_harm() -> None:
    """Of an answer with a length too short the client may see that, or what is no JSON; the next page is unharmed."""

    async def play(exchange: Exchange) -> None:
        exchange.answer(length=len(exchange.body) - (exchange.page == 2))

    async with (
        FaultyServer(ROWS, play) as server,
        TracesClient("key", base_url=server.base_url, retry=RETRY) as client,
    ):
        for page in (1, 3, 2, 4, 2, 5):
            if page == 2:
                with pytest.raises((APIConnectionError, ResponseDecodeError)):
                    await client.list_session_traces(SESSION, page=page, limit=LIMIT)
            else:
                answer = await client.list_session_traces(SESSION, page=page, limit=LIMIT)
                assert [trace.trace_id for trace in answer] == server.rows[(page - 1) * LIMIT : page * LIMIT]


def test_the_matrix_has_all_cases_of_its_axes(record_property: Callable[[str, object], None]) -> None:
    """42 faults, at 5 positions, once and for good, with and without prefetching; no two are the same."""
    record_property("cases", len(CASES))
    assert len(set(map(str, CASES))) == len(CASES) == 42 * 5 * 2 * 2 == 840
