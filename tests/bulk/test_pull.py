"""A batch of sessions as one Parquet file: read once, whole or not there, and the answer from then on."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pickle
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

from lyzr_traces_async import (
    APIConnectionError,
    AuthenticationError,
    InvalidArgumentError,
    NotFoundError,
    ServerError,
    SessionInfo,
    StorageError,
)
from lyzr_traces_async.bulk import TRACES_SCHEMA, pull_sessions, to_arrow
from lyzr_traces_async.bulk._batches import name_of
from lyzr_traces_async.testing import FakeTracesServer

IDS = [f"3fa85f64-5717-4562-b3fc-{number:012x}" for number in range(6)]


@pytest.fixture(autouse=True)
def sessions(server: FakeTracesServer) -> None:
    """Add sessions of none to 125 traces."""
    for number, session_id in enumerate(IDS):
        server.add_session(session_id, 25 * number)


def note(path: str) -> Any:
    return json.loads(parquet.read_schema(path).metadata[b"lyzr_traces_async"])


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_batch_becomes_one_file(server: FakeTracesServer, tmp_path: Path) -> None:
    """In a folder that is made: rows in the order of the ids, and each session's in that of the server."""
    asked_for = [IDS[5], IDS[0], IDS[2]]
    path = pull_sessions(asked_for, tmp_path / "new" / "folder", limit=50)
    table = parquet.read_table(path)
    expected = to_arrow([trace for session_id in asked_for for trace in server.traces(session_id)])
    assert table.replace_schema_metadata() == expected
    assert table.schema.equals(TRACES_SCHEMA)
    assert note(path) == {"sessions": {IDS[5]: 125, IDS[0]: 0, IDS[2]: 50}, "missing": []}
    assert left(tmp_path / "new" / "folder") == [Path(path).name]
    assert {request.query["limit"] for request in server.requests} == {"50"}


def test_the_file_is_the_answer_from_then_on(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, and no key is needed; in the same folder, in whatever form the ids come."""
    path = pull_sessions(IDS[:3], tmp_path)
    asked = len(server.requests)
    monkeypatch.delenv("LYZR_API_KEY")
    assert pull_sessions((UUID(IDS[0]), IDS[1], IDS[2], IDS[0]), str(tmp_path), limit=7) == path
    assert len(server.requests) == asked
    with pytest.raises(InvalidArgumentError, match="no API key"):
        pull_sessions(reversed(IDS[:3]), tmp_path)


def test_the_name_tells_batches_apart() -> None:
    """It is the same on every machine and in every version, or finished batches would be read again."""
    assert name_of(()) == "traces-e3b0c44298fc1c149afbf4c8996fb924.parquet"
    assert name_of((IDS[0], IDS[1])) == "traces-510abf0c29ea30873b3e0ee2ba2ecf5c.parquet"
    assert len({name_of(ids) for ids in [(), (IDS[0],), (IDS[0], IDS[1]), (IDS[1], IDS[0]), (IDS[0].upper(),)]}) == 5


def test_what_iter_sessions_yields_is_taken(tmp_path: Path) -> None:
    """By its id."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    info = SessionInfo(IDS[1], "room", None, None, moment, moment, None, 0)
    assert pull_sessions([info], tmp_path) == pull_sessions([IDS[1]], tmp_path)


def test_a_session_that_is_not_found_is_named(server: FakeTracesServer, tmp_path: Path) -> None:
    """It has no rows, and is not asked for again."""
    unknown = "00000000-0000-4000-8000-000000000000"
    path = pull_sessions([unknown, IDS[1]], tmp_path)
    assert note(path) == {"sessions": {unknown: 0, IDS[1]: 25}, "missing": [unknown]}
    asked = len(server.requests)
    assert pull_sessions([unknown, IDS[1]], tmp_path) == path
    assert len(server.requests) == asked


def test_a_404_of_somebody_else_settles_nothing(server: FakeTracesServer, tmp_path: Path) -> None:
    """As with a wrong base URL: the batch would be without rows for good."""
    server.fail_next(status=404, body=b"<html>")
    with pytest.raises(NotFoundError, match="Or the base URL does not lead to the API"):
        pull_sessions([IDS[1]], tmp_path)
    assert left(tmp_path) == []


def test_the_session_asked_for_stands_in_its_column(server: FakeTracesServer, tmp_path: Path) -> None:
    """Whatever the trace says of its session."""
    traces = [attrs.evolve(trace, session_id=None) for trace in server.traces(IDS[1])]
    other = "11111111-0000-4000-8000-000000000000"
    server.add_session(other, traces)
    assert set(parquet.read_table(pull_sessions([other], tmp_path))["session_id"].to_pylist()) == {other}


def test_a_batch_without_sessions_is_a_file_without_rows(server: FakeTracesServer, tmp_path: Path) -> None:
    """Spark has partitions without anything in them."""
    path = pull_sessions([], tmp_path)
    assert len(parquet.read_table(path)) == 0
    assert note(path) == {"sessions": {}, "missing": []}
    assert server.requests == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PAR1" + b"\xff" * 100 + b"\x40\0\0\0PAR1"),
        lambda path: path.write_text("of another program"),
        lambda path: parquet.write_table(pa.table({"a": [1]}), path),
        lambda path: parquet.write_table(TRACES_SCHEMA.empty_table(), path),
        lambda path: parquet.write_table(parquet.read_table(path).slice(1), path),
        lambda path: parquet.write_table(parquet.read_table(path).drop(["extra"]), path),
        lambda path: parquet.write_table(
            parquet.read_table(path).replace_schema_metadata({"lyzr_traces_async": '{"sessions": []}'}), path
        ),
        lambda path: parquet.write_table(
            parquet.read_table(path).replace_schema_metadata({"lyzr_traces_async": "1"}), path
        ),
    ],
)
def test_a_file_that_is_not_the_batch_is_replaced(server: FakeTracesServer, tmp_path: Path, damage: Any) -> None:
    """One that was cut short, another program's, another batch's."""
    path = Path(pull_sessions(IDS[1:3], tmp_path))
    whole = parquet.read_table(path)
    asked = len(server.requests)
    damage(path)
    assert pull_sessions(IDS[1:3], tmp_path) == str(path)
    assert len(server.requests) == 2 * asked
    assert parquet.read_table(path).equals(whole, check_metadata=True)
    assert left(tmp_path) == [path.name]


def test_pandas_polars_duckdb_and_datasets_read_the_files(tmp_path: Path) -> None:
    """All files of a folder together, one without rows among them."""
    for batch in (IDS[:1], IDS[1:3], IDS[3:]):
        pull_sessions(batch, tmp_path)
    pattern = str(tmp_path / "*.parquet")
    assert len(pd.read_parquet(tmp_path)) == 375
    assert pl.scan_parquet(pattern).select(pl.len()).collect().item() == 375
    with duckdb.connect() as connection:
        counts = connection.execute("SELECT count(*), count(DISTINCT session_id) FROM read_parquet(?)", [pattern])
        assert counts.fetchall() == [(375, 5)]
    assert dataset.dataset(tmp_path).count_rows() == 375


# What goes wrong


def test_a_session_that_fails_fails_the_batch(server: FakeTracesServer, tmp_path: Path) -> None:
    """With its own error, and no file: the engine calls again. Nothing else is asked for after it."""
    server.fail_next(status=501)
    with pytest.raises(ServerError, match="501"):
        pull_sessions(IDS, tmp_path)
    assert left(tmp_path) == []
    pull_sessions(IDS, tmp_path)
    assert len(left(tmp_path)) == 1


def test_an_error_goes_to_another_process_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some engines pickle it with what it came from, and not everything of the HTTP library can be pickled."""

    def fail(_: object) -> None:
        try:
            raise OSError("before")
        except OSError:
            raise APIConnectionError("no complete answer") from RuntimeError(open)

    monkeypatch.setattr("lyzr_traces_async.bulk._pull.in_the_process", fail)
    with pytest.raises(APIConnectionError, match="no complete answer") as caught:
        pull_sessions(IDS, tmp_path)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_wrong_key_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed one is a new client, without a new process."""
    pull_sessions(IDS[:2], tmp_path)
    with monkeypatch.context() as patch:
        patch.setenv("LYZR_API_KEY", "wrong")
        with pytest.raises(AuthenticationError):
            pull_sessions(IDS[2:], tmp_path)
    pull_sessions(IDS[2:], tmp_path)


@pytest.mark.parametrize("ids", [IDS[0], IDS[0].encode(), None, 5])
def test_what_is_no_list_of_ids_is_refused(ids: Any, tmp_path: Path) -> None:
    """An id in place of a list would be 36 of one letter."""
    with pytest.raises(InvalidArgumentError, match=rf"^ids must be .* not {type(ids).__name__}\."):
        pull_sessions(ids, tmp_path / "new")
    assert left(tmp_path) == []


def test_an_asynchronous_iterable_is_refused(tmp_path: Path) -> None:
    """The text says what would do."""

    async def ids() -> AsyncIterator[str]:
        yield IDS[0]

    with pytest.raises(InvalidArgumentError, match=r"first: \[session async for session in "):
        pull_sessions(ids(), tmp_path)  # type: ignore[arg-type]


def test_a_malformed_id_is_refused_before_anything(server: FakeTracesServer, tmp_path: Path) -> None:
    """Nothing is sent or made; and a key in place of an id is not shown."""
    for wrong in ("x", None, server.api_key):
        with pytest.raises(InvalidArgumentError, match="session_id must be a UUID") as caught:
            pull_sessions([IDS[0], wrong], tmp_path / "new")  # type: ignore[list-item]
        assert server.api_key not in str(caught.value)
    assert (left(tmp_path), server.requests) == ([], [])


@pytest.mark.parametrize("limit", [0, 101, "5", True])
def test_a_limit_of_no_use_is_refused(limit: Any, tmp_path: Path) -> None:
    """Before anything is made."""
    with pytest.raises(InvalidArgumentError, match="limit must be an integer from 1 to 100"):
        pull_sessions(IDS, tmp_path / "new", limit=limit)
    assert left(tmp_path) == []


@pytest.mark.parametrize("into", [None, 5, b"traces", "", "a\0b", Path("s3://bucket/traces")])
def test_what_is_no_place_is_refused(into: Any) -> None:
    """A URI as a path has lost a slash, and would be a folder of each worker's own."""
    with pytest.raises(InvalidArgumentError, match=r"^into must be "):
        pull_sessions(IDS, into)


async def test_a_thread_with_an_event_loop_is_refused(server: FakeTracesServer, tmp_path: Path) -> None:
    """It would be held up, and with it perhaps what is waited for. In another thread it is welcome."""
    with pytest.raises(InvalidArgumentError, match=r"use `await asyncio\.to_thread\(pull_sessions, ids, into\)`"):
        pull_sessions(IDS, tmp_path)
    assert (left(tmp_path), server.requests) == ([], [])
    assert await asyncio.to_thread(pull_sessions, IDS, tmp_path)


# Where it is kept


def test_a_place_that_cannot_be_written_is_told_before_the_first_request(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in place of a folder, a folder in place of the file, and one that nobody may write to."""
    (tmp_path / "file").touch()
    for into in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            StorageError, match=r"can't be read or written in '.*file.*': (Not a directory|File exists)"
        ) as caught:
            pull_sessions(IDS, into)
        assert isinstance(caught.value.__cause__, OSError)
    path = Path(pull_sessions([], tmp_path))
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        pull_sessions([], tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)  # since root may write everywhere
    with pytest.raises(StorageError, match="Permission denied"):
        pull_sessions(IDS, tmp_path)
    assert server.requests == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """What was there before is still there."""
    resource = pytest.importorskip("resource")
    path = Path(pull_sessions(IDS[1:3], tmp_path))
    path.write_text("as it was")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))  # a disk with room for that
    try:
        with pytest.raises(StorageError, match="File too large"):
            pull_sessions(IDS[1:3], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "as it was"
    assert left(tmp_path) == [path.name]


def test_a_disk_that_fails_while_it_is_read_is_told(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch may be there: nothing is asked for again."""
    pull_sessions([], tmp_path)

    def fail(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(parquet, "ParquetFile", fail)
    with pytest.raises(StorageError, match="Input/output error"):
        pull_sessions([], tmp_path)
    assert server.requests == []


def test_readers_do_not_see_an_unfinished_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is hidden, is no Parquet file's, and nobody else's; it is on the disk before it gets its own."""
    seen = []
    fsync = os.fsync

    def look(descriptor: int) -> None:
        seen.extend(left(tmp_path))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    pull_sessions(IDS[:1], tmp_path / "..." / "..")
    pull_sessions(IDS[1:2], tmp_path)
    hidden = [name for name in seen if not name.endswith(".parquet") and name != "..."]
    assert len(set(hidden)) == 2
    assert all(name.startswith(".") and name.endswith(".tmp") for name in hidden)


def test_a_uri_is_left_to_fsspec(server: FakeTracesServer) -> None:
    """With the same promises: one file, replaced where it is not whole, the answer where it is."""
    memory = fsspec.filesystem("memory")
    into = "memory://bucket/traces/"
    uri = pull_sessions(IDS[:3], into)
    assert uri.startswith("memory://bucket/traces/traces-")
    assert memory.ls("/bucket/traces", detail=False) == [uri.removeprefix("memory:/")]
    with fsspec.open(uri) as file:
        assert len(parquet.read_table(file)) == 75
    asked = len(server.requests)
    assert pull_sessions(IDS[:3], into) == uri
    assert len(server.requests) == asked
    memory.pipe_file(uri, b"cut")
    assert pull_sessions(IDS[:3], into) == uri
    assert len(server.requests) == 2 * asked
    assert len(memory.ls("/bucket/traces")) == 1


def test_a_uri_of_a_local_folder_is_one(tmp_path: Path) -> None:
    """By fsspec too."""
    uri = pull_sessions(IDS[:2], f"file://{tmp_path}/new")
    assert uri.startswith(f"file://{tmp_path}/new/traces-")
    assert len(left(tmp_path / "new")) == 1


def test_what_goes_wrong_at_a_uri_is_told(server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a folder, whatever kind of error it is there, and without a password."""
    memory = type(fsspec.filesystem("memory"))

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such bucket")

    with monkeypatch.context() as patch:
        patch.setattr(memory, "makedirs", fail)
        text = r"can't be read or written in 'memory://\*\*\*@bucket/x': RuntimeError: no such bucket"
        with pytest.raises(StorageError, match=text):
            pull_sessions(IDS, "memory://me:secret@bucket/x")
    assert server.requests == []
    monkeypatch.setattr(memory, "mv", fail)
    with pytest.raises(StorageError, match="no such bucket"):
        pull_sessions(IDS[:1], "memory://full")
    assert fsspec.filesystem("memory").ls("/full") == []


def test_a_uri_that_fsspec_does_not_know_is_refused() -> None:
    """Before anything is sent; or what is missing for it is named."""
    with pytest.raises(InvalidArgumentError, match="Protocol not known: xyz"):
        pull_sessions(IDS, "xyz://bucket/traces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "s3fs", None)
        with pytest.raises(
            ModuleNotFoundError, match="fsspec needs another package to write to 's3://bucket/traces': Install s3fs"
        ):
            pull_sessions(IDS, "s3://bucket/traces")
        patch.setitem(sys.modules, "fsspec.core", None)
        with pytest.raises(ModuleNotFoundError, match="pip install fsspec, and for s3://, for example, s3fs"):
            pull_sessions(IDS, "s3://bucket/traces")


# As a task


def test_the_task_is_pickled_by_its_name(server: FakeTracesServer) -> None:
    """Nothing of the environment goes with it."""
    pickled = pickle.dumps((pull_sessions, IDS))
    assert pickle.loads(pickled) == (pull_sessions, IDS)  # noqa: S301 - our own
    assert len(pickle.dumps(pull_sessions)) < 100
    assert server.api_key.encode() not in pickled


def test_threads_with_the_same_batch_do_not_meet(tmp_path: Path) -> None:
    """All get the one file, which is whole."""
    with ThreadPoolExecutor(8) as threads:
        paths = set(threads.map(lambda _: pull_sessions(IDS, tmp_path), range(8)))
    assert left(tmp_path) == [Path(path).name for path in paths]
    assert len(parquet.read_table(paths.pop())) == 375
