"""The client's own connections: the proxy that they use, and how they are closed, also if nobody closes the client."""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from ._arguments import Secret
from .errors import InvalidArgumentError

__all__ = ["Pool"]

# The service closes connections that were idle for 5 s. The client closes them earlier, so that it does not send a
# request on a connection that the service is closing.
KEEP_ALIVE_SECONDS: Final = 4.0


class Pool:
    """An aiohttp session, which lives from the client's first request until the client is closed.

    If the pool is garbage-collected while it is open, or is open when the interpreter exits, it warns and closes its
    connections.

    :param url: the URL of the API.
    :raises InvalidArgumentError: if the environment names a proxy that can't be used.
    :ivar session: the aiohttp session.
    """

    def __init__(self, url: URL) -> None:
        self._proxy, self._credentials = _proxy_for(url)
        # No limit here: the throttle limits the requests in flight.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self.session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        self._loop = asyncio.get_running_loop()
        self._connections: set[asyncio.Transport] = set()
        # Not a `__del__` method: in a reference cycle, or when the interpreter exits, the `__del__` methods of aiohttp
        # may run before it.
        self._close_now = partial(_close_now, self.session, self._loop, self._connections)
        self._forgotten = weakref.finalize(self, _forgotten, os.getpid(), self._loop, self._close_now)

    def route(self) -> Mapping[str, Any]:
        """Return the request options for the environment's proxy, if there is one."""
        if self._proxy is None:
            return {}
        # The credentials are kept out of the URL, because aiohttp quotes the URL in its errors.
        credentials = self._credentials
        return {
            "proxy": self._proxy,
            "proxy_headers": {} if credentials is None else {"Proxy-Authorization": credentials.reveal()},
        }

    def note(self, connection: asyncio.Transport) -> None:
        """Remember a connection that is in use, so that it can be closed even without its event loop."""
        self._connections.difference_update([old for old in self._connections if old.is_closing()])
        self._connections.add(connection)

    async def aclose(self) -> None:
        """Close the connections: on their own event loop, or on any other if their own is closed."""
        self._forgotten.detach()
        if self._loop.is_closed():
            self._close_now()
        else:
            await self.session.close()


def _proxy_for(url: URL) -> tuple[URL | None, Secret | None]:
    """Return the environment's proxy for https, and its credentials as the value of a header field.

    The environment is read here and not by aiohttp (`trust_env`): aiohttp does not know ALL_PROXY, does not accept an
    https:// proxy from the environment, and sends the credentials that a netrc file has for the API's host.
    """
    if url.scheme != "https" or proxy_bypass(url.host or "") or proxy_bypass(url.host_port_subcomponent or ""):
        return None, None
    proxies = getproxies()
    named = Secret(proxies.get("https") or proxies.get("all") or "")  # it may contain a password
    del proxies
    if not named.reveal():
        return None, None
    if (proxy := _parsed(named.reveal())) is None:
        error = InvalidArgumentError(
            "the proxy in the environment variable HTTPS_PROXY or ALL_PROXY is not an http:// or https:// URL"
        )
        error._advice = (
            "For another kind of proxy, such as SOCKS, pass an aiohttp session with a suitable connector as `session`."
        )
        raise error
    return proxy


def _parsed(named: str) -> tuple[URL, Secret | None] | None:
    """Return the URL of a proxy and its credentials, or ``None`` if this is not the URL of an HTTP proxy."""
    try:
        proxy = URL(named if "://" in named else f"http://{named}")
        bare = proxy.with_user(None)
    except ValueError:
        return None
    if proxy.scheme not in ("http", "https") or not proxy.host:
        return None
    if proxy.user is None and proxy.password is None:
        return bare, None
    return bare, Secret(aiohttp.encode_basic_auth(proxy.user or "", proxy.password or ""))


def _forgotten(process: int, loop: asyncio.AbstractEventLoop, close: Callable[[], None]) -> None:
    """Warn that the pool was not closed, and close it. This may run in any thread and with the loop in any state.

    A pool that a fork has copied belongs to the first process and is left alone. Both processes share the selector of
    the event loop, so if this one closed a connection, the first process would hear nothing on it any more.
    """
    if process != os.getpid():
        return
    try:
        warnings.warn(
            "a TracesClient was not closed and has left connections open: use the client in an `async with` block, or "
            "call its `aclose()`",
            ResourceWarning,
            stacklevel=2,
        )
    finally:
        if loop.is_running():
            loop.call_soon_threadsafe(close)
        else:
            close()


def _close_now(
    session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop, connections: set[asyncio.Transport]
) -> None:
    """Close the connections at once, also if their event loop will never run again.

    Normally a transport asks its loop to close the socket in the next iteration. So `call_soon` of the loop is replaced
    for a moment by a function that calls at once.
    """

    def at_once(callback: Callable[..., object], *args: object, context: object = None) -> None:
        if context is None:  # only transports pass no context; the callbacks of futures are not needed
            callback(*args)

    loop.call_soon = at_once  # type: ignore[method-assign,assignment]
    try:
        for connection in connections:
            connection.abort()
        with suppress(StopIteration):
            session.close().send(None)  # no connection is left to wait for, so this ends at once
    finally:
        del loop.call_soon
