"""The file of a store: its rows, files that are refused, and other programs that have it open."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async import NotFoundError, ServerError, StorageError, Trace
from lyzr_traces_async.store._file import StoreFile
from lyzr_traces_async.store._lock import InUseError
from lyzr_traces_async.store._rows import Outcome
from tests.helpers.databases import rows

NOW = datetime(2026, 3, 25, 18, 0, tzinfo=UTC)
MISSING = NotFoundError("Trace session not found", status=404)
FAILED = ServerError("it failed, \ud83d", status=500)  # cut in the middle of an emoji


def trace(number: int, **fields: object) -> Trace:
    given: dict[str, object] = {
        "trace_id": f"t{number}",
        "name": "speech-to-text",
        "session_id": "a",
        "timestamp": NOW,
        "latency_seconds": 0.5,
        "total_cost_usd": 0.1,
        "observation_count": 3,
        "html_path": "/t",
    }
    return Trace(**(given | fields))  # type: ignore[arg-type]


def write(file: StoreFile, *outcomes: Outcome) -> None:
    file.write({outcome.session_id: outcome for outcome in outcomes})


@pytest.fixture
def file(path: Path) -> StoreFile:
    file = StoreFile(path)
    file.check()
    return file


def test_a_trace_is_kept_with_every_field(file: StoreFile, path: Path) -> None:
    """This includes unusual characters, missing values, and unknown fields."""
    full = trace(1, name="a\0b'\"\n\N{SNAKE}", extra={"score": 2**70, "nested": {"x": [1, None]}})
    bare = Trace("t2", None, None, NOW.replace(year=1, microsecond=7), None, None, 0, None)
    write(file, Outcome("a", NOW, None, [full, bare]))
    assert rows(path, "SELECT * FROM traces ORDER BY trace_id") == [
        (
            "a",
            "t1",
            "a\0b'\"\n\N{SNAKE}",
            NOW,
            0.5,
            0.1,
            3,
            "/t",
            '{"score": 1180591620717411303424, "nested": {"x": [1, null]}}',
        ),
        ("a", "t2", None, bare.timestamp, None, None, 0, None, None),
    ]
    assert rows(path, "SELECT extra->>'$.nested.x[0]' FROM traces WHERE extra IS NOT NULL") == [("1",)]


@settings(max_examples=5)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=30))
def test_every_number_is_kept_exactly(numbers: list[float | None]) -> None:
    """Numbers pass through text on their way into the file, and keep every bit."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "traces.duckdb"
        file = StoreFile(path)
        file.check()
        traces = [trace(number, latency_seconds=value) for number, value in enumerate(numbers)]
        write(file, Outcome("a", NOW, None, traces))
        kept = rows(path, "SELECT trace_id, latency_seconds FROM traces")
    assert sorted(kept) == sorted((one.trace_id, one.latency_seconds) for one in traces)


def test_a_session_is_replaced_as_a_whole(file: StoreFile, path: Path) -> None:
    """Its old traces are gone, and no trace is repeated."""
    write(file, Outcome("a", NOW, None, [trace(1), trace(2)]), Outcome("b", NOW, None, [trace(3)]))
    write(file, Outcome("a", NOW, None, [trace(2), trace(4)]))
    assert rows(path, "SELECT session_id, trace_id FROM traces ORDER BY ALL") == [("a", "t2"), ("a", "t4"), ("b", "t3")]
    assert rows(path, "SELECT session_id, trace_count FROM sessions ORDER BY ALL") == [("a", 2), ("b", 1)]


@pytest.mark.parametrize(("error", "state"), [(FAILED, "failed"), (MISSING, "missing")])
def test_a_failed_reading_keeps_the_earlier_traces(
    file: StoreFile, path: Path, error: ServerError | NotFoundError, state: str
) -> None:
    """Their number and the time of that reading stay too. The state and the error tell of the failure."""
    later = NOW.replace(hour=20)
    write(file, Outcome("a", NOW, None, [trace(1), trace(2)]))
    write(file, Outcome("a", later, error, ()))
    since = later if state == "missing" else None
    assert rows(path, "SELECT * FROM sessions") == [
        ("a", state, f"{type(error).__name__}: {error}".replace("\ud83d", "?"), later, NOW, NOW, 2, since)
    ]
    assert rows(path, "SELECT count(*) FROM traces") == [(2,)]
    write(file, Outcome("a", later, None, ()))  # all traces were deleted meanwhile
    assert rows(path, "SELECT * FROM sessions") == [("a", "read", None, later, later, None, 0, None)]
    assert rows(path, "SELECT count(*) FROM traces") == [(0,)]


def test_the_file_keeps_since_when_a_session_is_missing(file: StoreFile) -> None:
    """The time starts anew after the session was there. An earlier clock moves it back."""
    for hour, error, since in (
        (5, MISSING, 5),
        (6, MISSING, 5),
        (7, None, None),
        (8, MISSING, 8),
        (9, FAILED, None),
        (10, MISSING, 10),
        (4, MISSING, 4),
    ):
        write(file, Outcome("a", NOW.replace(hour=hour), error, ()))
        found = file.known(["a", "never-heard-of"])
        assert list(found) == ["a"]
        assert found["a"].missing_since == (since and NOW.replace(hour=since))


def test_more_ids_than_one_query_takes_are_all_found(file: StoreFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last query has fewer ids than the others."""
    monkeypatch.setattr("lyzr_traces_async.store._file._CHUNK", 10)
    write(file, *[Outcome(str(number), NOW, None, ()) for number in range(25)])
    assert len(file.known([str(number) for number in range(25)])) == 25


def sqlite(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE traces (id)")
    database.commit()
    database.close()


def other_tables(path: Path) -> None:
    with duckdb.connect(path) as database:
        database.execute("CREATE TABLE invoices (id INTEGER)")


def newer(path: Path) -> None:
    StoreFile(path).check()
    with duckdb.connect(path) as database:
        database.execute("UPDATE lyzr_traces_store SET schema_version = 2")


def newer_duckdb(path: Path) -> None:
    StoreFile(path).check()
    content = bytearray(path.read_bytes())
    content[12:20] = (4000).to_bytes(8, "little")
    path.write_bytes(content)


def no_tables(path: Path) -> None:
    duckdb.connect(path).close()


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("gone"))


def cut_short(path: Path) -> None:
    StoreFile(path).check()
    os.truncate(path, 5000)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("name,cost\n"), "is not a DuckDB database"),
        (lambda path: path.write_text(""), "is empty, and not a DuckDB database"),
        (sqlite, "is not a DuckDB database"),
        (other_tables, r"is the database of another program \(invoices\): choose another file"),
        (no_tables, r"is the database of another program \(without tables\): choose another file"),
        (dangling, "can't be read: No such file or directory"),
        (newer, "has tables of version 2, and this version of lyzr-traces-async knows version 1: upgrade "),
        (newer_duckdb, "could not be opened, read or written. The file is unchanged. "),
        (cut_short, "could not be opened, read or written. The file is unchanged. "),
        (Path.mkdir, "can't be read: Is a directory"),
    ],
)
def test_a_file_that_is_no_store_is_refused_and_unchanged(
    make: Callable[[Path], object], said: str, path: Path
) -> None:
    """The error names the file, what is wrong with it, and what to do."""
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StorageError, match=f"{path} {said}"):
        StoreFile(path).check()
    assert before is None or path.read_bytes() == before


def test_a_missing_folder_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    """A file name that is too long is an error too."""
    with pytest.raises(StorageError, match="No such file or directory"):
        StoreFile(tmp_path / "no" / "traces.duckdb").check()
    with pytest.raises(StorageError, match="File name too long"):
        StoreFile(tmp_path / ("n" * 250)).check()
    assert not list(tmp_path.iterdir())


def test_remains_of_a_killed_process_are_overwritten(path: Path) -> None:
    """A new file has another name until it is complete."""
    draft = path.with_name("traces.duckdb.new")
    draft.write_bytes(b"half of a file")
    draft.with_name("traces.duckdb.new.wal").write_bytes(b"and of its log")
    StoreFile(path).check()
    assert list(path.parent.iterdir()) == [path]
    StoreFile(path).check()


def test_a_full_disk_leaves_the_file_unchanged(path: Path) -> None:
    """The batch is refused as a whole, and earlier rows can still be read."""
    code = f"""
import resource, signal
from datetime import UTC, datetime
from pathlib import Path
from lyzr_traces_async import StorageError, Trace
from lyzr_traces_async.store._file import StoreFile
from lyzr_traces_async.store._rows import Outcome

file, now = StoreFile(Path({str(path)!r})), datetime.now(UTC)
traces = [Trace(f"{{n:032x}}", None, None, now, n / 7, n / 3, n, None) for n in range(30_000)]
file.check()
file.write({{"a": Outcome("a", now, None, traces[:10])}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
try:
    file.write({{"b": Outcome("b", now, None, traces)}})
except StorageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "could not be opened, read or written. The file is unchanged. " in done.stdout
    assert "File too large" in done.stdout
    assert rows(path, "SELECT session_id, trace_count FROM sessions") == [("a", 10)]
    assert rows(path, "SELECT count(*) FROM traces") == [(10,)]


def test_a_file_that_is_open_elsewhere_is_in_use(file: StoreFile, path: Path) -> None:
    """It may be open in this process, even read-only, or in another one."""
    with duckdb.connect(path, read_only=True), pytest.raises(InUseError, match="is in use by another program"):
        file.check()
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}, read_only=True); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        with pytest.raises(InUseError, match=rf"Conflicting lock is held in .* \(PID {reader.pid}\)"):
            file.check()
        reader.communicate()
    file.check()
