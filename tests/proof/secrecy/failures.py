"""Every way in which a request can fail, each with a server that causes it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trustme

from lyzr_traces_async import LyzrTracesError, RetryPolicy, TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import Play, RawServer, answer, hanging, page_body, resetting, trickling
from tests.proof.secrecy.listeners import KEY, SESSION

POLICY = RetryPolicy(attempts=2, wait_initial=0.01, wait_jitter=0, max_rate_limit_wait=0)


def _raw(*plays: Play | bytes) -> Callable[[], object]:
    return lambda: RawServer(*plays)


@asynccontextmanager
async def _fake(**fault: object) -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY, quota=None) as server:
        server.add_session(SESSION, 500)
        server.fail_next(100, page=fault.pop("page", 1), **fault)  # type: ignore[arg-type]
        yield server


@asynccontextmanager
async def _refusing() -> AsyncIterator[RawServer]:
    async with RawServer() as raw:
        raw.refuse()
        yield raw


@asynccontextmanager
async def _untrusted() -> AsyncIterator[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with RawServer(b"", tls=context) as raw:
        yield raw
        await asyncio.sleep(0.01)  # lets TLS close its connections


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
    "closed": _raw(b""),
    "time-out": _raw(hanging),
    "time-out in the head": _raw(trickling(b"HTTP/1.1 200 OK\r\n" * 9, 10)),
    "time-out in the body": _raw(trickling(answer(b" " * 99), 10)),
    "half a body": _raw(answer(page_body(), length=1000)),
    "not HTTP": _raw(b"hello\r\n\r\n"),
    "damaged gzip": _raw(answer(page_body(), "Content-Encoding: gzip")),
    "too large": _raw(answer(b" " * (17 * 2**20))),
    "HTML": _raw(answer(b"<html>")),
    "no page": _raw(answer(b"{}")),
    "another page": _raw(answer(page_body(5))),
    "not found": _not_found,
    "quota": _used_up,
    "500": lambda: _fake(status=500),
    "429": lambda: _fake(status=429),
    "in the middle of a walk": lambda: _fake(status=500, page=3),
    **{
        f"{status} with an echo": _raw(answer(ECHO, *FIELDS, status=status))
        for status in (302, 400, 401, 403, 404, 418, 429, 500, 503)
    },
    "a 200 with an echo": _raw(answer(ECHO, f"X-Echo: {KEY}")),
    "an echo as the reason": _raw(answer(b"", reason=KEY, status=500)),
    "an echo that is no HTTP": _raw(f"HTTP/1.1 200 OK\r\nx-api key: {KEY}\r\n\r\n".encode()),
    "an echo as the request's id": _raw(answer(b"{}", f"X-Request-Id: {KEY}")),
}


async def errors_of(what: str) -> list[BaseException]:
    errors: list[BaseException] = []
    async with (
        SITUATIONS[what]() as server,  # type: ignore[attr-defined]
        TracesClient(KEY, base_url=server.base_url, timeout=5, retry=POLICY) as client,
    ):
        assert KEY not in repr(client)
        number = 3 if what == "in the middle of a walk" else 1
        errors.append(await caught(client.list_session_traces(SESSION, page=number)))
        errors.append(await caught(read_traces(client)))
        errors.append(await caught(read_pages(client)))
    return errors


async def read_traces(client: TracesClient) -> None:
    async for _ in client.iter_session_traces(SESSION, limit=50):
        pass


async def read_pages(client: TracesClient) -> None:
    async for _ in client.iter_session_pages(SESSION, limit=50):
        pass


async def caught(call: Awaitable[object]) -> BaseException:
    try:
        await call
    except LyzrTracesError as error:
        return error
    raise AssertionError("nothing went wrong")
