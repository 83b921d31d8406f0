"""Writing a report so that the file is complete or not there at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

from ..errors import InvalidArgumentError

__all__ = ["Writable", "check_path", "opened"]


class Writable(Protocol):
    """An open text file, or any object with such a ``write`` method."""

    def write(self, text: str, /) -> object:
        """Write the next part of the report."""
        ...


def check_path(path: str | os.PathLike[str]) -> None:
    """Raise unless a report can be written to ``path``. An existing file is not changed.

    A program can call this before it makes the requests for the report.

    :raises InvalidArgumentError: if the report cannot be written. The operating system's error is its ``__cause__``.

    Example: ``check_path("report.html")``
    """
    file, _ = _begin(path)
    _discard(file)


@contextmanager
def opened(place: str | os.PathLike[str] | Writable) -> Iterator[Writable]:
    """Open ``place`` for a report. A file at a path is replaced when the block ends without an error.

    :raises InvalidArgumentError: if the report cannot be written there.
    """
    if not isinstance(place, str | os.PathLike):
        _check_file(place)
        yield place
        return
    file, path = _begin(place)
    try:
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(file.name, path)  # noqa: PTH105 - the names of open files are strings
    except BaseException:
        _discard(file)
        raise


def _check_file(file: Writable) -> None:
    try:
        file.write("")
    except (AttributeError, OSError, TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"a report needs a path, or a file that is open for writing text, not {file!r:.80}: {error}"
        ) from error


def _begin(path: str | os.PathLike[str]) -> tuple[TextIO, Path]:
    """Create a temporary file in the directory of ``path``, to replace ``path`` later.

    Creating the file is the only sure check that the directory can be written to.
    """
    try:
        target = Path(os.path.realpath(path))  # a symbolic link stays, and its target is replaced
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            is_directory = stat.S_ISDIR(mode)
            what = "a directory" if is_directory else "not a regular file"
            refused = InvalidArgumentError(f"the report cannot be written to {os.fspath(path)!r}: it is {what}")
            if not is_directory:
                refused._advice = "Open it, and pass the open file to `write_report`."
            raise refused
        # The new file has the permissions of the old one from the start, so a private report stays private.
        permissions = 0o666 if mode is None else stat.S_IMODE(mode)
        file = open(  # noqa: SIM115 - `Path.open` has no `opener`; the caller closes the file
            target.with_name(f".{secrets.token_hex(8)}.tmp"),
            "x",
            encoding="utf-8",
            newline="\n",
            opener=lambda name, flags: os.open(name, flags, permissions),
        )
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InvalidArgumentError(f"the report cannot be written to {os.fspath(path)!r}: {reason}") from error
    return file, target


def _discard(file: TextIO) -> None:
    try:
        file.close()  # this writes the rest of the buffer, which fails again on a full disk
    finally:
        Path(file.name).unlink(missing_ok=True)
