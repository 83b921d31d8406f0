"""No error and no log shows the key."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from collections.abc import Iterator

import aiohttp
import pytest
from rich.pretty import pretty_repr

from lyzr_traces_async import InvalidArgumentError, LyzrTracesError, TracesClient
from lyzr_traces_async._arguments import Secret
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.failures import SITUATIONS, errors_of
from tests.proof.secrecy.listeners import KEY, SESSION
from tests.proof.secrecy.showing import check_texts


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Record all loggers at DEBUG, and look for the key when the test ends."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="lyzr_traces_async")
    yield caplog
    for record in caplog.records:
        assert KEY not in record.getMessage()
        assert KEY not in repr(vars(record))
    assert KEY not in caplog.text


@pytest.mark.usefixtures("everything_logged")
@pytest.mark.parametrize("what", SITUATIONS)
async def test_no_error_shows_the_key(what: str) -> None:
    """Neither the error nor its causes show it in text, attributes, pickle or traceback, and no log does."""
    # In debug mode, asyncio reports the server's side of a failed handshake as an error of the event loop.
    asyncio.get_running_loop().set_debug(what != "certificate")
    errors = await errors_of(what)
    assert len(errors) == 3
    for error in errors:
        assert isinstance(error, LyzrTracesError)
        check_texts(error, KEY)


@pytest.mark.usefixtures("everything_logged")
async def test_no_log_of_a_good_walk_shows_the_key() -> None:
    """No library logs it at DEBUG, also in the debug mode of asyncio."""
    asyncio.get_running_loop().set_debug(True)
    async with (
        FakeTracesServer(api_key=KEY) as server,
        TracesClient(KEY, base_url=server.base_url) as client,
    ):
        server.add_session(SESSION, 120)
        assert len([trace async for trace in client.iter_session_traces(SESSION, limit=1)]) == 120
        assert KEY not in repr(client) + str(client) + repr(client.stats)
        assert KEY not in repr(server.requests)


def test_the_wrapper_of_a_key_does_not_show_it() -> None:
    """No text, attribute, pickle or copy has it, and `reveal` returns it unchanged."""
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


async def test_the_header_field_of_the_key_is_a_plain_string() -> None:
    """Tools that record requests for tests write it to files, and can write nothing else."""
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
    """No object inside the client shows it when a debugger unfolds it."""
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


def test_a_password_in_the_base_url_is_not_shown() -> None:
    """The error refuses the URL without quoting it."""
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(KEY, base_url="https://user:hunter2@traces.example/v1")
    assert "hunter2" not in str(caught.value)
