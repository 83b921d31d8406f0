"""One HTTP request and its whole answer. With the pool below it, the only code of the client that knows aiohttp."""

from __future__ import annotations

import asyncio
import platform
import socket
import ssl
from collections import deque
from typing import Final

import aiohttp
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
# A server may send what a connection's former request asked for as long as that one may still be remembered here.
REMEMBERED: Final = 1000

_USER_AGENT: Final = f"lyzr-traces-async/{__version__} aiohttp/{aiohttp.__version__} python/{platform.python_version()}"

# A name that does not exist, or one that has no address. Not every system has the second.
_NO_SUCH_HOST: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
# The same in c-ares, which aiohttp asks where aiodns is installed.
_NO_SUCH_HOST_TO_ARES: Final = ((4,), (1,))

# How aiohttp says that an answer's header, or its trailer, is beyond its limits.
_HEAD_TOO_LARGE: Final = ("Got more than", "Too many headers")

_CLOSED: Final = "the client was closed while this call was under way"

# What a program raises for its own mistakes: the same request would meet them again.
_MISTAKES: Final = (TypeError, ValueError, RuntimeError, LookupError, AttributeError, NameError, AssertionError)


class Transport:
    """Makes requests to the API with its key.

    :param session: the caller's own session: used, never closed, never modified.
    :raises InvalidArgumentError: if it is something else.
    :ivar mask: takes the key out of a text.
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
        """Bind to the running event loop at the first call, and hold to it.

        :raises WrongEventLoopError: if that was another loop, or this one is not asyncio's.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise WrongEventLoopError(
                "this client needs an event loop of asyncio, and here there is none: use `asyncio.run()`, or with "
                'anyio the backend "asyncio"'
            ) from None
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise WrongEventLoopError(
                "this client belongs to the event loop of its first request, and this is another one: "
                "create a client for each event loop"
            )

    @property
    def is_on_its_own(self) -> bool:
        """Whether there is no event loop that it belongs to, or no more."""
        return self._loop is None or self._loop.is_closed()

    async def get(self, url: URL, request_id: str, timeout: float) -> Answer:  # noqa: ASYNC109 - aiohttp keeps it
        """Make one attempt.

        :param timeout: seconds for all of it, connect to last byte.
        :raises APIConnectionError: if no complete answer came.
        :raises APITimeoutError: if none came in time.
        :raises ResponseTooLargeError: if the body is larger than 16 MiB.
        """
        session = self._open_session(url)
        exchange = Exchange(request_id, self._sent, self._pool)
        self._sent.append(request_id)
        try:
            return await self._answer(session, url, exchange, timeout)
        except Exception as exc:  # noqa: BLE001 - a caller's session has connectors, resolvers and hooks of any kind
            failure = self._failure(exc, timeout)
        except BaseException as exc:  # noqa: BLE001 - it is raised again
            # Whoever is cancelled is, but does not see the frames below, which hold the request's header fields.
            exc.__cause__ = exc.__context__ = None
            raise exc.with_traceback(None) from None
        if self._closed:
            failure = ClientClosedError(_CLOSED)
        said = None if exchange.fields is None else request_id_of(exchange.fields, self.mask)
        failure.request_id = said or self.mask(request_id)
        # Raised here, so that what it came from is not its `__context__`, and no frame with the response its traceback:
        # both may hold the key.
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
                # That of the URL, whatever a caller's session says: a host's name may lead on to another host.
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
        """Return our error for one of the layers below, with that one as its cause where it may be shown."""
        if isinstance(exc, ResponseTooLargeError):
            return exc.with_traceback(None)
        error: APIConnectionError
        below = exc.below if isinstance(exc, ConnectionDroppedError) else exc
        if isinstance(below, TimeoutError):
            error = APITimeoutError(f"no complete answer within {timeout:g} s: {self._kind(below)}")
        elif _is_head_too_large(below):
            error = APIConnectionError(
                f"no complete answer: its header fields are larger than {MAX_HEAD >> 10} KiB in all, or more than "
                f"{MAX_FIELDS}: check that the base URL leads to the API, and what stands before it"
            )
            error._permanent = True
        else:
            text = f"no complete answer: {self._kind(below)}"
            if reason := _permanent_reason(below):
                text = f"{text.rstrip('.')}. {reason}; another attempt would not change that"
            error = APIConnectionError(text)
            error._permanent = bool(reason) or isinstance(below, _MISTAKES) or _is_proxy_without_password(below)
        error._dropped = below is not exc
        error.__cause__ = self._clean(below)
        return error

    def _kind(self, exc: BaseException) -> str:
        text = exc.message if isinstance(exc, aiohttp.ClientResponseError) else str(exc)
        return self.mask(f"{type(exc).__name__}: {text}" if text else type(exc).__name__)

    def _clean(self, exc: BaseException | None) -> BaseException | None:
        """Return an exception as one that may be shown, or ``None``.

        The frames of aiohttp are cut off: their locals hold the request's bytes. So is what holds the request itself,
        and what quotes an answer with the key in it, or a proxy with its password.
        """
        if isinstance(exc, aiohttp.ClientConnectorError) and exc.args[0].proxy is not None:
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
        """Close the connections, if they are ours."""
        self._closed = True
        if self._pool is not None:
            await self._pool.aclose()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY:
            raise ResponseTooLargeError(
                f"the answer's body is larger than {MAX_BODY >> 20} MiB after decompression: ask for less at once with "
                "`limit`, where the call has one, and check that the base URL leads to the API"
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _permanent_reason(exc: BaseException) -> str:
    """Return why another attempt would fail the same way, or nothing."""
    if isinstance(exc, ssl.SSLCertVerificationError | aiohttp.ServerFingerprintMismatch):
        return "The server's certificate does not verify"
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        said, behind = exc.os_error, exc.os_error.__cause__
        from_ares = said.errno is None and behind is not None and behind.args[:1] in _NO_SUCH_HOST_TO_ARES
        return "There is no such host" if from_ares or said.errno in _NO_SUCH_HOST else ""
    return ""


def _is_head_too_large(exc: BaseException | None) -> bool:
    """Say whether it was refused here, or by aiohttp's parser, whose error is wrapped more than once."""
    while exc is not None:
        if isinstance(exc, LineTooLong) or any(words in str(exc) for words in _HEAD_TOO_LARGE):
            return True
        exc = exc.__cause__
    return False


def _is_proxy_without_password(exc: Exception) -> bool:
    return isinstance(exc, aiohttp.ClientHttpProxyError) and exc.status == 407
