"""Sessions to pull."""

from __future__ import annotations

import pytest

from lyzr_traces_async.testing import FakeTracesServer
from tests.bulk.batches import IDS, MANY


@pytest.fixture
def sessions(server: FakeTracesServer) -> None:
    """Add a few sessions with 0 to 125 traces."""
    for number, session_id in enumerate(IDS):
        server.add_session(session_id, 25 * number)


@pytest.fixture
def many_sessions(server: FakeTracesServer) -> None:
    """Add many small sessions."""
    for session_id in MANY:
        server.add_session(session_id, 3)
