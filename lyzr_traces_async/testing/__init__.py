"""For tests of code that uses this library: a server on this machine that keeps the contract of the real one.

::

    async with FakeTracesServer() as server:
        server.add_session("3fa85f64-5717-4562-b3fc-2c963f66afa6", traces=45)
        server.fail_next(status=502)
        ...  # point the client at `server.base_url`, with `server.api_key`
    assert [request.status for request in server.requests] == [502, 200]

A plain ``with`` works in synchronous code and in fixtures of any scope. With pytest, the fixture ``traces_server`` is
available without an import. It is such a server without a quota, for one test, synchronous or asynchronous.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

__all__ = ["FakeTracesServer", "Quota", "RecordedRequest"]

if TYPE_CHECKING:
    from ._quota import Quota
    from ._records import RecordedRequest
    from ._server import FakeTracesServer
else:
    __getattr__, __dir__ = lazily(__name__, __all__, "_quota", "_records", "_server")
