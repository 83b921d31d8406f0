"""Real sockets, and a clock that does not keep anyone waiting."""

from __future__ import annotations

import asyncio
import selectors
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

import pytest
from hypothesis import settings

from lyzr_traces_async import TracesClient
from lyzr_traces_async.testing import FakeTracesServer

pytest_plugins = ["contract_options"]

# How long an example takes says more of the machine than of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# How long the sockets must have been silent, in real seconds, before the clock jumps. Loopback delivers at once, so
# this only has to cover the kernel's and other threads' hand-over.
GRACE = 0.002


_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _ImpatientSelector(selectors.DefaultSelector):
    """Where nothing but time would happen next, makes time happen."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0
        self.threads = 0  # that work for the loop, and take their time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= GRACE or self.threads:
            return super().select(timeout)
        events = super().select(GRACE)
        if not events:
            self.jumped += timeout
        return events


class FastClockLoop(asyncio.SelectorEventLoop):
    """An event loop over real sockets whose clock skips the time in which nothing happens."""

    def __init__(self) -> None:
        self._impatient = _ImpatientSelector()
        super().__init__(self._impatient)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        future = super().run_in_executor(executor, func, *args)
        self._impatient.threads += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: object) -> None:
        self._impatient.threads -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - the signature
        self._impatient.threads += 1  # it waits for them
        try:
            await super().shutdown_default_executor()
        finally:
            self._impatient.threads -= 1

    def time(self) -> float:
        return super().time() + self._impatient.jumped


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let aiohttp's pool tell the age of a connection by the loop's clock.

    Outside of tests both are `time.monotonic`. Here, a wait that the loop skips would leave an idle connection young:
    it would be used in the moment in which the server closes it.
    """

    def now() -> float:
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return time.monotonic()

    monkeypatch.setattr("aiohttp.connector.monotonic", now)


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock jump earlier, for tests in which nothing waits for another thread."""
    monkeypatch.setitem(globals(), "GRACE", GRACE / 2)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing of the caller's terminal or account reach a test of the command line."""
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
    clean_environment: None,  # noqa: ARG001 - before this one sets what it takes away
    traces_server: FakeTracesServer,
    monkeypatch: pytest.MonkeyPatch,
) -> FakeTracesServer:
    """Run the fake server, with the environment set so that whoever looks there asks it."""
    monkeypatch.setenv("LYZR_API_KEY", traces_server.api_key)
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", traces_server.base_url)
    return traces_server


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Whoever runs the suite in the background may have SIGINT ignored, which the processes below would inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], Any]]]:
    return ("asyncio", {"loop_factory": FastClockLoop})


@pytest.fixture
async def service() -> AsyncIterator[FakeTracesServer]:
    """Run the fake server on the loop of the test, so that they share its clock."""
    async with FakeTracesServer(quota=None) as server:
        yield server


@pytest.fixture
async def client(service: FakeTracesServer) -> AsyncIterator[TracesClient]:
    """Open a client of that server."""
    async with TracesClient(service.api_key, base_url=service.base_url) as client:
        yield client
