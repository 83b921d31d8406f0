"""Where `pull_sessions` keeps files: in a local folder, or at a URI of fsspec."""

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
def test_a_place_that_is_neither_folder_nor_uri_is_refused(into: Any) -> None:
    """A URI within a Path has lost a slash, and would become a folder on each worker."""
    with pytest.raises(InvalidArgumentError, match=r"^into must be "):
        pull_sessions(IDS, into)


def test_a_place_that_cannot_be_written_is_an_error_before_the_first_request(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a file, has a folder in place of the file, or has no permission."""
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

    monkeypatch.setattr(Path, "touch", refuse)  # root may write everywhere, so permissions would not do
    with pytest.raises(StorageError, match="Permission denied"):
        pull_sessions(IDS, tmp_path)
    assert server.requests == []


def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    """No temporary file is left."""
    resource = pytest.importorskip("resource")
    path = Path(pull_sessions(IDS[1:3], tmp_path))
    path.write_text("as it was")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))  # as a disk with so many bytes left
    try:
        with pytest.raises(StorageError, match="File too large"):
            pull_sessions(IDS[1:3], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "as it was"
    assert left(tmp_path) == [path.name]


def test_a_disk_that_cannot_be_read_is_an_error(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch may be there, so it is not read from the service again."""
    pull_sessions([], tmp_path)

    def fail(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(parquet, "ParquetFile", fail)
    with pytest.raises(StorageError, match="Input/output error"):
        pull_sessions([], tmp_path)
    assert server.requests == []


def test_readers_do_not_see_an_unfinished_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is hidden, unique and without `.parquet`. It is flushed to disk before it is renamed."""
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


def test_a_uri_is_opened_with_fsspec(server: FakeTracesServer) -> None:
    """A complete file is the answer, and an incomplete one is replaced, as in a folder."""
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


def test_a_file_uri_is_a_local_folder(tmp_path: Path) -> None:
    """The library fsspec writes there too."""
    uri = pull_sessions(IDS[:2], f"file://{tmp_path}/new")
    assert uri.startswith(f"file://{tmp_path}/new/traces-")
    assert len(left(tmp_path / "new")) == 1


def test_a_failure_at_a_uri_is_a_storage_error(server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds for any kind of exception. The error does not contain the password."""
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
    """The error comes before the first request. If a package is missing, the error names it."""
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
