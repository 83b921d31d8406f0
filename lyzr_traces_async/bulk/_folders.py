"""Folders for the files: on this machine, or at a URI that fsspec knows. A file appears only when it is complete."""

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
# The scheme has two characters or more: a single letter is a drive of Windows.
_URI_AS_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/(?!/)")


class Local:
    """A folder on this machine. It is created if it does not exist.

    :ivar place: the path as it was given.
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
        """Write a file and delete it: this is the only reliable test that the folder can be written."""
        self._path.mkdir(parents=True, exist_ok=True)
        probe = self._path / _temporary()
        probe.touch(exist_ok=False)
        probe.unlink()

    def write(self, name: str, fill: Callable[[BinaryIO], object]) -> None:
        """Write a file under a temporary name, and rename it when it is complete and on the disk."""
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
    """A folder that fsspec knows, such as a bucket.

    :ivar place: the URI without user name and password.
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
        self._files.invalidate_cache()  # another process may have written the file since fsspec listed the folder
        file: BinaryIO = self._files.open(f"{self._root}/{name}", "rb")
        return file

    def check(self) -> None:
        """Write a file and delete it: this is the only reliable test that the folder can be written."""
        self._files.makedirs(self._root, exist_ok=True)
        probe = f"{self._root}/{_temporary()}"
        self._files.pipe_file(probe, b"write test")
        self._files.rm_file(probe)

    def write(self, name: str, fill: Callable[[BinaryIO], object]) -> None:
        """Write a file under a temporary name, and rename it when it is complete."""
        temporary = f"{self._root}/{_temporary()}"
        try:
            with self._files.open(temporary, "wb") as file:
                fill(file)
            self._files.mv(temporary, f"{self._root}/{name}")
        except BaseException:
            with suppress(Exception):  # the first error is raised, and readers ignore this file
                self._files.rm_file(temporary)
            raise


Folder = Local | Remote


def folder_of(into: object) -> Folder:
    """Return the folder at a path or a URI.

    :raises InvalidArgumentError: if ``into`` is neither a path nor a URI, or fsspec does not know the URI's scheme.
    :raises ModuleNotFoundError: if ``into`` is a URI, and fsspec or its package for the scheme is not installed.
    """
    place = os.fspath(into) if isinstance(into, str | os.PathLike) else None
    if not isinstance(place, str) or not place or "\0" in place:
        raise InvalidArgumentError(
            f"into must be the path of a folder, or a URI such as s3://bucket/traces, not {into!r}"
        )
    if not isinstance(into, str) and _URI_AS_PATH.match(place):
        raise InvalidArgumentError(f"into must be a str if it is a URI. A Path drops one slash of it: {place!r}")
    return Remote(place) if _URI.match(place) else Local(place)


@contextmanager
def kept_in(folder: Folder) -> Iterator[None]:
    """Raise any error of the block as :class:`StorageError` with the folder's name."""
    try:
        yield
    except Exception as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise StorageError(f"batches of traces can't be read or written in {folder.place!r}: {reason}") from error


def _temporary() -> str:
    # Readers of a folder ignore names that begin with a dot. The name is random, so that two workers that have the same
    # batch do not write the same file.
    return f".{secrets.token_hex(16)}.tmp"


def _file_system(uri: str, shown: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - only URIs need it
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"fsspec is not installed. Writing to {shown!r} needs it, and its package for the scheme: "
            "pip install fsspec, and for s3://, for example, s3fs",
            name=missing.name,
        ) from missing
    try:
        files, root = url_to_fs(uri)
    except ImportError as missing:
        raise ModuleNotFoundError(f"fsspec needs another package to write to {shown!r}: {missing}") from missing
    except ValueError as error:
        raise InvalidArgumentError(f"into must be a URI that fsspec knows, not {shown!r}: {error}") from error
    return files, root
