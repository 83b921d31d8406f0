"""One sync of a file at a time. The operating system lets go of the lock when its process ends, however it ends."""

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
    """Somebody else uses the file at the moment."""


def lock(path: Path) -> Callable[[], None]:
    """Keep other syncs away from the file at ``path``, and return what ends that.

    Two at once would ask for every session twice. It is a lock on an empty file beside it: where the file itself is
    locked nobody can read it.

    :raises InUseError: if another sync has the lock.
    :raises StorageError: if there can't be one.
    """
    beside = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror} ({beside})") from error
    try:
        _lock(descriptor)
        # One that has just ended may have taken the file away between the two calls.
        is_there = os.path.samestat(os.fstat(descriptor), beside.stat())
    except (BlockingIOError, FileNotFoundError, PermissionError):
        is_there = False
    except OSError as error:
        os.close(descriptor)
        raise StorageError(
            f"{beside} can't be locked: {error.strerror}. Is it on a file system that has locks?"
        ) from error
    if not is_there:
        os.close(descriptor)
        raise InUseError(f"another sync of {path} is under way (it holds {beside}): wait until it has ended")

    def release() -> None:
        # Taken away before it is let go of: whoever opens it from now on makes a new one.
        with suppress(OSError):
            beside.unlink()
        os.close(descriptor)

    return release
