"""The client's own connections: how they lead out of this machine, and how they end, also where nobody ends them."""

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

# The service closes connections that were idle for 5 s; one that is let go earlier is not in the middle of that.
KEEP_ALIVE_SECONDS: Final = 4.0


class Pool:
    """An aiohttp session, from the first request to the end of the client.

    One that is garbage-collected open, or is open at the interpreter's exit, says so, and closes what it can.

    :param url: where the API is.
    :raises InvalidArgumentError: if the environment names a proxy of no use.
    :ivar session: the session.
    """

    def __init__(self, url: URL) -> None:
        self._proxy, self._credentials = _proxy_for(url)
        # How many requests are in flight is settled before they come here.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self.session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        self._loop = asyncio.get_running_loop()
        self._connections: set[asyncio.Transport] = set()
        # A `__del__` would not do: in a cycle, or at the interpreter's exit, aiohttp's own may be called before it.
        self._cut = partial(_cut, self.session, self._loop, self._connections)
        self._forgotten = weakref.finalize(self, _forgotten, os.getpid(), self._loop, self._cut)

    def route(self) -> Mapping[str, Any]:
        """Return the options of a request that lead it through the environment's proxy, if there is one."""
        if self._proxy is None:
            return {}
        # The credentials apart from the URL: aiohttp quotes it in its errors.
        credentials = self._credentials
        return {
            "proxy": self._proxy,
            "proxy_headers": {} if credentials is None else {"Proxy-Authorization": credentials.reveal()},
        }

    def note(self, connection: asyncio.Transport) -> None:
        """Remember a connection that is used, should it have to be closed without its event loop."""
        self._connections.difference_update([old for old in self._connections if old.is_closing()])
        self._connections.add(connection)

    async def aclose(self) -> None:
        """Close the connections: on the loop that they were opened on, or on any other if that one is closed."""
        self._forgotten.detach()
        if self._loop.is_closed():
            self._cut()
        else:
            await self.session.close()


def _proxy_for(url: URL) -> tuple[URL | None, Secret | None]:
    """Return the environment's proxy for https, and its credentials as it wants them.

    Read here rather than by aiohttp (`trust_env`), which does not know ALL_PROXY, takes no proxy over TLS from the
    environment, and sends what a netrc file has for the API's host.
    """
    if url.scheme != "https" or proxy_bypass(url.host or "") or proxy_bypass(url.host_port_subcomponent or ""):
        return None, None
    proxies = getproxies()
    named = Secret(proxies.get("https") or proxies.get("all") or "")  # there may be a password in it
    del proxies
    if not named.reveal():
        return None, None
    if (proxy := _parsed(named.reveal())) is None:
        raise InvalidArgumentError(
            "the proxy that the environment names for https (HTTPS_PROXY, ALL_PROXY) is no http:// or https:// URL: "
            "for another kind, such as SOCKS, pass an aiohttp session with a connector for it as `session`"
        )
    return proxy


def _parsed(named: str) -> tuple[URL, Secret | None] | None:
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


def _forgotten(process: int, loop: asyncio.AbstractEventLoop, cut: Callable[[], None]) -> None:
    """Say that the pool was not closed, and close it: from whichever thread, with the loop in whichever state.

    One that a fork has copied is its first process's. Closed here, it would go deaf there: they share what the loop
    waits with.
    """
    if process != os.getpid():
        return
    try:
        warnings.warn(
            "a TracesClient was not closed, and its connections were left open: use it in an `async with` block, or "
            "call its `aclose()`",
            ResourceWarning,
            stacklevel=2,
        )
    finally:
        if loop.is_running():
            loop.call_soon_threadsafe(cut)
        else:
            cut()


def _cut(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop, connections: set[asyncio.Transport]) -> None:
    """Close the connections now, whether or not their loop will ever have another turn.

    A transport closes its socket by way of its loop, in that one's next turn.
    """

    def at_once(callback: Callable[..., object], *args: object, context: object = None) -> None:
        if context is None:  # a transport's; futures pass one, and nobody waits for those
            callback(*args)

    loop.call_soon = at_once  # type: ignore[method-assign,assignment]
    try:
        for connection in connections:
            connection.abort()
        with suppress(StopIteration):
            session.close().send(None)  # nothing is left that it has to wait for
    finally:
        del loop.call_soon
