"""Where files are kept: a folder of this machine, or a URI that fsspec knows. A file is there whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from ..errors import InvalidArgumentError, StorageError

__all__ = ["Folder", "Local", "Remote", "folder_of"]

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")
_URI_AS_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/(?!/)")  # a drive of Windows is one letter


class Local:
    """A folder of this machine, which is made where there is none.

    :ivar place: the folder, as it was given.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._path = Path(place)

    def where(self, name: str) -> str:
        """Return the path of a file."""
        return str(self._path / name)

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return (self._path / name).open("rb")

    def check(self) -> None:
        """Write a file and take it away again: nothing says as surely that this can be done."""
        self._path.mkdir(parents=True, exist_ok=True)
        probe = self._path / _temporary()
        probe.touch(exist_ok=False)
        probe.unlink()

    def write(self, name: str, fill: Callable[[BinaryIO], object]) -> None:
        """Write a file under another name, and give it its own when it is whole and on the disk."""
        temporary = self._path / _temporary()
        try:
            with temporary.open("xb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class Remote:
    """A place that fsspec knows, such as a bucket.

    :ivar place: the URI, without a password that may be in it.
    """

    def __init__(self, uri: str) -> None:
        self.place = re.sub("//[^/]*@", "//***@", uri)
        self._uri = uri.rstrip("/")
        self._files, root = _file_system(uri, self.place)
        self._root = root.rstrip("/")

    def where(self, name: str) -> str:
        """Return the URI of a file."""
        return f"{self._uri}/{name}"

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        self._files.invalidate_cache()  # another process may have written it since somebody here has looked
        file: BinaryIO = self._files.open(f"{self._root}/{name}", "rb")
        return file

    def check(self) -> None:
        """Write a file and take it away again: nothing says as surely that this can be done."""
        self._files.makedirs(self._root, exist_ok=True)
        probe = f"{self._root}/{_temporary()}"
        self._files.pipe_file(probe, b"can this be written?")
        self._files.rm_file(probe)

    def write(self, name: str, fill: Callable[[BinaryIO], object]) -> None:
        """Write a file under another name, and give it its own when it is whole."""
        temporary = f"{self._root}/{_temporary()}"
        try:
            with self._files.open(temporary, "wb") as file:
                fill(file)
            self._files.mv(temporary, f"{self._root}/{name}")
        except BaseException:
            with suppress(Exception):  # what went wrong is known, and nobody reads this file
                self._files.rm_file(temporary)
            raise


Folder = Local | Remote


def folder_of(into: object) -> Folder:
    """Return the place that was meant.

    :raises InvalidArgumentError: if it is neither a path nor a URI, or nobody knows the URI's scheme.
    :raises ModuleNotFoundError: if it is a URI, and fsspec or what it needs for the scheme is not installed.
    """
    place = os.fspath(into) if isinstance(into, str | os.PathLike) else None
    if not isinstance(place, str) or not place or "\0" in place:
        raise InvalidArgumentError(f"into must be the path of a folder, or a URI such as s3://bucket/traces: {into!r}")
    if not isinstance(into, str) and _URI_AS_PATH.match(place):
        raise InvalidArgumentError(f"into must be a str where it is a URI: as a path it has lost a slash: {place!r}")
    return Remote(place) if _URI.match(place) else Local(place)


@contextmanager
def kept_in(folder: Folder) -> Iterator[None]:
    """Raise what goes wrong with the files of a folder as :class:`StorageError`."""
    try:
        yield
    except Exception as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise StorageError(f"batches of traces can't be kept in {folder.place!r}: {reason}") from error


def _temporary() -> str:
    # Readers of a folder pass over such a name. Two workers that have the same batch do not meet in it.
    return f".{secrets.token_hex(16)}.tmp"


def _file_system(uri: str, shown: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - where it is needed
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"to write to {shown!r}, fsspec is needed, and the package that it has for the scheme: "
            "pip install fsspec, and for s3:// for example s3fs",
            name=missing.name,
        ) from missing
    try:
        files, root = url_to_fs(uri)
    except ImportError as missing:
        raise ModuleNotFoundError(
            f"to write to {shown!r}, fsspec needs a package for the scheme: {missing}"
        ) from missing
    except ValueError as error:
        raise InvalidArgumentError(f"into is a URI that fsspec does not know: {shown!r}: {error}") from error
    return files, root
