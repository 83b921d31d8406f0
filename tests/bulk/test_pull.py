"""A batch of sessions as one Parquet file, which is written once and reused."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import duckdb
import pandas as pd
import polars as pl
import pytest
from pyarrow import dataset, parquet

from lyzr_traces_async import (
    APIConnectionError,
    AuthenticationError,
    InvalidArgumentError,
    NotFoundError,
    ServerError,
)
from lyzr_traces_async.bulk import TRACES_SCHEMA, pull_sessions, to_arrow
from lyzr_traces_async.testing import FakeTracesServer
from tests.bulk.batches import IDS, left, note

pytestmark = pytest.mark.usefixtures("sessions")


def test_a_batch_becomes_one_file(server: FakeTracesServer, tmp_path: Path) -> None:
    """The folder is created. Rows are in the order of the ids, and within a session in that of the service."""
    asked_for = [IDS[5], IDS[0], IDS[2]]
    path = pull_sessions(asked_for, tmp_path / "new" / "folder", limit=50)
    table = parquet.read_table(path)
    expected = to_arrow([trace for session_id in asked_for for trace in server.traces(session_id)])
    assert table.replace_schema_metadata() == expected
    assert table.schema.equals(TRACES_SCHEMA)
    assert note(path) == {"sessions": {IDS[5]: 125, IDS[0]: 0, IDS[2]: 50}, "missing": []}
    assert left(tmp_path / "new" / "folder") == [Path(path).name]
    assert {request.query["limit"] for request in server.requests} == {"50"}


def test_an_existing_file_is_the_answer(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request is sent and no key is needed, in whatever form the same ids come."""
    path = pull_sessions(IDS[:3], tmp_path)
    asked = len(server.requests)
    monkeypatch.delenv("LYZR_API_KEY")
    assert pull_sessions((UUID(IDS[0]), IDS[1], IDS[2], IDS[0]), str(tmp_path), limit=7) == path
    assert len(server.requests) == asked
    with pytest.raises(InvalidArgumentError, match="no API key"):
        pull_sessions(reversed(IDS[:3]), tmp_path)


def test_a_missing_session_is_noted_in_the_file(server: FakeTracesServer, tmp_path: Path) -> None:
    """It has no rows, and is not requested again."""
    unknown = "00000000-0000-4000-8000-000000000000"
    path = pull_sessions([unknown, IDS[1]], tmp_path)
    assert note(path) == {"sessions": {unknown: 0, IDS[1]: 25}, "missing": [unknown]}
    asked = len(server.requests)
    assert pull_sessions([unknown, IDS[1]], tmp_path) == path
    assert len(server.requests) == asked


def test_a_404_that_is_not_of_the_service_is_an_error(server: FakeTracesServer, tmp_path: Path) -> None:
    """With a wrong base URL, the batch would lose its rows for good."""
    server.fail_next(status=404, body=b"<html>")
    with pytest.raises(NotFoundError, match="Or the base URL does not lead to the API"):
        pull_sessions([IDS[1]], tmp_path)
    assert left(tmp_path) == []


def test_the_column_has_the_requested_session(server: FakeTracesServer, tmp_path: Path) -> None:
    """The session id of a trace does not matter."""
    traces = [attrs.evolve(trace, session_id=None) for trace in server.traces(IDS[1])]
    other = "11111111-0000-4000-8000-000000000000"
    server.add_session(other, traces)
    assert set(parquet.read_table(pull_sessions([other], tmp_path))["session_id"].to_pylist()) == {other}


def test_a_batch_without_sessions_is_a_file_without_rows(server: FakeTracesServer, tmp_path: Path) -> None:
    """Spark has empty partitions."""
    path = pull_sessions([], tmp_path)
    assert len(parquet.read_table(path)) == 0
    assert note(path) == {"sessions": {}, "missing": []}
    assert server.requests == []


def test_pandas_polars_duckdb_and_datasets_read_the_files(tmp_path: Path) -> None:
    """They read all files of a folder together, including one without rows."""
    for batch in (IDS[:1], IDS[1:3], IDS[3:]):
        pull_sessions(batch, tmp_path)
    pattern = str(tmp_path / "*.parquet")
    assert len(pd.read_parquet(tmp_path)) == 375
    assert pl.scan_parquet(pattern).select(pl.len()).collect().item() == 375
    with duckdb.connect() as connection:
        counts = connection.execute("SELECT count(*), count(DISTINCT session_id) FROM read_parquet(?)", [pattern])
        assert counts.fetchall() == [(375, 5)]
    assert dataset.dataset(tmp_path).count_rows() == 375


def test_a_session_that_fails_fails_the_batch(server: FakeTracesServer, tmp_path: Path) -> None:
    """Its own error is raised, no file is written and no further request is sent. The engine tries again."""
    server.fail_next(status=501)
    with pytest.raises(ServerError, match="501"):
        pull_sessions(IDS, tmp_path)
    assert left(tmp_path) == []
    pull_sessions(IDS, tmp_path)
    assert len(left(tmp_path)) == 1


def test_an_error_has_no_cause_and_no_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some engines pickle both, and errors of the HTTP library cannot always be pickled."""

    def fail(_: object) -> None:
        try:
            raise OSError("before")
        except OSError:
            raise APIConnectionError("no complete answer") from RuntimeError(open)

    monkeypatch.setattr("lyzr_traces_async.bulk._pull.in_the_process", fail)
    with pytest.raises(APIConnectionError, match="no complete answer") as caught:
        pull_sessions(IDS, tmp_path)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_wrong_key_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corrected key gets a new client in the same process."""
    pull_sessions(IDS[:2], tmp_path)
    with monkeypatch.context() as patch:
        patch.setenv("LYZR_API_KEY", "wrong")
        with pytest.raises(AuthenticationError):
            pull_sessions(IDS[2:], tmp_path)
    pull_sessions(IDS[2:], tmp_path)


@pytest.mark.parametrize("limit", [0, 101, "5", True])
def test_a_limit_out_of_range_is_refused(limit: Any, tmp_path: Path) -> None:
    """No folder is made."""
    with pytest.raises(InvalidArgumentError, match="limit must be an integer from 1 to 100"):
        pull_sessions(IDS, tmp_path / "new", limit=limit)
    assert left(tmp_path) == []


async def test_a_thread_with_an_event_loop_is_refused(server: FakeTracesServer, tmp_path: Path) -> None:
    """The call would block the loop. It works in another thread."""
    with pytest.raises(InvalidArgumentError, match=r"use `await asyncio\.to_thread\(pull_sessions, ids, into\)`"):
        pull_sessions(IDS, tmp_path)
    assert (left(tmp_path), server.requests) == ([], [])
    assert await asyncio.to_thread(pull_sessions, IDS, tmp_path)


def test_the_task_is_pickled_by_its_name(server: FakeTracesServer) -> None:
    """The pickle contains nothing of the environment."""
    pickled = pickle.dumps((pull_sessions, IDS))
    assert pickle.loads(pickled) == (pull_sessions, IDS)  # noqa: S301 - our own
    assert len(pickle.dumps(pull_sessions)) < 100
    assert server.api_key.encode() not in pickled


def test_threads_with_the_same_batch_do_not_disturb_each_other(tmp_path: Path) -> None:
    """All get the same complete file."""
    with ThreadPoolExecutor(8) as threads:
        paths = set(threads.map(lambda _: pull_sessions(IDS, tmp_path), range(8)))
    assert left(tmp_path) == [Path(path).name for path in paths]
    assert len(parquet.read_table(paths.pop())) == 375
