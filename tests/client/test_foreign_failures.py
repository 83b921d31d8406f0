"""A caller's session has connectors, resolvers and hooks that fail in their own ways. Users see our errors."""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from lyzr_traces_async import (
    APIConnectionError,
    APITimeoutError,
    LyzrTracesError,
    RetryPolicy,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHERS = [f"{number:08x}-5717-4562-b3fc-2c963f66afa6" for number in range(4)]
KEY = "sk-canary-7Qx2vLr9TzB4"
QUICK = RetryPolicy(attempts=3, wait_initial=0.01, wait_jitter=0)


class SocksError(Exception):
    """An error as SOCKS connectors raise it, of no class that aiohttp knows."""

    def __init__(self, message: str, code: object) -> None:
        super().__init__(message)
        self.code = code


class SocksTimeoutError(TimeoutError):
    """A timeout as SOCKS connectors raise it."""


Fail = Callable[[], BaseException]
# A session in which something fails, so many times, with what the function makes.
Made = Callable[[Fail, int], aiohttp.ClientSession]


class _Failing:
    def __init__(self, fail: Fail, times: int) -> None:
        self.fail = fail
        self.times = times

    async def __call__(self, *_: object) -> None:
        if self.times:
            self.times -= 1
            raise self.fail()


def connector(fail: Fail, times: int) -> aiohttp.ClientSession:
    """Fail to connect."""
    failing = _Failing(fail, times)

    class Connector(aiohttp.TCPConnector):
        async def _create_connection(self, *arguments: Any) -> Any:
            await failing()
            return await super()._create_connection(*arguments)

    return aiohttp.ClientSession(connector=Connector())


def resolver(fail: Fail, times: int) -> aiohttp.ClientSession:
    """Fail to resolve the host."""
    failing = _Failing(fail, times)

    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            await failing()
            found = ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)
            return [found]

        async def close(self) -> None:
            pass

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Resolver(), use_dns_cache=False))


def hook(name: str) -> Made:
    def made(fail: Fail, times: int) -> aiohttp.ClientSession:
        failing = _Failing(fail, times)
        tracing = aiohttp.TraceConfig()
        getattr(tracing, name).append(failing)
        return aiohttp.ClientSession(trace_configs=[tracing])

    return made


PARTS: dict[str, Made] = {
    "the connector": connector,
    "the resolver": resolver,
    "a hook before the request": hook("on_request_start"),
    "a hook while connecting": hook("on_connection_create_start"),
    "a hook at the fields": hook("on_request_headers_sent"),
    "a hook after the request": hook("on_request_end"),
}


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY, quota=None) as server:
        for session_id in (SESSION, *OTHERS):
            server.add_session(session_id, 3)
        yield server


def client_of(server: FakeTracesServer, session: aiohttp.ClientSession) -> TracesClient:
    base_url = server.base_url.replace("127.0.0.1", "localhost")  # a name, so that it must be resolved
    return TracesClient(KEY, base_url=base_url, session=session, retry=QUICK)


async def failure(call: Awaitable[object]) -> LyzrTracesError:
    with pytest.raises(LyzrTracesError) as caught:
        await call
    assert KEY not in repr(caught.value) + repr(vars(caught.value)) + repr(caught.value.__cause__)
    assert caught.value.__context__ is caught.value.__cause__ or caught.value.__context__ is None
    assert caught.value.__cause__ is None or caught.value.__cause__.__traceback__ is None
    assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)  # noqa: S301 - our own
    return caught.value


@pytest.mark.parametrize("part", PARTS)
async def test_an_exception_of_a_part_of_a_callers_session_is_a_failed_connection(
    server: FakeTracesServer, part: str
) -> None:
    """The exception is the cause of our error. It is retried like other network failures."""
    async with PARTS[part](lambda: SocksError("host unreachable", 4), 99) as session:
        error = await failure(client_of(server, session).list_session_traces(SESSION))
    assert type(error) is APIConnectionError
    assert "no complete answer: SocksError: host unreachable" in str(error)
    assert (error.session_id, error.page, error.attempts) == (SESSION, 1, 3)
    assert isinstance(error.__cause__, SocksError)
    assert error.__cause__.code == 4


@pytest.mark.parametrize("part", PARTS)
async def test_a_passing_exception_is_tried_again(server: FakeTracesServer, part: str) -> None:
    """The next attempt gets the page."""
    async with PARTS[part](lambda: SocksError("host unreachable", 4), 2) as session:
        client = client_of(server, session)
        assert len(await client.list_session_traces(SESSION)) == 3
        assert client.stats.retries == 2


@pytest.mark.parametrize("kind", [TypeError, ValueError, KeyError, AttributeError, RuntimeError, AssertionError])
@pytest.mark.parametrize("part", PARTS)
async def test_a_mistake_in_a_program_is_not_tried_again(
    server: FakeTracesServer, part: str, kind: type[Exception]
) -> None:
    """The next attempt would fail in the same way."""
    async with PARTS[part](lambda: kind("a mistake"), 99) as session:
        error = await failure(client_of(server, session).list_session_traces(SESSION))
    assert type(error) is APIConnectionError
    assert f"{kind.__name__}: " in str(error)
    assert type(error.__cause__) is kind
    assert error.attempts == 1


@pytest.mark.parametrize("part", PARTS)
async def test_a_time_limit_of_theirs_is_a_time_out(server: FakeTracesServer, part: str) -> None:
    """It is handled as the client's own timeout."""
    async with PARTS[part](lambda: SocksTimeoutError("too slow"), 99) as session:
        error = await failure(client_of(server, session).list_session_traces(SESSION))
    assert type(error) is APITimeoutError
    assert error.attempts == 3


@pytest.mark.parametrize("part", PARTS)
async def test_one_session_of_a_stream_fails_and_the_others_come(server: FakeTracesServer, part: str) -> None:
    """The error is the result of that one session."""
    async with PARTS[part](lambda: SocksError("host unreachable", 4), 3) as session:
        client = client_of(server, session)
        async with client.stream_sessions([SESSION, *OTHERS], concurrency=1) as sessions:
            errors = [type(each.error) async for each in sessions]
    assert errors == [APIConnectionError] + [type(None)] * 4


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("where", ["its text", "an attribute", "one of a group", "what it came from"])
async def test_an_exception_that_holds_the_key_is_not_kept_as_cause(
    server: FakeTracesServer, part: str, where: str
) -> None:
    """Hooks get the request's header fields, and may put them into an exception."""

    def fail() -> Exception:
        error: Exception = SocksError(f"sent {KEY}" if where == "its text" else "no", 1)
        if where == "an attribute":
            error.request = {"headers": {"x-api-key": KEY}}  # type: ignore[attr-defined]
        if where == "one of a group":
            error = ExceptionGroup("some", [OSError("a"), SocksError("no", KEY)])
        if where == "what it came from":
            error.__cause__ = error.__context__ = SocksError(KEY, 1)
        return error

    async with PARTS[part](fail, 99) as session:
        error = await failure(client_of(server, session).list_session_traces(SESSION))
    assert "sk-canary" not in str(error)
    cause = error.__cause__
    assert cause is None or (where == "what it came from" and cause.__cause__ is cause.__context__ is None)


async def test_a_group_without_the_key_is_a_cause(server: FakeTracesServer) -> None:
    """The frames of all its members are removed."""
    async with connector(lambda: ExceptionGroup("both", [OSError("a"), SocksError("b", 2)]), 99) as session:
        error = await failure(client_of(server, session).list_session_traces(SESSION))
    assert isinstance(error.__cause__, ExceptionGroup)
    assert [str(each) for each in error.__cause__.exceptions] == ["a", "b"]


@pytest.mark.parametrize("part", PARTS)
async def test_a_cancellation_stays_a_cancellation(server: FakeTracesServer, part: str) -> None:
    """It does not matter who cancels."""
    async with PARTS[part](asyncio.CancelledError, 1) as session:
        client = client_of(server, session)
        with pytest.raises(asyncio.CancelledError):
            await client.list_session_traces(SESSION)
        assert len(await client.list_session_traces(SESSION)) == 3


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("part", PARTS)
def test_an_exception_that_ends_a_program_is_not_caught(part: str, kind: type[BaseException]) -> None:
    """Its traceback shows no header fields."""

    async def main() -> None:
        async with FakeTracesServer(api_key=KEY) as server, PARTS[part](kind, 1) as session:
            server.add_session(SESSION, 3)
            await client_of(server, session).list_session_traces(SESSION)

    with pytest.raises(kind) as caught:
        asyncio.run(main())
    assert "get" in [frame.name for frame in caught.traceback]
    assert not [frame for frame in caught.traceback if "aiohttp" in Path(frame.path).parts]
