"""Where a report is written."""

from __future__ import annotations

import io
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lyzr_traces_async import InvalidArgumentError, SessionTraces
from lyzr_traces_async.report import check_path, write_report
from tests.report.samples import page_of, session, trace


def test_a_report_is_written_to_a_path(tmp_path: Path) -> None:
    """The path may be a string. No other file is left."""
    for path in (tmp_path / "a.html", str(tmp_path / "b.html")):
        write_report(path, [session(trace())])
        assert Path(path).read_text("utf-8") == page_of(session(trace()))
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "b.html"}


def test_an_old_report_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    """A symbolic link stays a link."""
    target, link = tmp_path / "report.html", tmp_path / "link.html"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_report(link, [session(trace())])
    assert link.is_symlink()
    assert target.read_text("utf-8") == page_of(session(trace()))
    assert target.stat().st_mode & 0o777 == 0o600


def broken() -> Iterator[SessionTraces]:
    """Yield one session, then fail."""
    yield session(trace())
    raise ZeroDivisionError


def test_a_failure_leaves_the_old_report(tmp_path: Path) -> None:
    """Neither half a report nor a temporary file is left."""
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_report(path, broken())
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("report.html", "old")]


def test_a_full_disk_leaves_the_old_report(tmp_path: Path) -> None:
    """The error is that of the system."""
    path = tmp_path / "report.html"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_report(path, [session(trace())])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("report.html", "old")]


def unasked() -> Iterator[SessionTraces]:
    """Fail if a session is drawn."""
    pytest.fail("a session was drawn")
    yield session()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/report.html", "No such file or directory"),
        (".", "it is a directory"),
        ("file/report.html", "Not a directory"),
        ("nul\0", "embedded null"),
        ("pipe", "it is not a regular file"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_a_session_is_drawn(
    name: str, reason: str, tmp_path: Path
) -> None:
    """The error has the path and the reason. `check_path` raises the same error."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    before = set(tmp_path.iterdir())
    path = os.path.join(tmp_path, name)  # noqa: PTH118 - as given, with its dot
    for write in (lambda path: write_report(path, unasked()), check_path):
        with pytest.raises(InvalidArgumentError, match=reason) as caught:
            write(path)
        assert repr(path) in str(caught.value)
    assert set(tmp_path.iterdir()) == before


def test_the_systems_error_is_the_cause(tmp_path: Path) -> None:
    """A program can read its number."""
    with pytest.raises(InvalidArgumentError) as caught:
        check_path(tmp_path / "missing" / "report.html")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_the_check_changes_nothing(tmp_path: Path) -> None:
    """The report may exist or not."""
    (tmp_path / "old.html").write_text("old")
    check_path(tmp_path / "old.html")
    check_path(tmp_path / "new.html")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old.html", "old")]


def test_a_file_must_take_text(tmp_path: Path) -> None:
    """The check comes before a session is drawn. A file of the caller stays open."""
    closed = io.StringIO()
    closed.close()
    (tmp_path / "file").touch()
    with (tmp_path / "file").open(encoding="utf-8") as unwritable:
        for file in (io.BytesIO(), closed, unwritable, None, 3):
            with pytest.raises(InvalidArgumentError, match="open for writing text"):
                write_report(file, unasked())  # type: ignore[arg-type]
    kept = io.StringIO()
    write_report(kept, [])
    assert not kept.closed


def test_an_argument_that_is_no_list_of_sessions_is_refused(tmp_path: Path) -> None:
    """Common mistakes are a single session and an asynchronous iterator."""
    with pytest.raises(InvalidArgumentError, match=r"one item is Trace\("):
        write_report(tmp_path / "report.html", session(trace()))  # type: ignore[arg-type]

    async def stream() -> Any:
        yield session(trace())

    with pytest.raises(InvalidArgumentError, match=r"not async_generator.*\[session async for session in iterable\]"):
        write_report(tmp_path / "report.html", stream())
    assert not list(tmp_path.iterdir())


def test_sessions_are_written_as_they_are_drawn() -> None:
    """A thousand sessions need no more memory than one."""
    file = io.StringIO()
    sizes = []

    def sessions() -> Iterator[SessionTraces]:
        for _ in range(3):
            sizes.append(file.tell())
            yield session(*map(trace, range(100)))

    write_report(file, sessions())
    assert sizes[1] - sizes[0] > 1000
    assert sizes[2] - sizes[1] > 1000
