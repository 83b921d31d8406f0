"""The file: one DuckDB database with two tables. It is open only within a call, so that others can read it between.

All of it blocks, and belongs into a thread.
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

# Of the tables. A file of a later version may have others.
SCHEMA_VERSION: Final = 1
# So that tools with a DuckDB as old as this one can read the file.
_STORAGE_VERSION: Final = "v1.2.0"
# What each DuckDB database has behind an eight-byte checksum.
_MAGIC: Final = (8, b"DUCK")
# Ids that are looked up at once.
_CHUNK: Final = 10_000

# `traces` has no key: it would make the file three times as large. A session's rows are replaced in one transaction.
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
# As one JSON text: DuckDB takes lists of Python's value by value, which takes more than twice as long.
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
# What was read before stays where a session can't be read now.
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
    """The database at ``path``; it is made, with its tables, by :meth:`check`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """See to it that the file is there, is a store, and can be written.

        :raises StorageError: if it is not; the text says why.
        """
        if not os.path.lexists(self._path):
            self._make()
        self._check_kind()
        with self._opened() as database:
            tables = {name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
            if "lyzr_traces_store" not in tables:
                shown = ", ".join(sorted(tables)[:5]) or "without tables"
                raise StorageError(f"{self._path} is the database of another program ({shown}): name another file")
            ((version,),) = database.execute("SELECT max(schema_version) FROM lyzr_traces_store").fetchall()
            if version != SCHEMA_VERSION:
                raise StorageError(
                    f"{self._path} has tables of version {version}, and this version of lyzr-traces-async knows "
                    f"{SCHEMA_VERSION}: upgrade it, or name another file"
                )

    def _make(self) -> None:
        """Make a new file, under another name first: a kill in the middle would leave something that is no store."""
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
        """Refuse what is no database before DuckDB sees it: for an SQLite file it would load an extension."""
        start, magic = _MAGIC
        try:
            with self._path.open("rb") as file:
                head = file.read(start + len(magic))
        except OSError as error:
            raise StorageError(f"{self._path} can't be read: {error.strerror}") from error
        if head[start:] != magic:
            what = "is no DuckDB database" if head else "is empty, and no DuckDB database"
            raise StorageError(f"{self._path} {what}: name another file, or delete it if nobody needs it")

    def known(self, ids: Sequence[str]) -> dict[str, Record]:
        """Return what is known of those of the sessions that were asked for before.

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
        """Write sessions with their traces in one transaction; those that were there before are replaced.

        :raises StorageError: if that fails; the file is as it was.
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
        # Without settings: one with settings of its own can't open what somebody else in this process has open too.
        try:
            with duckdb.connect(self._path) as database:
                yield database
        except duckdb.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: duckdb.Error | OSError) -> StorageError:
        # DuckDB has one class for all that the operating system refuses. The first line says what it was.
        said = str(error).partition("\n")[0]
        if isinstance(error, duckdb.ConnectionException) or "Could not set lock on file" in said:
            return InUseError(f"{self._path} is in use, close it there: {said}")
        return StorageError(f"{self._path} could not be opened, read or written; what it held is as it was. {said}")
