"""For the tests of those who use the library: a server that keeps the contract of the real one, on this machine.

::

    async with FakeTracesServer() as server:
        server.add_session("3fa85f64-5717-4562-b3fc-2c963f66afa6", traces=45)
        server.fail_next(status=502)
        ...  # point the client at `server.base_url`, with `server.api_key`
    assert [request.status for request in server.requests] == [502, 200]

A plain ``with`` serves synchronous code, and fixtures of any scope. With pytest, the fixture ``traces_server`` is there
without being imported: such a server, without a quota, for one test of any kind.
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
