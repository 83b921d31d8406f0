"""The lock that allows one sync of a file at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lyzr_traces_async import StorageError
from lyzr_traces_async.store._lock import InUseError, lock


def test_a_second_sync_of_a_file_is_refused(path: Path) -> None:
    """This holds within one process too. Releasing the lock removes its file."""
    release = lock(path)
    with pytest.raises(InUseError, match=f"another sync of {path} is running"):
        lock(path)
    assert list(path.parent.iterdir()) == [path.with_name("traces.duckdb.lock")]
    release()
    lock(path)()
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("another", [False, True])
def test_a_lock_file_that_vanished_is_no_lock(path: Path, monkeypatch: pytest.MonkeyPatch, *, another: bool) -> None:
    """The other sync may end between opening and locking. A third sync may then have its own lock file."""
    opened = os.open

    def open_too_late(name: Path, *arguments: int) -> int:
        descriptor = opened(name, *arguments)
        name.unlink()
        if another:
            name.write_bytes(b"")
        return descriptor

    monkeypatch.setattr(os, "open", open_too_late)
    with pytest.raises(InUseError, match="another sync"):
        lock(path)
    assert path.with_name("traces.duckdb.lock").exists() is another


def test_a_folder_that_does_not_support_locks_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems do not. A folder that cannot be written is an error too."""

    def no_locks(_: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("lyzr_traces_async.store._lock._lock", no_locks)
    with pytest.raises(StorageError, match=r"can't be locked: No locks available\. Does its file system"):
        lock(path)
    with pytest.raises(StorageError, match="can't be written: No such file or directory"):
        lock(path.parent / "no" / "traces.duckdb")
