"""Makes one HTTP request and reads its whole answer. Only this module and those below it know aiohttp."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import ssl
from collections import deque
from typing import Final

import aiohttp
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.http_exceptions import LineTooLong
from yarl import URL

from ._arguments import Secret
from ._exchange import MAX_FIELDS, MAX_HEAD, ConnectionDroppedError, Exchange
from ._pool import Pool
from ._responses import Answer, request_id_of
from ._version import __version__
from .errors import (
    APIConnectionError,
    APITimeoutError,
    ClientClosedError,
    InvalidArgumentError,
    LyzrTracesError,
    ResponseTooLargeError,
    WrongEventLoopError,
)

__all__ = ["Transport"]

# The largest body that is read, after decompression. A page of 100 traces has about 30 KiB.
MAX_BODY: Final = 16 * 2**20
# How many ids of earlier requests are remembered, to recognise an answer that belongs to one of them.
REMEMBERED: Final = 1000

_USER_AGENT: Final = f"lyzr-traces-async/{__version__} aiohttp/{aiohttp.__version__} python/{platform.python_version()}"

# The resolver's codes for a host name that does not exist, and for one without an address. Not every system has both.
_NO_SUCH_HOST: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
# The same codes in c-ares, which aiohttp uses if aiodns is installed.
_NO_SUCH_HOST_TO_ARES: Final = ((4,), (1,))

# aiohttp's texts for header fields or trailer fields that exceed its limits.
_HEAD_TOO_LARGE: Final = ("Got more than", "Too many headers")

_CLOSED: Final = "the client was closed while this call was under way"

# Errors that a mistake in a program raises. The same request would raise them again, so it is not retried.
_MISTAKES: Final = (TypeError, ValueError, RuntimeError, LookupError, AttributeError, NameError, AssertionError)


class Transport:
    """Makes single attempts at requests to the API.

    :param api_key: the API key.
    :param session: the caller's own aiohttp session. It is used, but never closed or modified.
    :raises InvalidArgumentError: if ``session`` is not an aiohttp session.
    :ivar mask: takes the API key out of a text.
    """

    def __init__(self, api_key: Secret, session: aiohttp.ClientSession | None) -> None:
        if session is not None and not isinstance(session, aiohttp.ClientSession):
            raise InvalidArgumentError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}")
        self._api_key = api_key
        self.mask = api_key.mask
        self._session = session
        self._pool: Pool | None = None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sent: deque[str] = deque(maxlen=REMEMBERED)

    def check_loop(self) -> None:
        """Bind the client to the running event loop at the first call. Later, check that the same loop is running.

        :raises WrongEventLoopError: if another loop is running, or one that is not asyncio's.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise WrongEventLoopError(
                "this client needs an event loop of asyncio, and none is running: use `asyncio.run()`, or the backend "
                '"asyncio" of anyio'
            ) from None
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise WrongEventLoopError(
                "this client belongs to the event loop of its first request, and now another one is running: "
                "create a client for each event loop"
            )

    @property
    def is_on_its_own(self) -> bool:
        """Whether the client is bound to no event loop yet, or its event loop is closed."""
        return self._loop is None or self._loop.is_closed()

    async def get(self, url: URL, request_id: str, timeout: float) -> Answer:  # noqa: ASYNC109 - aiohttp keeps it
        """Make one attempt, and return its complete answer.

        :param url: the URL.
        :param request_id: the ``X-Request-Id`` to send.
        :param timeout: seconds for the whole attempt, from connecting to the last byte.
        :raises APIConnectionError: if no complete answer came.
        :raises APITimeoutError: if no complete answer came in time.
        :raises ResponseTooLargeError: if the body is larger than 16 MiB.
        :raises ClientClosedError: if the client, or the caller's session, is closed.
        """
        session = self._open_session(url)
        exchange = Exchange(request_id, self._sent, self._pool)
        self._sent.append(request_id)
        try:
            return await self._answer(session, url, exchange, timeout)
        except Exception as exc:  # noqa: BLE001 - a caller's connectors, resolvers and hooks may raise anything
            failure = self._failure(exc, timeout)
        except BaseException as exc:  # noqa: BLE001 - it is raised again
            # The cancellation goes on, but without the frames below: their locals hold the key in the header fields.
            exc.__cause__ = exc.__context__ = None
            raise exc.with_traceback(None) from None
        if self._closed:
            failure = ClientClosedError(_CLOSED)
        said = None if exchange.fields is None else request_id_of(exchange.fields, self.mask)
        failure.request_id = said or self.mask(request_id)
        # Raised outside of the `except` block: the error below does not become its `__context__`, and the frames that
        # hold the response do not enter its traceback. Both may hold the key.
        raise failure

    async def _answer(
        self,
        session: aiohttp.ClientSession,
        url: URL,
        exchange: Exchange,
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> Answer:
        async with session.get(
            url,
            headers={
                # A `Host` of the caller's session must not replace the host of the URL: it may lead to another host.
                "Host": url.host_port_subcomponent or "",
                "x-api-key": self._api_key.reveal(),
                "X-Request-Id": exchange.request_id,
                "User-Agent": _USER_AGENT,
                "Accept": "application/json",
            },
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=True,
            timeout=aiohttp.ClientTimeout(total=timeout),
            max_line_size=MAX_HEAD,
            max_field_size=MAX_HEAD,
            max_headers=MAX_FIELDS,
            middlewares=(exchange.through,),
            **({} if self._pool is None else self._pool.route()),
        ) as response:
            return Answer(response.status, response.headers, await _read(response), exchange.discard)

    def _open_session(self, url: URL) -> aiohttp.ClientSession:
        if self._closed:
            raise ClientClosedError(_CLOSED)
        if self._session is None:
            self._pool = Pool(url)
            self._session = self._pool.session
        elif self._session.closed:
            raise ClientClosedError("the aiohttp session that the client was given is closed")
        return self._session

    def _failure(self, exc: Exception, timeout: float) -> LyzrTracesError:
        """Return our error for an error of the layers below, with that error as its cause if this is safe to show."""
        if isinstance(exc, ResponseTooLargeError):
            return exc.with_traceback(None)
        error: APIConnectionError
        below = exc.below if isinstance(exc, ConnectionDroppedError) else exc
        if isinstance(below, TimeoutError):
            error = APITimeoutError(f"no complete answer within {timeout:g} s: {self._words(below)}")
        elif _is_head_too_large(below):
            error = APIConnectionError(
                f"no complete answer: its header fields are larger than {MAX_HEAD >> 10} KiB in all, or more than "
                f"{MAX_FIELDS}: check that the base URL leads to the API, and check any proxy or gateway in front of it"
            )
            error._permanent = True
        else:
            text = f"no complete answer: {self._words(below)}"
            if reason := _permanent_reason(below):
                text = f"{text.rstrip('.')}. {reason}; another attempt would not change that"
            error = APIConnectionError(text)
            error._permanent = bool(reason) or isinstance(below, _MISTAKES) or _is_proxy_without_password(below)
        error._dropped = below is not exc
        error.__cause__ = self._clean(below)
        return error

    def _words(self, exc: BaseException) -> str:
        """Return the type and the text of an error, without the key."""
        if isinstance(exc, aiohttp.ClientConnectorError):
            text = _connecting(exc)
        elif isinstance(exc, aiohttp.ClientResponseError):
            text = exc.message
        else:
            text = str(exc)
        return self.mask(f"{type(exc).__name__}: {text}" if text else type(exc).__name__)

    def _clean(self, exc: BaseException | None) -> BaseException | None:
        """Return an exception in a form that is safe to show, or ``None`` if there is none.

        The exception loses its traceback, because the locals of aiohttp's frames hold the bytes of the request. An
        exception is dropped if it holds the request itself, or quotes an answer with the key in it. A failure to
        connect gives way to the system's error below it if it holds a proxy with its password, or if its text speaks of
        SSL though the URL is a plain http URL.
        """
        if isinstance(exc, aiohttp.ClientConnectorError) and (exc.args[0].proxy is not None or not exc.args[0].is_ssl):
            exc = exc.args[1]
        if exc is None or isinstance(exc, aiohttp.ClientResponseError):
            return None
        shown = repr((exc, vars(exc)))
        if self.mask(shown) != shown:
            return None
        members = exc.exceptions if isinstance(exc, BaseExceptionGroup) else ()
        if any(self._clean(one) is not one for one in members):
            return None
        exc.__cause__ = self._clean(exc.__cause__)
        exc.__traceback__ = exc.__context__ = None
        return exc

    async def aclose(self) -> None:
        """Close the connections. A session of the caller stays open."""
        self._closed = True
        if self._pool is not None:
            await self._pool.aclose()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY:
            error = ResponseTooLargeError(f"the answer's body is larger than {MAX_BODY >> 20} MiB after decompression")
            error._advice = "Pass a smaller `limit` if the call has one, and check that the base URL leads to the API."
            raise error
        chunks.append(chunk)
    return b"".join(chunks)


def _connecting(exc: aiohttp.ClientConnectorError) -> str:
    """Return what could not be connected to, and why.

    The text of aiohttp speaks of SSL also if the URL is a plain http URL.
    """
    below = exc.args[1]
    reason = below.strerror or str(below)
    if below.errno and not isinstance(below, ssl.SSLError | socket.gaierror):  # theirs are not the system's numbers
        reason = f"{os.strerror(below.errno)} ({reason})"
    if isinstance(exc, UnixClientConnectorError):
        return f"Cannot connect to unix socket {exc.path}: {reason}"
    host = f"[{exc.host}]" if ":" in exc.host else exc.host
    return f"Cannot connect to host {host}:{exc.port}: {reason}"


def _permanent_reason(exc: BaseException) -> str:
    """Return why another attempt would fail the same way, or an empty string if it might not."""
    if isinstance(exc, ssl.SSLCertVerificationError | aiohttp.ServerFingerprintMismatch):
        return "The server's certificate does not verify"
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        said, behind = exc.os_error, exc.os_error.__cause__
        from_ares = said.errno is None and behind is not None and behind.args[:1] in _NO_SUCH_HOST_TO_ARES
        return "There is no such host" if from_ares or said.errno in _NO_SUCH_HOST else ""
    return ""


def _is_head_too_large(exc: BaseException | None) -> bool:
    """Say whether the header fields are too large, for us or for aiohttp's parser, whose errors may be nested."""
    while exc is not None:
        if isinstance(exc, LineTooLong) or any(words in str(exc) for words in _HEAD_TOO_LARGE):
            return True
        exc = exc.__cause__
    return False


def _is_proxy_without_password(exc: Exception) -> bool:
    return isinstance(exc, aiohttp.ClientHttpProxyError) and exc.status == 407
