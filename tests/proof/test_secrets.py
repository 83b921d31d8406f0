"""The API key appears nowhere, whatever goes wrong."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import trustme
from rich.console import Console
from rich.pretty import pretty_repr, traverse
from rich.traceback import Traceback

from lyzr_traces_async import InvalidArgumentError, LyzrTracesError, RetryPolicy, TracesClient
from lyzr_traces_async._arguments import Secret
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import Play, RawServer, answer, closing, hanging, page, resetting, trickling

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
KEY = "canary-9b41d6e0"
POLICY = RetryPolicy(attempts=2, wait_initial=0.01, wait_jitter=0, max_rate_limit_wait=0)


def everything(error: BaseException) -> Iterator[BaseException]:
    """Return an exception and all that can be reached from it."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def check_error(error: BaseException) -> None:
    """Look for the key in whatever a user, a debugger or a reporting service would look at."""
    for each in everything(error):
        shown = [str(each), repr(each), repr(each.args), repr(vars(each)), repr(getattr(each, "__notes__", ()))]
        for name in dir(each):
            if not name.startswith("__"):
                value = getattr(each, name, None)
                shown += [repr(value), str(value)]
        assert not [text for text in shown if KEY in text]
        rendered = "".join(traceback.TracebackException.from_exception(each, capture_locals=True).format())
        leaks = [line for line in rendered.splitlines() if KEY in line]
        assert not leaks, leaks
    assert KEY.encode() not in pickle.dumps(error)


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All loggers at DEBUG; looked through at the end of the test."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="lyzr_traces_async")
    yield caplog
    for record in caplog.records:
        assert KEY not in record.getMessage()
        assert KEY not in repr(vars(record))
    assert KEY not in caplog.text


def _raw(*plays: Play) -> Callable[[], object]:
    return lambda: RawServer(*plays)


@asynccontextmanager
async def _fake(**fault: object) -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY, quota=None) as server:
        server.add_session(SESSION, 500)
        server.fail_next(100, page=fault.pop("page", 1), **fault)  # type: ignore[arg-type]
        yield server


@asynccontextmanager
async def _refusing() -> AsyncIterator[RawServer]:
    raw = RawServer(b"")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        raw.port = held.getsockname()[1]
        yield raw


@asynccontextmanager
async def _untrusted() -> AsyncIterator[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with RawServer(b"", tls=context) as raw:
        yield raw
        await asyncio.sleep(0.01)  # for TLS to say goodbye


@asynccontextmanager
async def _not_found() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY) as server:
        yield server


@asynccontextmanager
async def _used_up() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY) as server:
        server.add_session(SESSION)
        server.spend_quota(100)
        yield server


ECHO = json.dumps({"error": KEY, "issues": [KEY]}).encode()
FIELDS = (f"X-Echo: {KEY}", f"X-Request-Id: {KEY}", f"Retry-After: {KEY}", f"Location: /{KEY}")

SITUATIONS: dict[str, Callable[[], object]] = {
    "refused": _refusing,
    "certificate": _untrusted,
    "reset": _raw(resetting),
    "closed": _raw(closing(b"")),
    "time-out": _raw(hanging),
    "time-out in the head": _raw(trickling(b"HTTP/1.1 200 OK\r\n" * 9, 10)),
    "time-out in the body": _raw(trickling(answer(b" " * 99), 10)),
    "half a body": _raw(answer(page(), length=1000)),
    "not HTTP": _raw(b"hello\r\n\r\n"),
    "damaged gzip": _raw(answer(page(), "Content-Encoding: gzip")),
    "too large": _raw(answer(b" " * (17 * 2**20))),
    "HTML": _raw(answer(b"<html>")),
    "no page": _raw(answer(b"{}")),
    "another page": _raw(answer(page(5))),
    "not found": _not_found,
    "quota": _used_up,
    "500": lambda: _fake(status=500),
    "429": lambda: _fake(status=429),
    "in the middle of a walk": lambda: _fake(status=500, page=3),
    **{
        f"{status} with an echo": _raw(answer(ECHO, *FIELDS, status=f"{status} X"))
        for status in (302, 400, 401, 403, 404, 418, 429, 500, 503)
    },
    "a 200 with an echo": _raw(answer(ECHO, f"X-Echo: {KEY}")),
    "an echo as the reason": _raw(answer(b"", status=f"500 {KEY}")),
    "an echo that is no HTTP": _raw(f"HTTP/1.1 200 OK\r\nx-api key: {KEY}\r\n\r\n".encode()),
    "an echo as the request's id": _raw(answer(b"{}", f"X-Request-Id: {KEY}")),
}


@pytest.mark.usefixtures("everything_logged")
@pytest.mark.parametrize("what", SITUATIONS)
async def test_no_error_shows_the_key(what: str) -> None:
    """Neither it nor what it came from, in text, attributes, pickle, or a traceback with all locals; and no log."""
    # In its debug mode, asyncio reports the server's side of a failed handshake as an error of the loop's.
    asyncio.get_running_loop().set_debug(what != "certificate")
    errors = await _errors(what)
    assert len(errors) == 3
    for error in errors:
        assert isinstance(error, LyzrTracesError)
        check_error(error)


async def _errors(what: str) -> list[BaseException]:
    errors: list[BaseException] = []
    async with (
        SITUATIONS[what]() as server,  # type: ignore[attr-defined]
        TracesClient(KEY, base_url=server.base_url, timeout=5, retry=POLICY) as client,
    ):
        assert KEY not in repr(client)
        number = 3 if what == "in the middle of a walk" else 1
        errors.append(await _caught(client.list_session_traces(SESSION, page=number)))
        errors.append(await _caught(_traces(client)))
        errors.append(await _caught(_pages(client)))
    return errors


async def _traces(client: TracesClient) -> None:
    async for _ in client.iter_session_traces(SESSION, limit=50):
        pass


async def _pages(client: TracesClient) -> None:
    async for _ in client.iter_session_pages(SESSION, limit=50):
        pass


async def _caught(call: Awaitable[object]) -> BaseException:
    try:
        await call
    except LyzrTracesError as error:
        return error
    raise AssertionError("nothing went wrong")


@pytest.mark.usefixtures("everything_logged")
async def test_no_log_of_a_good_walk_shows_the_key() -> None:
    """Of any library, at the level DEBUG and in the debug mode of asyncio."""
    asyncio.get_running_loop().set_debug(True)
    async with (
        FakeTracesServer(api_key=KEY) as server,
        TracesClient(KEY, base_url=server.base_url) as client,
    ):
        server.add_session(SESSION, 120)
        assert len([trace async for trace in client.iter_session_traces(SESSION, limit=1)]) == 120
        assert KEY not in repr(client) + str(client) + repr(client.stats)
        assert KEY not in repr(server.requests)


def test_a_key_is_in_a_box_that_nobody_looks_into() -> None:
    """Not as a text, not in an attribute, not in a pickle or a copy; it is sent as it is."""
    secret = Secret(KEY)
    assert not isinstance(secret, str | bytes)
    shown = [repr(secret), str(secret), f"{secret}", pretty_repr(secret), pretty_repr({"x-api-key": secret})]
    shown += [pretty_repr(getattr(secret, name)) for name in dir(secret)]
    assert not [text for text in shown if KEY in text]
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="can't be pickled or copied"):
            way(secret)
    assert secret.reveal() == KEY
    assert type(secret.reveal()) is str


# --- The values of variables, as rich, structlog and reports of errors show them


def _locals(error: BaseException) -> Iterator[tuple[str, object]]:
    """Return the variables of every frame but this file's, of an exception and all that can be reached from it."""
    for each in everything(error):
        traced = each.__traceback__
        while traced is not None:
            frame = traced.tb_frame
            if frame.f_code.co_filename != __file__:
                yield from ((f"{frame.f_code.co_qualname}: {name}", value) for name, value in frame.f_locals.items())
            traced = traced.tb_next


def _renderings(value: object) -> Iterator[str]:
    """Return what a renderer makes of a variable: its text, what it looks into, a text's beginning."""
    yield repr(value)
    yield str(value)
    yield pretty_repr(value)
    yield str(traverse(value))
    if isinstance(value, str):
        yield "".join(value)
        yield value[:1000]


def check_locals(error: BaseException) -> None:
    """Look for the key in the variables of all frames of ours and of the libraries below."""
    found = list(_locals(error))
    assert found
    assert not [where for where, value in found for text in _renderings(value) if KEY in text]
    console = Console(file=io.StringIO(), width=10_000)
    for each in everything(error):
        mine = each.__traceback__
        while mine is not None and mine.tb_frame.f_code.co_filename == __file__:
            mine = mine.tb_next
        console.print(
            Traceback.from_exception(type(each), each, mine, show_locals=True, locals_max_string=10_000, width=10_000)
        )
    assert isinstance(console.file, io.StringIO)
    assert KEY not in console.file.getvalue()


UNMAKEABLE: dict[str, dict[str, Any]] = {
    "a base URL": {"base_url": "http://api.example/v1"},
    "a time-out": {"timeout": -1},
    "a number of requests": {"max_concurrency": 0},
    "a policy": {"retry": None},
    "a session": {"session": "x"},
    "a flag": {"allow_http": 1},
}


@pytest.mark.parametrize("given", ["as an argument", "by the environment"])
@pytest.mark.parametrize("name", UNMAKEABLE)
def test_no_variable_shows_the_key_of_a_client_that_cannot_be_made(
    name: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The constructor knows it, and whatever it calls."""
    arguments = dict(UNMAKEABLE[name])
    if given == "as an argument":
        arguments["api_key"] = KEY
    else:
        monkeypatch.setenv("LYZR_API_KEY", KEY)
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(**arguments)
    check_locals(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\x00", f"{KEY}é"])
def test_no_variable_shows_a_key_that_is_refused(key: str) -> None:
    """Nearly right, it is as good as right."""
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(key)
    check_locals(caught.value)


@pytest.mark.parametrize("what", SITUATIONS)
async def test_no_variable_shows_the_key_of_a_request_that_fails(what: str) -> None:
    """Although it is sent as a plain text: whatever holds it is in no frame that an error leads to."""
    for error in await _errors(what):
        check_locals(error)


async def _stream(client: TracesClient) -> None:
    async with client.stream_sessions([SESSION, SESSION.upper()]) as sessions:
        async for session in sessions:
            _ = session.traces  # raises its error


@pytest.mark.parametrize("what", ["401 with an echo", "500 with an echo", "reset", "time-out"])
async def test_no_variable_shows_the_key_in_a_stream(what: str) -> None:
    """With its workers' frames in between."""
    async with (
        SITUATIONS[what]() as server,  # type: ignore[attr-defined]
        TracesClient(KEY, base_url=server.base_url, timeout=5, retry=POLICY) as client,
    ):
        check_locals(await _caught(_stream(client)))


@pytest.mark.parametrize("call", [_traces, _pages, _stream, lambda client: client.list_session_traces(SESSION)])
async def test_no_variable_shows_the_key_where_the_caller_gives_up(
    call: Callable[[TracesClient], Awaitable[object]],
) -> None:
    """A time limit of the caller's own ends the request in the middle of the libraries below."""
    async with RawServer(hanging) as server, TracesClient(KEY, base_url=server.base_url) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(1):
                await call(client)
        check_locals(caught.value)


async def test_the_keys_field_is_a_plain_text() -> None:
    """What records requests for tests writes it out, and can't write anything else."""
    seen: list[object] = []

    async def record(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        seen.append(params.headers["x-api-key"])

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(record)
    async with (
        FakeTracesServer(api_key=KEY) as server,
        aiohttp.ClientSession(trace_configs=[tracing]) as session,
        TracesClient(KEY, base_url=server.base_url, session=session) as client,
    ):
        server.add_session(SESSION, 1)
        await client.list_session_traces(SESSION)
    assert seen == [KEY]
    assert {type(value) for value in seen} == {str}


async def test_looking_into_a_client_does_not_show_the_key() -> None:
    """What it is made of, down to the text of each, as debuggers unfold it."""
    async with FakeTracesServer(api_key=KEY) as server, TracesClient(KEY, base_url=server.base_url) as client:
        server.add_session(SESSION, 1)
        await client.list_session_traces(SESSION)
        pending: list[object] = [client]
        seen: dict[int, object] = {}
        while pending:
            value = pending.pop()
            if id(value) in seen:
                continue
            seen[id(value)] = value
            assert KEY not in pretty_repr(value)
            if type(value).__module__.startswith("lyzr_traces_async"):
                names = {*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())}
                pending += [getattr(value, name) for name in names if hasattr(value, name)]
        assert len(seen) > 20


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\x00", f"{KEY}é"])
def test_a_key_that_is_refused_is_not_shown(key: str) -> None:
    """The error says what is wrong with it only."""
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(key)
    shown = [str(caught.value), repr(caught.value), repr(vars(caught.value))]
    assert not [text for text in shown if KEY in text]


def test_a_password_in_the_base_url_is_not_shown() -> None:
    """It is refused, without being quoted."""
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(KEY, base_url="https://user:hunter2@traces.example/v1")
    assert "hunter2" not in str(caught.value)
