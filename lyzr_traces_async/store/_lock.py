"""A lock that allows one sync of a file at a time. The operating system releases it when the process ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
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


__all__ = ["InUseError", "lock"]


class InUseError(StorageError):
    """Another program or another sync is using the file."""


def lock(path: Path) -> Callable[[], None]:
    """Lock the file at ``path`` against other syncs, and return a function that releases the lock.

    Two syncs at the same time would read every session twice. The lock is on an empty file beside the store, because
    other programs can't read a store that is locked itself.

    :raises InUseError: if another sync has the lock.
    :raises StorageError: if the lock can't be created.
    """
    beside = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror} ({beside})") from error
    try:
        _lock(descriptor)
        # Another sync that has just ended may have deleted the lock file between the two calls.
        is_there = os.path.samestat(os.fstat(descriptor), beside.stat())
    except (BlockingIOError, FileNotFoundError, PermissionError):
        is_there = False
    except OSError as error:
        os.close(descriptor)
        raise StorageError(
            f"{beside} can't be locked: {error.strerror}. Does its file system support locks?"
        ) from error
    if not is_there:
        os.close(descriptor)
        raise InUseError(f"another sync of {path} is running (it holds {beside}): wait until it has ended")

    def release() -> None:
        # Delete the lock file before it is unlocked: a sync that opens it after this creates a new one.
        with suppress(OSError):
            beside.unlink()
        os.close(descriptor)

    return release
