"""The log: every wait has a line, and no line shows the key."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any, Final

import anyio
import pytest

from lyzr_traces_async import APIConnectionError, NotFoundError, RetryPolicy, ServerError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import Play, RawServer, answer, hanging, healthy, keeping

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
KEY: Final = "sk-live-0123456789abcdef"
EXACT: Final = RetryPolicy(wait_jitter=0)

Logged = pytest.LogCaptureFixture


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY, quota=None) as server:
        server.add_session(SESSION, 5)
        yield server


def client_of(server: FakeTracesServer | RawServer, **settings: Any) -> TracesClient:
    return TracesClient(KEY, base_url=server.base_url, **{"retry": EXACT, **settings})


def told(caplog: Logged, level: int) -> list[str]:
    """Return the messages of our logger at a level."""
    return [r.getMessage() for r in caplog.records if r.name == "lyzr_traces_async" and r.levelno == level]


async def test_every_retry_is_logged(server: FakeTracesServer, caplog: Logged) -> None:
    """The line says what failed, which attempt of how many it was, the wait until the next, and the page."""
    caplog.set_level(logging.INFO, logger="lyzr_traces_async")
    server.fail_next(2, status=502, message="Langfuse request timed out")
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
    what = f"HTTP 502: Langfuse request timed out [session {SESSION}, page 1, limit 100]"
    assert told(caplog, logging.INFO) == [
        f"attempt 1 of 6 failed, the next in 0.5 s: {what}",
        f"attempt 2 of 6 failed, the next in 1.0 s: {what}",
    ]
    assert len(caplog.records) == 2


async def test_a_port_where_nobody_listens_is_not_waited_for_in_silence(caplog: Logged) -> None:
    """No silence is longer than the longest back-off, whose length the log has given."""
    caplog.set_level(logging.INFO, logger="lyzr_traces_async")
    loop = asyncio.get_running_loop()
    times: list[float] = [loop.time()]

    class Clock(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            times.append(loop.time())

    clock = Clock()
    logging.getLogger("lyzr_traces_async").addHandler(clock)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # so that no other process listens on this port
        async with TracesClient(KEY, base_url=f"http://127.0.0.1:{held.getsockname()[1]}/v1") as client:
            with pytest.raises(APIConnectionError):
                await client.list_session_traces(SESSION)
    logging.getLogger("lyzr_traces_async").removeHandler(clock)
    said = [
        re.match(r"attempt ([1-5]) of 6 failed, the next in ([0-9.]+) s: no complete answer: ", text)
        for text in told(caplog, logging.INFO)
    ]
    assert [match and match[1] for match in said] == ["1", "2", "3", "4", "5"]
    for match, (before, after) in zip(said, pairwise([*times[1:], loop.time()]), strict=True):
        assert match
        assert float(match[2]) - 0.1 <= after - before <= float(match[2]) + 5


async def test_a_refusal_is_logged_apart(server: FakeTracesServer, caplog: Logged) -> None:
    """A refusal is not a failed attempt."""
    caplog.set_level(logging.INFO, logger="lyzr_traces_async")
    server.fail_next(status=429, headers={"Retry-After": "31"})
    server.fail_next(status=500)
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
    said = [text for text in told(caplog, logging.INFO) if "HTTP" in text]
    assert len(said) == 2
    assert re.fullmatch(
        rf"refused, the next attempt in 31\.0 s: HTTP 429: .+ \[session {SESSION}, page 1, limit 100\]", said[0]
    )
    assert said[1].startswith("attempt 1 of 6 failed, the next in 0.5 s: HTTP 500: ")


async def test_a_failure_that_is_not_retried_is_only_in_its_error(server: FakeTracesServer, caplog: Logged) -> None:
    """This includes the failure of the last attempt."""
    caplog.set_level(logging.INFO, logger="lyzr_traces_async")
    async with client_of(server, retry=RetryPolicy(attempts=2, wait_jitter=0)) as client:
        with pytest.raises(NotFoundError):
            await client.list_session_traces("00000000-0000-4000-8000-000000000000")
        server.fail_next(2, status=500)
        with pytest.raises(ServerError):
            await client.list_session_traces(SESSION)
    assert [text[:19] for text in told(caplog, logging.INFO)] == ["attempt 1 of 2 fail"]


async def test_every_request_is_logged_at_debug(server: FakeTracesServer, caplog: Logged) -> None:
    """The line has the status, the size, the time, and the id to find in the service's own log."""
    caplog.set_level(logging.DEBUG, logger="lyzr_traces_async")
    server.latency = 2
    server.fail_next(status=404, headers={"X-Request-Id": "theirs"})
    async with client_of(server) as client:
        with pytest.raises(NotFoundError):
            await client.list_session_traces(SESSION, page=3, limit=7)
        await client.list_session_traces(SESSION)
    refused, good = (
        re.fullmatch(r"(\d+), (\d+) bytes, after ([0-9.]+) s \[(.+)\]", text) for text in told(caplog, logging.DEBUG)
    )
    assert refused
    assert good
    assert (refused[1], good[1]) == ("404", "200")
    assert int(good[2]) > int(refused[2]) > 10
    assert 2 <= float(good[3]) < 4
    assert refused[4] == f"session {SESSION}, page 3, limit 7, request id theirs"
    sent = server.requests[1].headers["X-Request-Id"]
    assert good[4] == f"session {SESSION}, page 1, limit 100, request id {sent}"
    assert not told(caplog, logging.INFO)


async def test_a_request_without_an_answer_is_logged_too(caplog: Logged) -> None:
    """The line has the failure or the cancellation, and the id that was sent."""
    caplog.set_level(logging.DEBUG, logger="lyzr_traces_async")
    async with RawServer(b"", hanging, hanging) as raw, client_of(raw, timeout=20) as client:
        with anyio.move_on_after(30):
            await client.list_session_traces(SESSION)
        said = told(caplog, logging.DEBUG)
        ids = [re.search(rb"X-Request-Id: (.+)\r\n", head) for head in raw.heads]
    for text, begins, sent in zip(
        said,
        (
            r"no complete answer: ServerDisconnectedError: .+, after \d",
            r"no complete answer within 20 s: .*, after 2\d\.",
            r"cancelled, after \d",
        ),
        ids,
        strict=True,
    ):
        assert re.match(begins, text)
        assert sent
        assert text.endswith(f"request id {sent[1].decode()}]")


async def test_a_server_can_write_no_lines_of_its_own_into_a_log(server: FakeTracesServer, caplog: Logged) -> None:
    """It can neither colour nor fill the log."""
    caplog.set_level(logging.DEBUG, logger="lyzr_traces_async")
    server.fail_next(status=500, message="a\r\nINFO b\x1b[31m\u2028\u202e" + "c" * 400)
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
    assert all(text.isprintable() for level in (logging.INFO, logging.DEBUG) for text in told(caplog, level))
    [retry] = told(caplog, logging.INFO)
    assert "HTTP 500: a  INFO b [31m  ccc" in retry
    assert f"ccc... [session {SESSION}" in retry
    assert len(retry) < 450


async def test_the_key_is_in_no_record(caplog: Logged) -> None:
    """The server echoes the key in a message, in a broken answer and as the request's id."""
    caplog.set_level(logging.DEBUG)
    plays: list[Play | bytes] = [
        keeping(answer(b'{"error": "not %b"}' % KEY.encode(), f"X-Request-Id: {KEY}", status=502)),
        keeping(answer(f"<p>{KEY}</p>".encode())),
        answer(b"", f"X-{KEY}: 1", length=10),
        b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n",
        healthy,
    ]
    async with RawServer(*plays) as raw, client_of(raw) as client:
        await client.list_session_traces(SESSION)
    assert len(told(caplog, logging.INFO)) == 4
    assert len(told(caplog, logging.DEBUG)) == 5
    for record in caplog.records:
        assert KEY not in record.getMessage()
        assert KEY not in repr(vars(record))


async def test_without_a_handler_nothing_is_printed(
    server: FakeTracesServer, caplog: Logged, capfd: pytest.CaptureFixture[str]
) -> None:
    """A library configures no logging."""
    logging.getLogger("lyzr_traces_async").setLevel(logging.NOTSET)
    server.fail_next(2, status=500)
    async with client_of(server) as client:
        await client.list_session_traces(SESSION)
    assert not told(caplog, logging.INFO)
    assert capfd.readouterr() == ("", "")
