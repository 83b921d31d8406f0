"""The pytest plugin: the fixture ``traces_server``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ._server import FakeTracesServer


@pytest.fixture
def traces_server() -> Iterator[FakeTracesServer]:
    """A fake Lyzr traces API on 127.0.0.1 without a quota: a `lyzr_traces_async.testing.FakeTracesServer`.

    It runs in its own thread, so it works in synchronous tests, and in asynchronous tests with any plugin.
    """
    # Imported here, because pytest loads this plugin in every environment with the library, and most runs never use it.
    from ._server import FakeTracesServer  # noqa: PLC0415 -- see above

    with FakeTracesServer(quota=None) as server:
        yield server
