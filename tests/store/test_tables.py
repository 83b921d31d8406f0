"""The columns of a store's tables, which queries of users name."""

from __future__ import annotations

from pathlib import Path

import attrs

from lyzr_traces_async import Trace
from lyzr_traces_async.store._file import StoreFile
from tests.helpers.databases import rows


def test_the_tables_have_the_documented_columns(path: Path) -> None:
    """The table of traces has each field of a trace under its name, and `extra` is JSON."""
    StoreFile(path).check()
    types = dict(rows(path, "SELECT column_name, column_type FROM (DESCRIBE traces)"))
    assert set(types) == {field.name for field in attrs.fields(Trace)}
    assert types["extra"] == "JSON"
    assert [name for (name,) in rows(path, "SELECT column_name FROM (DESCRIBE sessions)")] == [
        "session_id",
        "state",
        "error",
        "asked_at",
        "read_at",
        "newest",
        "trace_count",
        "missing_since",
    ]
