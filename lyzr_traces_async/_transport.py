"""One HTTP request and its whole answer. The only code of the client that knows aiohttp."""

from __future__ import annotations

import asyncio
import platform
import socket
import ssl
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from ._arguments import Secret
from ._responses import Answer
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
# The service closes connections that were idle for 5 s; one that is let go earlier is not in the middle of that.
KEEP_ALIVE_SECONDS: Final = 4.0

_USER_AGENT: Final = f"lyzr-traces-async/{__version__} aiohttp/{aiohttp.__version__} python/{platform.python_version()}"

# A name that does not exist, or one that has no address. Not every system has the second.
_NO_SUCH_HOST: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
# The same in c-ares, which aiohttp asks where aiodns is installed.
_NO_SUCH_HOST_TO_ARES: Final = ((4,), (1,))

# How aiohttp begins to say that an answer's header, or its trailer, is beyond its limits.
_HEAD_TOO_LARGE: Final = ("Got more than", "Too many headers")

_CLOSED: Final = "the client was closed while this call was under way"


class _ConnectionDroppedError(Exception):
    """The connection broke before the head of an answer was complete."""

    def __init__(self, below: aiohttp.ClientError) -> None:
        super().__init__(str(below))
        self.below = below


async def _send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from two things that it would do with a request by itself.

    It would send it again after two kinds of errors, where they arrive as themselves: unseen by the retries and by the
    count of the quota. And it would send it, with the key in the clear, to a proxy that a caller's session was told
    of, by the environment perhaps; plain http is for this machine only.
    """
    if request.url.scheme == "http":
        request.proxy = None
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # never sent again
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise _ConnectionDroppedError(exc) from None


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
        self._is_ours = session is None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def check_loop(self) -> None:
        """Bind to the running event loop at the first call, and hold to it.

        :raises WrongEventLoopError: if that was another loop.
        """
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise WrongEventLoopError(
                "this client belongs to the event loop of its first request, and this is another one: "
                "create a client for each event loop"
            )

    async def get(self, url: URL, request_id: str, timeout: float) -> Answer:  # noqa: ASYNC109 - aiohttp keeps it
        """Make one attempt.

        :param timeout: seconds for all of it, connect to last byte.
        :raises APIConnectionError: if no complete answer came.
        :raises APITimeoutError: if none came in time.
        :raises ResponseTooLargeError: if the body is larger than 16 MiB.
        """
        failure: LyzrTracesError
        try:
            return await self._exchange(url, request_id, timeout)
        except ClientClosedError:
            raise
        except ResponseTooLargeError as exc:
            failure = exc.with_traceback(None)
        except TimeoutError as exc:
            failure = APITimeoutError(f"no complete answer within {timeout:g} s: {_kind(exc)}")
            failure.__cause__ = self._clean(exc)
        except (_ConnectionDroppedError, aiohttp.ClientError, HttpProcessingError, OSError) as exc:
            failure = self._connection_error(exc)
        # Such as two kinds of authorization, a header field that is no text, or the session being closed.
        except (ValueError, RuntimeError, TypeError) as exc:
            whose = "an aiohttp session of this client" if self._is_ours else "the aiohttp session that was given"
            failure = InvalidArgumentError(f"{whose} can't make this request: {self.mask(str(exc))}")
        if self._closed:
            failure = ClientClosedError(_CLOSED)
        failure.request_id = self.mask(failure.request_id or request_id)
        # Raised here, so that what it came from is not its `__context__`, and no frame with the response its traceback:
        # both may hold the key.
        raise failure

    async def _exchange(self, url: URL, request_id: str, timeout: float) -> Answer:  # noqa: ASYNC109 - as above
        async with self._open_session().get(
            url,
            headers={
                # That of the URL, whatever a caller's session says: a host's name may lead on to another host.
                "Host": url.host_port_subcomponent or "",
                "x-api-key": self._api_key,
                "X-Request-Id": request_id,
                "User-Agent": _USER_AGENT,
                "Accept": "application/json",
            },
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=True,
            timeout=aiohttp.ClientTimeout(total=timeout),
            middlewares=(_send_once,),
        ) as response:
            return Answer(response.status, response.headers, await _read(response))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ClientClosedError(_CLOSED)
        if self._session is None:
            # How many requests are in flight is settled before they come here.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        elif self._session.closed:
            raise ClientClosedError("the aiohttp session that the client was given is closed")
        return self._session

    def _connection_error(self, exc: Exception) -> APIConnectionError:
        """Return our error for one of the layers below, with that one as its cause where it may be shown."""
        below = exc.below if isinstance(exc, _ConnectionDroppedError) else exc
        text = f"no complete answer: {self.mask(_kind(below))}"
        reason = _permanent_reason(below)
        if reason:
            text = f"{text.rstrip('.')}. {reason}; another attempt would not change that"
        error = APIConnectionError(text)
        error._dropped = below is not exc
        error._permanent = bool(reason)
        error.__cause__ = self._clean(below)
        return error

    def _clean(self, exc: BaseException | None) -> BaseException | None:
        """Return an exception as one that may be shown, or ``None``.

        The frames of aiohttp are cut off: their locals hold the request's bytes. So is what holds the request itself,
        and what quotes an answer with the key in it.
        """
        if exc is None or isinstance(exc, aiohttp.ClientResponseError) or self.mask(repr(exc)) != repr(exc):
            return None
        exc.__cause__ = self._clean(exc.__cause__)
        exc.__traceback__ = exc.__context__ = None
        return exc

    async def aclose(self) -> None:
        """Close the connections, if they are ours."""
        self._closed = True
        if self._is_ours and self._session is not None:
            await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY:
            raise ResponseTooLargeError(
                f"the answer's body is larger than {MAX_BODY >> 20} MiB after decompression: ask for fewer traces a "
                "page with `limit`, and check that the base URL leads to the API",
                request_id=response.headers.get("X-Request-Id"),
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
    if isinstance(exc, aiohttp.ClientResponseError) and exc.message.startswith(_HEAD_TOO_LARGE):
        return "The answer's header fields are larger than this library takes in"
    return ""


def _kind(exc: BaseException) -> str:
    text = exc.message if isinstance(exc, aiohttp.ClientResponseError) else str(exc)
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
