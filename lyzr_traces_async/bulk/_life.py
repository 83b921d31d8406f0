"""One event loop and one client for the whole process.

An engine makes many calls, each from any of its threads. With a client for each call, each call would open new
connections and would have to find its share of the quota again.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import secrets
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from threading import Lock, Thread
from typing import Final, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from ..client import TracesClient
from ..errors import InvalidArgumentError

__all__ = ["check_no_loop", "in_the_process"]

_T = TypeVar("_T")

# How long the interpreter's exit waits for connections to close, which usually takes milliseconds.
_SECONDS_TO_END: Final = 5.0

# Settings are kept and compared as a salted hash, so that no variable here holds the key.
_SALT: Final = secrets.token_bytes(16)


class _Shared:
    """A client, the hash of its settings, and the number of calls that use it."""

    def __init__(self, settings: bytes) -> None:
        self.client = TracesClient()
        self.settings = settings
        self.users = 0

    async def close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self.client.aclose()


class _Clients:
    """The client for the settings of the environment, which rarely change. Use this on the event loop only."""

    def __init__(self) -> None:
        self._newest: _Shared | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[TracesClient]:
        shared = self._newest
        settings = _settings()
        if shared is None or shared.settings != settings:
            old, self._newest = shared, (shared := _Shared(settings))
            if old is not None and not old.users:
                await old.close()
        shared.users += 1
        try:
            yield shared.client
        finally:
            shared.users -= 1
            if not shared.users and shared is not self._newest:
                await shared.close()

    async def aclose(self) -> None:
        """Close the client, which ends the calls that are running."""
        if self._newest is not None:
            await self._newest.close()


def _settings() -> bytes:
    hashed = blake2b(key=_SALT)
    for name in ("LYZR_API_KEY", "LYZR_TRACES_BASE_URL"):
        hashed.update(os.environ.get(name, "").encode(errors="surrogateescape") + b"\0")
    return hashed.digest()


class _Life:
    """An event loop in its own thread, from the first call to the end of the process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._clients = _Clients()
        self._thread: Thread | None = None
        self._portal: Future[BlockingPortal] = Future()

    def call(self, function: Callable[[TracesClient], Awaitable[_T]]) -> _T:
        """Run an async function with the client on the event loop, and wait for it. Ctrl-C cancels the function."""
        portal = self._started()
        scopes: list[anyio.CancelScope] = []
        try:
            return portal.start_task_soon(self._with_client, function, scopes).result()
        except BaseException:
            # Cancel by scope, not by future: Ctrl-C may arrive after the task began and before its future is returned.
            with suppress(RuntimeError):  # the loop has ended, and the task with it
                portal.start_task_soon(_cancel, scopes)
            raise

    async def _with_client(
        self, function: Callable[[TracesClient], Awaitable[_T]], scopes: list[anyio.CancelScope]
    ) -> _T:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            async with self._clients.client() as client:
                return await function(client)
        raise CancelledError  # nobody waits for this result any more

    def _started(self) -> BlockingPortal:
        with self._lock:
            if self._thread is None:
                # A daemon thread, because the interpreter's exit waits for other threads before it calls `_end`.
                thread = Thread(target=self._run, args=(self._portal,), name="lyzr-traces-async-bulk", daemon=True)
                thread.start()
                self._thread = thread
                _at_exit(self._end)
            portal = self._portal
        return portal.result()

    def _run(self, portal: Future[BlockingPortal]) -> None:
        try:
            anyio.run(self._live, portal)
        except BaseException as error:  # noqa: BLE001 - the callers that wait for the loop get the error
            if portal.done():
                return  # at the exit, Python no longer starts the thread in which the loop waits for its others
            with self._lock:
                self._thread, self._portal = None, Future()
            portal.set_exception(error)

    async def _live(self, started: Future[BlockingPortal]) -> None:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()
            await self._clients.aclose()

    def _end(self, process: int) -> None:
        """Close the client at the exit of the interpreter."""
        thread = self._thread
        if process != os.getpid() or thread is None or not thread.is_alive():
            return  # in a forked process there is no such thread
        portal = self._portal.result()
        portal.start_task_soon(portal.stop)
        thread.join(_SECONDS_TO_END)


async def _cancel(scopes: list[anyio.CancelScope]) -> None:
    for scope in scopes:
        scope.cancel()


def _at_exit(end: Callable[[int], None]) -> None:
    """Call a function at the exit of the interpreter, before weakref's finalizers warn of open clients.

    Exit functions run in reverse order of their registration. weakref registers its own exit function with the first
    finalizer, so create a finalizer first.
    """
    weakref.finalize(end, bool).detach()
    atexit.register(end, os.getpid())


_life = _Life()


def in_the_process(function: Callable[[TracesClient], Awaitable[_T]]) -> _T:
    """Run an async function with the client of this process, on its event loop, and wait for the result."""
    return _life.call(function)


def check_no_loop() -> None:
    """Raise if this thread runs an event loop: waiting here would block the loop.

    :raises InvalidArgumentError: if an event loop runs in this thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InvalidArgumentError(
        "pull_sessions blocks, and this thread runs an event loop: "
        "use `await asyncio.to_thread(pull_sessions, ids, into)`"
    )


def _start_anew() -> None:
    """Start anew in a forked process: it has no event loop thread, and a lost thread may hold the lock."""
    global _life  # noqa: PLW0603 - one for the whole process
    _life = _Life()


getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_start_anew)  # Windows has no fork
