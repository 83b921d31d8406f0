"""The store's file: one DuckDB database. It is open only during a call, so other programs can read it between calls.

All functions block, so call them in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from ..errors import StorageError
from ._due import Record
from ._lock import InUseError
from ._rows import Outcome, moment, session_columns, trace_columns

__all__ = ["StoreFile"]

# The version of the tables. A later version may have other tables.
SCHEMA_VERSION: Final = 1
# The oldest DuckDB that can read the file.
_STORAGE_VERSION: Final = "v1.2.0"
# Each DuckDB database has these bytes at this offset, after a checksum of eight bytes.
_MAGIC: Final = (8, b"DUCK")
# The number of ids in one query.
_CHUNK: Final = 10_000

# `traces` has no key, because a key makes the file three times as large. A transaction replaces a session's rows, so
# the rows stay unique.
_TABLES: Final = """
CREATE TABLE lyzr_traces_store (schema_version INTEGER NOT NULL);
CREATE TABLE traces (
    session_id VARCHAR NOT NULL,
    trace_id VARCHAR NOT NULL,
    name VARCHAR,
    timestamp TIMESTAMPTZ NOT NULL,
    latency_seconds DOUBLE,
    total_cost_usd DOUBLE,
    observation_count BIGINT NOT NULL,
    html_path VARCHAR,
    extra JSON
);
CREATE TABLE sessions (
    session_id VARCHAR PRIMARY KEY,
    state VARCHAR NOT NULL,
    error VARCHAR,
    asked_at TIMESTAMPTZ NOT NULL,
    read_at TIMESTAMPTZ,
    newest TIMESTAMPTZ,
    trace_count BIGINT NOT NULL,
    missing_since TIMESTAMPTZ
);
"""
_KNOWN: Final = """
SELECT session_id, state, epoch_us(read_at), epoch_us(newest), epoch_us(missing_since)
FROM sessions WHERE session_id IN (SELECT unnest($1))
"""
_DELETE: Final = "DELETE FROM traces WHERE session_id IN (SELECT unnest($1))"
# The columns are one JSON text: DuckDB converts Python lists value by value, which takes more than twice as long.
_INSERT: Final = """
INSERT INTO traces (session_id, trace_id, name, timestamp, latency_seconds, total_cost_usd, observation_count,
    html_path, extra)
SELECT unnest(c.session_id), unnest(c.trace_id), unnest(c.name), make_timestamptz(unnest(c.timestamp)),
    unnest(c.latency_seconds), unnest(c.total_cost_usd), unnest(c.observation_count), unnest(c.html_path),
    unnest(c.extra)
FROM (SELECT from_json($1, '{"session_id": ["VARCHAR"], "trace_id": ["VARCHAR"], "name": ["VARCHAR"],
    "timestamp": ["BIGINT"], "latency_seconds": ["DOUBLE"], "total_cost_usd": ["DOUBLE"],
    "observation_count": ["BIGINT"], "html_path": ["VARCHAR"], "extra": ["VARCHAR"]}') AS c)
"""
# If a session can't be read this time, the results of the last complete read stay.
_UPSERT: Final = """
INSERT INTO sessions (session_id, state, error, asked_at, read_at, newest, trace_count, missing_since)
SELECT unnest($1), unnest($2), unnest($3), make_timestamptz(unnest($4)), make_timestamptz(unnest($5)),
    make_timestamptz(unnest($6)), unnest($7), make_timestamptz(unnest($8))
ON CONFLICT (session_id) DO UPDATE SET
    state = excluded.state,
    error = excluded.error,
    asked_at = excluded.asked_at,
    read_at = coalesce(excluded.read_at, read_at),
    newest = CASE WHEN excluded.state = 'read' THEN excluded.newest ELSE newest END,
    trace_count = CASE WHEN excluded.state = 'read' THEN excluded.trace_count ELSE trace_count END,
    missing_since = CASE WHEN excluded.state = 'missing' THEN least(missing_since, excluded.missing_since) END
"""


class StoreFile:
    """The database at ``path``. :meth:`check` creates it with its tables."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Check that the file is a store and can be written, and create it if it does not exist.

        :raises StorageError: if the file is not a store, or can't be created or written. The text says why.
        """
        if not os.path.lexists(self._path):
            self._make()
        self._check_kind()
        with self._opened() as database:
            tables = {name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
            if "lyzr_traces_store" not in tables:
                shown = ", ".join(sorted(tables)[:5]) or "without tables"
                raise StorageError(f"{self._path} is the database of another program ({shown}): choose another file")
            ((version,),) = database.execute("SELECT max(schema_version) FROM lyzr_traces_store").fetchall()
            if version != SCHEMA_VERSION:
                raise StorageError(
                    f"{self._path} has tables of version {version}, and this version of lyzr-traces-async knows "
                    f"version {SCHEMA_VERSION}: upgrade lyzr-traces-async, or choose another file"
                )

    def _make(self) -> None:
        """Create the file under another name, and rename it when it is complete: a kill must not leave half a store."""
        draft = self._path.with_name(f"{self._path.name}.new")
        left_over = (draft, draft.with_name(f"{draft.name}.wal"))
        try:
            for file in left_over:
                file.unlink(missing_ok=True)
            with duckdb.connect(draft, config={"storage_compatibility_version": _STORAGE_VERSION}) as database:
                database.execute(_TABLES)
                database.execute("INSERT INTO lyzr_traces_store VALUES ($1)", [SCHEMA_VERSION])
            draft.replace(self._path)
        except (duckdb.Error, OSError) as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise self._explained(error) from error

    def _check_kind(self) -> None:
        """Refuse a file of another format before DuckDB opens it: it would load an extension for an SQLite file."""
        start, magic = _MAGIC
        try:
            with self._path.open("rb") as file:
                head = file.read(start + len(magic))
        except OSError as error:
            raise StorageError(f"{self._path} can't be read: {error.strerror}") from error
        if head[start:] != magic:
            problem = "is not a DuckDB database" if head else "is empty, and not a DuckDB database"
            raise StorageError(f"{self._path} {problem}: choose another file, or delete this one if nobody needs it")

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        """Return the rows of these sessions by their ids. Sessions without a row are left out.

        :raises StorageError: if the file can't be read.
        """
        found: dict[str, Record] = {}
        with self._opened() as database:
            left = iter(ids)
            while chunk := list(islice(left, _CHUNK)):
                rows = database.execute(_KNOWN, [chunk]).fetchall()
                found.update((name, Record(state, *map(moment, times))) for name, state, *times in rows)
        return found

    def write(self, outcomes: Mapping[str, Outcome]) -> None:
        """Write sessions with their traces in one transaction, which replaces their earlier rows.

        :raises StorageError: if this fails. The file is then unchanged.
        """
        read = [outcome for outcome in outcomes.values() if outcome.error is None]
        with self._opened() as database:
            database.begin()
            database.execute(_DELETE, [[outcome.session_id for outcome in read]])
            database.execute(_INSERT, [msgspec.json.encode(trace_columns(read)).decode()])
            database.execute(_UPSERT, session_columns(outcomes.values()))
            database.commit()

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        # Connect without settings: DuckDB refuses a connection whose settings differ from those of a connection that
        # this process already has to the same file.
        try:
            with duckdb.connect(self._path) as database:
                yield database
        except duckdb.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: duckdb.Error | OSError) -> StorageError:
        # DuckDB has one class for all errors of the operating system. The first line says which error it is.
        reason = str(error).partition("\n")[0]
        if isinstance(error, duckdb.ConnectionException) or "Could not set lock on file" in reason:
            return InUseError(f"{self._path} is in use by another program or connection: close it there. {reason}")
        return StorageError(f"{self._path} could not be opened, read or written. The file is unchanged. {reason}")
