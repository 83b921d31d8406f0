"""One request on its way through aiohttp: what that must not do with it, and what is not to be taken for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from ._arguments import is_localhost
from ._fields import Fields
from ._pool import Pool

__all__ = ["MAX_FIELDS", "MAX_HEAD", "ConnectionDroppedError", "Exchange"]

# The largest head that is read: what gateways and content networks add may be many KiB. aiohttp bounds each field, and
# their number; so until the sum can be had, a head may take up the product of the two, which is not to be much.
MAX_HEAD: Final = 64 * 2**10
MAX_FIELDS: Final = 400


class ConnectionDroppedError(Exception):
    """The connection broke before the head of an answer was complete, or brought what was no answer to this request."""

    def __init__(self, below: Exception) -> None:
        super().__init__(str(below))
        self.below = below


class Exchange:
    """One request on its way, and what is known of it should it fail.

    :param request_id: the id that it is sent with.
    :param others: the ids of requests before it.
    :param pool: the connections, if they are ours.
    :ivar fields: the answer's header fields, once they have come.
    """

    def __init__(self, request_id: str, others: Collection[str], pool: Pool | None) -> None:
        self.request_id = request_id
        self._others = others
        self._pool = pool
        self.fields: Fields | None = None
        self._connection: asyncio.Transport | None = None

    async def through(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Keep aiohttp from what it would do with a request by itself; one of its middlewares.

        It would send it again after two kinds of errors, where they arrive as themselves: unseen by the retries and by
        the count of the quota. It would send it, with the key in the clear, to a proxy that a caller's session was
        told of, by the environment perhaps. And it would take whatever comes on a connection for the answer.
        """
        if request.url.scheme == "http":
            request.proxy = None
            if is_localhost(request.url.host or ""):
                # No resolver has to know the others, and one that does may have been told so by anybody.
                request.url = request.url.with_host("localhost")
        request.send = self._sending(request.send)  # type: ignore[method-assign,assignment]
        try:
            response = await send(request)
        except aiohttp.ClientConnectorError:
            raise  # never sent again
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
            raise ConnectionDroppedError(exc) from None
        finally:
            del request.send  # or it would be a cycle
        try:
            self._judge(response)
        except Exception:
            response.close()
            self.discard()  # it has gone back to the pool by now if the body was short
            raise
        self.fields = response.headers
        return response

    def _sending(
        self, send: Callable[[aiohttp.connector.Connection], Awaitable[aiohttp.ClientResponse]]
    ) -> Callable[[aiohttp.connector.Connection], Awaitable[aiohttp.ClientResponse]]:
        async def checked(connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
            if connection.protocol is not None and connection.protocol.should_close:
                raise ConnectionDroppedError(aiohttp.ClientConnectionError("the server had spoken before it was asked"))
            self._connection = connection.transport
            if self._pool is not None and self._connection is not None:
                self._pool.note(self._connection)
            return await send(connection)

        return checked

    def _judge(self, response: aiohttp.ClientResponse) -> None:
        # Anybody's id may stand there, a proxy's for one; but not that of another request of ours.
        said = response.headers.get("X-Request-Id")
        if said != self.request_id and said in self._others:
            raise ConnectionDroppedError(aiohttp.ClientConnectionError("this answers an earlier request"))
        if sum(len(name) + len(value) + 4 for name, value in response.raw_headers) > MAX_HEAD:
            raise LineTooLong(b"", MAX_HEAD)

    def discard(self) -> None:
        """Close the connection, wherever it is by now."""
        if self._connection is not None:
            self._connection.abort()
