"""One sync of a file at a time. The operating system lets go of the lock when its process ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StorageError

if sys.platform == "win32":  # pragma: no cover - the suite runs on Linux
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


__all__ = ["locked"]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other syncs away from the file at ``path``, by a lock on an empty file beside it.

    Two at once would ask for every session twice. The file itself can't be locked: then nobody could read it.

    :raises StorageError: if another sync has the lock, or no file can be written there.
    """
    beside = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror} ({beside})") from error
    try:
        try:
            _lock(descriptor)
            # One that has just ended may have taken the file away between the two calls.
            is_there = os.path.samestat(os.fstat(descriptor), beside.stat())
        except OSError as error:
            raise _refusal(path, beside, error) from error
        if not is_there:
            raise _refusal(path, beside, None)
        try:
            yield
        finally:
            # Before it is let go of: whoever opens it from now on makes a new one.
            with suppress(OSError):
                beside.unlink()
    finally:
        os.close(descriptor)


def _refusal(path: Path, beside: Path, error: OSError | None) -> StorageError:
    if error is None or isinstance(error, BlockingIOError | FileNotFoundError | PermissionError):
        return StorageError(f"another sync of {path} is under way (it holds {beside}): wait until it has ended")
    return StorageError(f"{beside} can't be locked: {error.strerror}. Is it on a file system that has locks?")
