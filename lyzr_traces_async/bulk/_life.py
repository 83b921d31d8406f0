"""One event loop and one client for all of a process, as long as it lives.

An engine calls from whichever of its threads, again and again. With a client for each call, each would open its
connections anew and have to find its share of the quota anew.
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

# How long the interpreter's exit waits for connections to be closed; it takes milliseconds.
_SECONDS_TO_END: Final = 5.0

# The settings of a client are compared by their hash, which tells nobody the key.
_SALT: Final = secrets.token_bytes(16)


class _Shared:
    """A client, and how many are using it."""

    def __init__(self, settings: bytes) -> None:
        self.client = TracesClient()
        self.settings = settings
        self.users = 0

    async def close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self.client.aclose()


class _Clients:
    """The client for what the environment says: nearly always the same one. Used on the event loop only."""

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
        """End the calls that are under way."""
        if self._newest is not None:
            await self._newest.close()


def _settings() -> bytes:
    hashed = blake2b(key=_SALT)
    for name in ("LYZR_API_KEY", "LYZR_TRACES_BASE_URL"):
        hashed.update(os.environ.get(name, "").encode(errors="surrogateescape") + b"\0")
    return hashed.digest()


class _Life:
    """An event loop in a thread of its own, from the first call to the end of the process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._clients = _Clients()
        self._thread: Thread | None = None
        self._portal: Future[BlockingPortal] = Future()

    def call(self, function: Callable[[TracesClient], Awaitable[_T]]) -> _T:
        """Call an asynchronous function with the client, and wait for it. Ctrl-C here cancels it there."""
        portal = self._started()
        scopes: list[anyio.CancelScope] = []
        try:
            return portal.start_task_soon(self._with_client, function, scopes).result()
        except BaseException:
            # Not by its future: Ctrl-C may come when the task has begun, and before its future is returned.
            with suppress(RuntimeError):  # there is no loop any more, and so no task
                portal.start_task_soon(_cancel, scopes)
            raise

    async def _with_client(
        self, function: Callable[[TracesClient], Awaitable[_T]], scopes: list[anyio.CancelScope]
    ) -> _T:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            async with self._clients.client() as client:
                return await function(client)
        raise CancelledError  # to nobody: whoever waited has gone

    def _started(self) -> BlockingPortal:
        with self._lock:
            if self._thread is None:
                # A daemon, or the interpreter's exit would wait for it before it calls `_end`.
                thread = Thread(target=self._run, args=(self._portal,), name="lyzr-traces-async-bulk", daemon=True)
                thread.start()
                self._thread = thread
                _end_before_complaints(self._end)
            portal = self._portal
        return portal.result()

    def _run(self, portal: Future[BlockingPortal]) -> None:
        try:
            anyio.run(self._live, portal)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the loop is told
            if portal.done():
                return  # at the exit, where Python starts no thread any more to wait for others
            with self._lock:
                self._thread, self._portal = None, Future()
            portal.set_exception(error)

    async def _live(self, started: Future[BlockingPortal]) -> None:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()
            await self._clients.aclose()

    def _end(self, process: int) -> None:
        """Close what is open, at the exit of the interpreter."""
        thread = self._thread
        if process != os.getpid() or thread is None or not thread.is_alive():
            return  # the thread has stayed in the process that this one was forked off
        portal = self._portal.result()
        portal.start_task_soon(portal.stop)
        thread.join(_SECONDS_TO_END)


async def _cancel(scopes: list[anyio.CancelScope]) -> None:
    for scope in scopes:
        scope.cancel()


def _end_before_complaints(end: Callable[[int], None]) -> None:
    """Have a function called at the exit of the interpreter, before weakref's finalizers of open clients are.

    The exit goes backwards, and their hook is registered with the first of them.
    """
    weakref.finalize(end, bool).detach()
    atexit.register(end, os.getpid())


_life = _Life()


def in_the_process(function: Callable[[TracesClient], Awaitable[_T]]) -> _T:
    """Call an asynchronous function with the client of this process, on its event loop, and wait for it."""
    return _life.call(function)


def check_no_loop() -> None:
    """Raise where waiting would hold up an event loop, and with it perhaps what is waited for.

    :raises InvalidArgumentError: if one runs in this thread.
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
    """Begin another life after a fork: the thread has stayed behind, and so may have whoever held the lock."""
    global _life  # noqa: PLW0603 - it is the process's
    _life = _Life()


getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_start_anew)  # Windows has no fork
