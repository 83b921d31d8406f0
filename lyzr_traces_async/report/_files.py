"""Where a report goes: a file that is there whole or not at all."""

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
    """What a report can be written to: an open text file, or whatever takes text like one."""

    def write(self, text: str, /) -> object:
        """Take the next part of the page."""
        ...


def check_path(path: str | os.PathLike[str]) -> None:
    """Raise unless a report can be written to ``path``, and leave what is there alone.

    For a program that wants to know before it makes the requests of which the report will be.

    :raises InvalidArgumentError: if it cannot; the operating system's error is its ``__cause__``.

    Example: ``check_path("report.html")``
    """
    file, _ = _begin(path)
    _discard(file)


@contextmanager
def opened(place: str | os.PathLike[str] | Writable) -> Iterator[Writable]:
    """Open ``place`` for a report. A path is replaced when the block is left without an error.

    :raises InvalidArgumentError: if nothing can be written there.
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
            f"a report goes to a path, or to a file that is open for writing text, not to {file!r:.80}: {error}"
        ) from error


def _begin(path: str | os.PathLike[str]) -> tuple[TextIO, Path]:
    """Open a new file beside ``path``, whose place it will take. Nothing says as surely that this can be done."""
    try:
        target = Path(os.path.realpath(path))  # a link stays, and what it leads to is replaced
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            is_directory = stat.S_ISDIR(mode)
            what = "a directory" if is_directory else "not a regular file"
            refused = InvalidArgumentError(f"the report cannot be written to {os.fspath(path)!r}: it is {what}")
            if not is_directory:
                refused._advice = "Open it, and pass the open file to `write_report`."
            raise refused
        # A report that only its owner could read stays one, from the first byte on.
        permissions = 0o666 if mode is None else stat.S_IMODE(mode)
        file = open(  # noqa: SIM115 - a path's has no opener; whoever called closes it
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
        file.close()  # which tries once more to write what is left, on a disk that is full
    finally:
        Path(file.name).unlink(missing_ok=True)
