"""A store whose file does not exist yet, and an event loop for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lyzr_traces_async.store import TraceStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / "traces.duckdb"


@pytest.fixture
def store(path: Path) -> TraceStore:
    return TraceStore(path)


@pytest.fixture
def anyio_backend() -> str:
    """Use a loop on the real clock: a store works in threads, and a clock that jumps does not wait for them."""
    return "asyncio"
