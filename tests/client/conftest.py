"""Fixtures of this room: a server with a short session."""

from __future__ import annotations

import pytest

from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import SESSION


@pytest.fixture
async def server(service: FakeTracesServer) -> FakeTracesServer:
    """Return the fake server on the loop of the test, without a quota, and with a session of five traces."""
    service.add_session(SESSION, 5)
    return service
