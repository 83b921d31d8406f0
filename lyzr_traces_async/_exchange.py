"""Guards one request on its way through aiohttp.

The guard keeps aiohttp from sending the request twice or to an unsafe place, and refuses answers to other requests.
"""

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

# The largest head of an answer that is accepted, and the largest number of header fields. Gateways and content networks
# may add many KiB. aiohttp limits only the size of each field and their number, and the sum is known only when the head
# is complete. Until then a head may take up the product of both limits in memory, so they must not be large.
MAX_HEAD: Final = 64 * 2**10
MAX_FIELDS: Final = 400


class ConnectionDroppedError(Exception):
    """The connection broke before the head of the answer was complete, or it brought no answer to this request.

    :ivar below: the error of the layer below.
    """

    def __init__(self, below: Exception) -> None:
        super().__init__(str(below))
        self.below = below


class Exchange:
    """One request and its connection.

    :param request_id: the ``X-Request-Id`` of the request.
    :param others: the ids of earlier requests.
    :param pool: the client's own connections; ``None`` if the session is the caller's.
    :ivar fields: the answer's header fields, as soon as they have come.
    """

    def __init__(self, request_id: str, others: Collection[str], pool: Pool | None) -> None:
        self.request_id = request_id
        self._others = others
        self._pool = pool
        self.fields: Fields | None = None
        self._connection: asyncio.Transport | None = None

    async def through(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send the request as a middleware of aiohttp, and prevent three things that aiohttp would do without it.

        - aiohttp sends a request again after two kinds of errors. Neither the retries nor the count of the quota would
          know of the second request. So these errors leave here as another type.
        - If the caller's session has a proxy, perhaps from the environment, aiohttp sends an http request to it, with
          the API key in the clear. So http requests use no proxy.
        - aiohttp takes anything that comes on a connection for the answer. So the answer is checked.
        """
        if request.url.scheme == "http":
            request.proxy = None
            if is_localhost(request.url.host or ""):
                # Other names of this machine (`x.localhost`) are unknown to some resolvers, and others may have been
                # told a wrong address for them. `localhost` is safe.
                request.url = request.url.with_host("localhost")
        request.send = self._sending(request.send)  # type: ignore[method-assign,assignment]
        try:
            response = await send(request)
        except aiohttp.ClientConnectorError:
            raise  # aiohttp does not send the request again after this error
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
            raise ConnectionDroppedError(exc) from None
        finally:
            del request.send  # it refers to the request, so it would be a reference cycle
        try:
            self._judge(response)
        except Exception:
            response.close()
            self.discard()  # closing the response is not enough: after a short body its connection is back in the pool
            raise
        self.fields = response.headers
        return response

    def _sending(
        self, send: Callable[[aiohttp.connector.Connection], Awaitable[aiohttp.ClientResponse]]
    ) -> Callable[[aiohttp.connector.Connection], Awaitable[aiohttp.ClientResponse]]:
        """Return ``send`` with a check of the connection before it, and a note of the connection."""

        async def checked(connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
            if connection.protocol is not None and connection.protocol.should_close:
                raise ConnectionDroppedError(aiohttp.ClientConnectionError("the server sent data before the request"))
            self._connection = connection.transport
            if self._pool is not None and self._connection is not None:
                self._pool.note(self._connection)
            return await send(connection)

        return checked

    def _judge(self, response: aiohttp.ClientResponse) -> None:
        """Check that this is an answer to the request, and that its head is not too large."""
        # A proxy may put an id of its own there. But the id of an earlier request of ours shows an answer to that one.
        said = response.headers.get("X-Request-Id")
        if said != self.request_id and said in self._others:
            raise ConnectionDroppedError(aiohttp.ClientConnectionError("the answer belongs to an earlier request"))
        if sum(len(name) + len(value) + 4 for name, value in response.raw_headers) > MAX_HEAD:
            raise LineTooLong(b"", MAX_HEAD)

    def discard(self) -> None:
        """Close the connection, also if it is back in the pool."""
        if self._connection is not None:
            self._connection.abort()
