"""Fixtures for all rooms: a clock that skips waits, a clean environment, a server and its client."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from lyzr_traces_async import TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clock import FastClockLoop

pytest_plugins = ["tests.contract.options"]

# The time an example takes depends on the machine more than on the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_collection_finish() -> None:
    """Let the garbage collector leave aside all modules and tests, so that a full collection in a test is fast."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let aiohttp's pool measure the age of a connection by the loop's clock.

    Outside of tests both clocks are `time.monotonic`. In tests the loop skips waits. By the other clock an idle
    connection would not age during such a wait, and would be used at the moment in which the server closes it.
    """

    def now() -> float:
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return time.monotonic()

    monkeypatch.setattr("aiohttp.connector.monotonic", now)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the terminal and the account of whoever runs the tests from the command line."""
    for name in (
        "COLUMNS",
        "NO_COLOR",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "LYZR_API_KEY",
        "LYZR_TRACES_BASE_URL",
        "LYZR_DASHBOARD_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def server(
    clean_environment: None,  # noqa: ARG001 - must run first, as it deletes the variables that this fixture sets
    traces_server: FakeTracesServer,
    monkeypatch: pytest.MonkeyPatch,
) -> FakeTracesServer:
    """Run the fake server, with an environment that names its key and its address."""
    monkeypatch.setenv("LYZR_API_KEY", traces_server.api_key)
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", traces_server.base_url)
    return traces_server


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set a local time that is not UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Do not ignore SIGINT: a suite in the background may ignore it, and its child processes would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], Any]]]:
    return ("asyncio", {"loop_factory": FastClockLoop})


@pytest.fixture
async def service() -> AsyncIterator[FakeTracesServer]:
    """Run the fake server on the loop of the test, so that both share one clock."""
    async with FakeTracesServer(quota=None) as server:
        yield server


@pytest.fixture
async def client(service: FakeTracesServer) -> AsyncIterator[TracesClient]:
    """Open a client of the fake server."""
    async with TracesClient(service.api_key, base_url=service.base_url) as client:
        yield client
