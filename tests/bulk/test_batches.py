"""The ids of a batch, the name of its file, and files that are replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from lyzr_traces_async import (
    InvalidArgumentError,
    SessionInfo,
)
from lyzr_traces_async.bulk import TRACES_SCHEMA, pull_sessions
from lyzr_traces_async.bulk._batches import name_of
from lyzr_traces_async.testing import FakeTracesServer
from tests.bulk.batches import IDS, left

pytestmark = pytest.mark.usefixtures("sessions")


def test_each_batch_has_its_own_file_name() -> None:
    """The name is the same on every machine and in every version. Otherwise batches would be read again."""
    assert name_of(()) == "traces-e3b0c44298fc1c149afbf4c8996fb924.parquet"
    assert name_of((IDS[0], IDS[1])) == "traces-510abf0c29ea30873b3e0ee2ba2ecf5c.parquet"
    assert len({name_of(ids) for ids in [(), (IDS[0],), (IDS[0], IDS[1]), (IDS[1], IDS[0]), (IDS[0].upper(),)]}) == 5


def test_listed_sessions_are_taken_by_their_id(tmp_path: Path) -> None:
    """`iter_sessions` yields them."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    info = SessionInfo(IDS[1], "room", None, None, moment, moment, None, 0)
    assert pull_sessions([info], tmp_path) == pull_sessions([IDS[1]], tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PAR1" + b"\xff" * 100 + b"\x40\0\0\0PAR1"),
        lambda path: path.write_text("of another program"),
        lambda path: parquet.write_table(pa.table({"a": [1]}), path),
        lambda path: parquet.write_table(TRACES_SCHEMA.empty_table(), path),
        lambda path: parquet.write_table(parquet.read_table(path).slice(1), path),
        lambda path: parquet.write_table(parquet.read_table(path).drop(["extra"]), path),
        lambda path: parquet.write_table(
            parquet.read_table(path).replace_schema_metadata({"lyzr_traces_async": '{"sessions": []}'}), path
        ),
        lambda path: parquet.write_table(
            parquet.read_table(path).replace_schema_metadata({"lyzr_traces_async": "1"}), path
        ),
    ],
)
def test_a_file_that_is_not_the_batch_is_replaced(server: FakeTracesServer, tmp_path: Path, damage: Any) -> None:
    """It may be damaged, or belong to another program or another batch."""
    path = Path(pull_sessions(IDS[1:3], tmp_path))
    whole = parquet.read_table(path)
    asked = len(server.requests)
    damage(path)
    assert pull_sessions(IDS[1:3], tmp_path) == str(path)
    assert len(server.requests) == 2 * asked
    assert parquet.read_table(path).equals(whole, check_metadata=True)
    assert left(tmp_path) == [path.name]


@pytest.mark.parametrize("ids", [IDS[0], IDS[0].encode(), None, 5])
def test_ids_that_are_no_list_are_refused(ids: Any, tmp_path: Path) -> None:
    """A single string would be taken for 36 ids of one letter."""
    with pytest.raises(InvalidArgumentError, match=rf"^ids must be .* not {type(ids).__name__}\."):
        pull_sessions(ids, tmp_path / "new")
    assert left(tmp_path) == []


def test_an_asynchronous_iterable_is_refused(tmp_path: Path) -> None:
    """The error says how to make a list of it."""

    async def ids() -> AsyncIterator[str]:
        yield IDS[0]

    with pytest.raises(InvalidArgumentError, match=r"first: \[session async for session in "):
        pull_sessions(ids(), tmp_path)  # type: ignore[arg-type]


def test_a_malformed_id_is_refused_before_the_first_request(server: FakeTracesServer, tmp_path: Path) -> None:
    """No folder is made, and a key in place of an id is masked."""
    for wrong in ("x", None, server.api_key):
        with pytest.raises(InvalidArgumentError, match="session_id must be a UUID") as caught:
            pull_sessions([IDS[0], wrong], tmp_path / "new")  # type: ignore[list-item]
        assert server.api_key not in str(caught.value)
    assert (left(tmp_path), server.requests) == ([], [])
