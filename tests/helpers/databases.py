"""Queries to the DuckDB file that a sync has written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb


def rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    """Return the rows that a query finds in the file."""
    with duckdb.connect(file, read_only=True) as database:
        return database.execute(query).fetchall()


def states_in(file: Path) -> dict[str, str]:
    """Return the state of each session in the file, by its id."""
    return dict(rows(file, "SELECT session_id, state FROM sessions"))
