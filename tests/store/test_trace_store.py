"""`TraceStore`: its arguments, and the library that it needs."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import lyzr_traces_async
from lyzr_traces_async import (
    InvalidArgumentError,
    TracesClient,
)
from lyzr_traces_async.store import TraceStore
from tests.store.syncing import IDS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"client": None}, "client must be a TracesClient, not NoneType"),
        ({"ids": IDS[0]}, "session_ids must be an iterable of session ids"),
        ({"ids": 5}, "session_ids must be an iterable of session ids"),
        ({"settle": 3600}, "settle must be a timedelta of 0 or more, not 3600"),
        ({"settle": timedelta(seconds=-1)}, "settle must be a timedelta of 0 or more"),
        ({"refresh": 1}, "refresh must be True or False"),
    ],
)
async def test_a_malformed_argument_is_refused_at_the_call(
    store: TraceStore, client: TracesClient, arguments: dict[str, Any], said: str
) -> None:
    """The error does not wait for the loop to begin."""
    given: dict[str, Any] = {"client": client, "ids": IDS} | arguments
    with pytest.raises(InvalidArgumentError, match=said):
        store.sync(given.pop("client"), given.pop("ids"), **given)


@pytest.mark.parametrize("path", ["", ":memory:", "a\0b", b"traces.duckdb", 5, None])
def test_a_path_that_names_no_file_is_refused(path: Any) -> None:
    """A database in memory would be gone after each batch."""
    with pytest.raises(InvalidArgumentError, match="path must be"):
        TraceStore(path)


def test_a_relative_path_is_resolved_when_the_store_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the working directory does not matter. No file is created."""
    monkeypatch.chdir(tmp_path)
    store = TraceStore("traces.duckdb")
    monkeypatch.chdir("/")
    assert store.path == tmp_path / "traces.duckdb"
    assert repr(store) == f"TraceStore('{tmp_path}/traces.duckdb')"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("library", "said"),
    [
        ("duckdb", "duckdb is not installed. A store needs it: pip install 'lyzr-traces-async[store]'"),
        ("anyio.to_thread", "import of anyio.to_thread halted; None in sys.modules"),
    ],
)
def test_without_duckdb_the_import_says_what_to_install(
    library: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another missing library keeps its own error."""
    for name in [name for name in sys.modules if name.startswith("lyzr_traces_async.store")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(lyzr_traces_async, "store")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("lyzr_traces_async.store")
    assert (str(caught.value), caught.value.name) == (said, library)
