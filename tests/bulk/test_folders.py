"""Where `pull_sessions` keeps its files: a folder, or a URI that fsspec knows."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from pyarrow import parquet

from lyzr_traces_async import (
    InvalidArgumentError,
    StorageError,
)
from lyzr_traces_async.bulk import pull_sessions
from lyzr_traces_async.testing import FakeTracesServer
from tests.bulk.batches import IDS, left

pytestmark = pytest.mark.usefixtures("sessions")


@pytest.mark.parametrize("into", [None, 5, b"traces", "", "a\0b", Path("s3://bucket/traces")])
def test_what_is_no_place_is_refused(into: Any) -> None:
    """A URI as a path has lost a slash, and would be a folder of each worker's own."""
    with pytest.raises(InvalidArgumentError, match=r"^into must be "):
        pull_sessions(IDS, into)


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
