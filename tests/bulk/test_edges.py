"""Edges of bulk reading without a server: ids, notes about batches, and what is no table."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async.bulk import TRACES_SCHEMA, to_arrow
from lyzr_traces_async.bulk._batches import fits, ids_of, note_of
from tests.helpers.list_server import trace
from tests.walk.test_session_list import info

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER = ID.replace("3", "4")


def test_each_id_is_read_once_in_the_order_given() -> None:
    """Sessions of the list stand for their ids."""
    listed = attrs.evolve(info(1), session_id=ID)
    assert ids_of([OTHER, listed, OTHER, ID], None) == (OTHER, ID)
    assert ids_of(iter(()), "key") == ()


@pytest.mark.parametrize("given", [ID, ID.encode(), 7, None])
def test_what_is_no_collection_of_ids_is_refused(given: object) -> None:
    """The text names its type, and what to do with an asynchronous iterable."""
    with pytest.raises(InvalidArgumentError) as caught:
        ids_of(given, None)
    assert caught.value.message == (
        f"ids must be an iterable of session ids, such as a list, not {type(given).__name__}. Collect an asynchronous "
        "iterable, such as `iter_sessions`, first: [session async for session in ...]"
    )


@pytest.mark.parametrize(("key", "shown"), [("sk-live-0123", "'***'"), (None, "'sk-live-0123'")])
def test_a_key_in_place_of_an_id_is_not_shown(key: str | None, shown: str) -> None:
    """Without a key there is nothing to hide."""
    with pytest.raises(InvalidArgumentError, match="session_id must be") as caught:
        ids_of(["sk-live-0123"], key)
    assert caught.value.message.endswith(f", not {shown}")


def test_a_note_has_the_rows_of_each_session_and_the_missing_ones() -> None:
    """A session without traces is not missing."""
    note = note_of({OTHER: 2, ID: 0, "x": None})
    assert json.loads(note) == {"sessions": {OTHER: 2, ID: 0, "x": 0}, "missing": ["x"]}
    assert fits(note, (OTHER, ID, "x"), 2)


@pytest.mark.parametrize(
    ("note", "ids", "rows"),
    [
        (b'{"sessions": {"a": 1, "b": 2}}', ("b", "a"), 3),
        (b'{"sessions": {"a": 1, "b": 2}}', ("a",), 3),
        (b'{"sessions": {"a": 1, "b": 2}}', ("a", "b"), 2),
        (b'{"sessions": {"a": "1"}}', ("a",), 1),
        (b'{"sessions": ["a"]}', ("a",), 1),
        (b'{"missing": []}', (), 0),
        (b"[]", (), 0),
        (b"", (), 0),
        (None, (), 0),
    ],
)
def test_another_note_does_not_fit(note: bytes | None, ids: tuple[str, ...], rows: int) -> None:
    """The file is then written again."""
    assert fits(note, ids, rows) is False


async def nothing() -> Any:
    yield None


def test_an_asynchronous_iterable_is_no_table() -> None:
    """The text says what to do with it."""
    with pytest.raises(InvalidArgumentError) as caught:
        to_arrow(nothing())
    assert caught.value.message == (
        "traces must be an iterable of Trace, not async_generator. Collect an asynchronous iterable first: "
        "[trace async for trace in ...]"
    )


def test_a_column_of_missing_texts_is_a_column_of_texts() -> None:
    """Also beside a text that has half of a surrogate pair."""
    bare = [trace(1), trace(2)]
    table = to_arrow(bare)
    assert table.schema == TRACES_SCHEMA
    assert (table["name"].to_pylist(), table["extra"].to_pylist()) == ([None, None], [None, None])
    table = to_arrow([attrs.evolve(bare[0], name="x\ud800"), bare[1]])
    assert table.schema == TRACES_SCHEMA
    assert table["name"].to_pylist() == ["x\ufffd", None]


@pytest.mark.parametrize("count", [-(2**63), 2**63 - 1])
def test_the_largest_integers_of_a_column_are_kept(count: int) -> None:
    """64 bits, with a sign."""
    table = to_arrow([attrs.evolve(trace(1), observation_count=count)])
    assert table["observation_count"].to_pylist() == [count]
