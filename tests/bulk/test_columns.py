"""Traces as an Arrow table with fixed columns."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from typing import Any

import attrs
import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async import (
    InvalidArgumentError,
    NotFoundError,
    Pagination,
    SessionTraces,
    Trace,
    TracePage,
)
from lyzr_traces_async.bulk import TRACES_SCHEMA, to_arrow

FULL = Trace(
    "t-1", "llm", "3fa85f64-5717-4562-b3fc-2c963f66afa6", datetime(2026, 3, 1, 12, 0, 0, 250001, tzinfo=UTC),
    1.25, 0.003, 4, "/trace/t-1", {"score": 0.5, "tags": ["a"]},
)  # fmt: skip
BARE = Trace("t-2", None, None, datetime(1, 1, 1, tzinfo=UTC), None, None, 0, None)


def but(**values: Any) -> Trace:
    """Return the full trace with other values."""
    return attrs.evolve(FULL, **values)


def test_the_columns_are_those_of_the_documentation() -> None:
    """They are in the order of a trace's fields, and mandatory fields are not nullable."""
    assert TRACES_SCHEMA.names == list(attrs.fields_dict(Trace))
    assert str(TRACES_SCHEMA).splitlines() == [
        "trace_id: string not null",
        "name: string",
        "session_id: string",
        "timestamp: timestamp[us, tz=UTC] not null",
        "latency_seconds: double",
        "total_cost_usd: double",
        "observation_count: int64 not null",
        "html_path: string",
        "extra: string",
    ]


def test_a_row_has_the_values_of_its_trace() -> None:
    """Times keep their microseconds, and `extra` is JSON."""
    rows = to_arrow([FULL, BARE]).to_pylist()
    full = rows[0] | {"extra": json.loads(rows[0]["extra"])}
    assert full == attrs.asdict(FULL)
    assert rows[1] == attrs.asdict(BARE) | {"extra": None}


@pytest.mark.parametrize(
    "traces",
    [
        [FULL, BARE],
        (FULL, BARE),
        TracePage((FULL, BARE), Pagination(1, 100, 2, 1)),
        SessionTraces("3fa85f64-5717-4562-b3fc-2c963f66afa6", None, (FULL, BARE)),
        {FULL: 1, BARE: 2},
    ],
)
def test_any_iterable_of_traces_is_taken(traces: Any) -> None:
    """A generator is read once."""
    assert to_arrow(traces) == to_arrow([FULL, BARE])
    assert to_arrow(trace for trace in traces) == to_arrow([FULL, BARE])


def test_a_failed_session_raises_its_error() -> None:
    """A caller who forgets to check the session notices."""
    error = NotFoundError("Trace session not found", status=404)
    with pytest.raises(NotFoundError):
        to_arrow(SessionTraces("x", error))


def test_a_long_list_becomes_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error has the index in the whole list."""
    monkeypatch.setattr("lyzr_traces_async.bulk._columns._ROWS", 2)
    many = [but(trace_id=str(number)) for number in range(5)]
    table = to_arrow(iter(many))
    assert table["trace_id"].num_chunks == 3
    assert table["trace_id"].to_pylist() == list("01234")
    with pytest.raises(InvalidArgumentError, match=r"^traces\[5\]\.name must be str or None, not int$"):
        to_arrow([*many, but(name=5)])


def test_a_column_without_values_keeps_its_type() -> None:
    """Tables of different sessions can be joined, even empty ones."""
    tables = [to_arrow([]), to_arrow([BARE]), to_arrow([FULL])]
    assert all(table.schema.equals(TRACES_SCHEMA) for table in tables)
    joined = pa.concat_tables(tables)
    assert joined.schema.equals(TRACES_SCHEMA)
    assert joined["trace_id"].to_pylist() == ["t-2", "t-1"]


def test_pandas_polars_and_duckdb_read_the_table() -> None:
    """Each library gets its own types."""
    table = to_arrow([FULL, BARE])
    frame = table.to_pandas()
    assert frame["timestamp"][0].to_pydatetime() == FULL.timestamp
    assert str(frame["observation_count"].dtype) == "int64"
    polar: Any = pl.from_arrow(table)
    assert polar["timestamp"].to_list() == [FULL.timestamp, BARE.timestamp]
    assert polar["html_path"].to_list() == [FULL.html_path, None]
    with duckdb.connect() as connection:
        connection.register("traces", table)
        found = connection.sql("SELECT extra::JSON->>'$.score', total_cost_usd FROM traces ORDER BY trace_id")
        assert found.fetchall() == [("0.5", 0.003), (None, None)]


def test_numbers_are_as_in_json() -> None:
    """Values that JSON lacks become null. Integers are accepted as seconds and as dollars."""
    traces = [
        but(latency_seconds=value, total_cost_usd=value) for value in (math.nan, math.inf, -math.inf, 2, 0.5, None)
    ]
    table = to_arrow(traces)
    for name in ("latency_seconds", "total_cost_usd"):
        assert table[name].to_pylist() == [None, None, None, 2.0, 0.5, None]


def test_times_are_in_utc() -> None:
    """Times in another zone are converted."""
    elsewhere = FULL.timestamp.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert to_arrow([but(timestamp=elsewhere)]) == to_arrow([FULL])


def test_lone_surrogates_are_replaced() -> None:
    """This includes the names and values within `extra`."""
    halves = but(
        trace_id="a\ud800", name="\udc00b😀", html_path=None, extra={"k\ud83d": ["\ude00", {"n": math.nan}, 1]}
    )
    [row] = to_arrow([halves ]).to_pylist()  # fmt: skip
    assert (row["trace_id"], row["name"]) == ("a\ufffd", "\ufffdb😀")
    assert json.loads(row["extra"]) == {"k\ufffd": ["\ufffd", {"n": None}, 1]}
    assert to_arrow([halves, but(name=None), but(name="\ud800")])["name"].to_pylist() == ["\ufffdb😀", None, "\ufffd"]


def test_a_huge_integer_in_extra_is_written_out() -> None:
    """JSON has no limit for integers."""
    assert to_arrow([but(extra={"n": 10**400})])["extra"].to_pylist() == [f'{{"n":{10**400}}}']


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"trace_id": None}, "trace_id must be str, not NoneType"),
        ({"trace_id": b"x"}, "trace_id must be str, not bytes"),
        ({"name": 5}, "name must be str or None, not int"),
        ({"timestamp": "2026-03-01T00:00:00Z"}, "timestamp must be datetime, not str"),
        ({"timestamp": datetime(2026, 3, 1)}, "timestamp has no time zone: 2026-03-01 00:00:00"),  # noqa: DTZ001 - refused
        ({"latency_seconds": "1"}, "latency_seconds must be float or int or None, not str"),
        ({"latency_seconds": True}, "latency_seconds must be float or int or None, not bool"),
        ({"total_cost_usd": 10**400}, "total_cost_usd is too large for a column of 64 bits"),
        ({"observation_count": None}, "observation_count must be int, not NoneType"),
        ({"observation_count": True}, "observation_count must be int, not bool"),
        ({"observation_count": 2**63}, "observation_count is too large for a column of 64 bits"),
        ({"observation_count": -(2**63) - 1}, "observation_count is too large for a column of 64 bits"),
        ({"extra": {"n": 10**5000}}, "extra can't be written as JSON: Exceeds the limit"),
        ({"extra": {"n": object()}}, "extra can't be written as JSON: Encoding objects of type object is unsupported"),
        ({"extra": 5}, "extra can't be written as JSON: 'int' object is not iterable"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(values: dict[str, Any], text: str) -> None:
    """The error has the path to the value. Values are never coerced."""
    with pytest.raises(InvalidArgumentError) as caught:
        to_arrow([FULL, but(**values)])
    assert str(caught.value).startswith(f"traces[1].{text}")


def test_a_subclass_of_str_is_a_text() -> None:
    """Its value is used as it is."""

    class Text(str):
        __slots__ = ()

    assert to_arrow([but(name=Text("llm"))]) == to_arrow([FULL])


@pytest.mark.parametrize("traces", [None, 5, FULL])
def test_an_argument_that_yields_no_traces_is_refused(traces: Any) -> None:
    """The error says which arguments are accepted."""
    with pytest.raises(
        InvalidArgumentError, match=r"^traces must be an iterable of Trace, not (NoneType|int|Trace)\. "
    ):
        to_arrow(traces)


@pytest.mark.parametrize("other", [None, "t-1", SessionTraces("x", None, (FULL,)), {"traceId": "t-1"}])
def test_an_item_that_is_no_trace_is_refused(other: Any) -> None:
    """The error has its index and type."""
    with pytest.raises(InvalidArgumentError, match=rf"^traces\[1\] must be Trace, not {type(other).__name__}$"):
        to_arrow([FULL, other])


def test_a_failure_of_the_callers_generator_is_raised_as_it_is() -> None:
    """The error is not wrapped."""

    def traces() -> Iterator[Trace]:
        yield FULL
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        to_arrow(traces())


_texts = st.text(st.characters(codec=None))
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: st.lists(inner) | st.dictionaries(_texts, inner),
    max_leaves=8,
)


@settings(max_examples=25)  # each example makes a table
@given(
    st.lists(
        st.builds(
            Trace,
            _texts,
            st.none() | _texts,
            st.none() | _texts,
            st.datetimes(timezones=st.just(UTC)),
            st.none() | st.floats(),
            st.none() | st.floats() | st.integers(-(2**60), 2**60),
            st.integers(-(2**63), 2**63 - 1),
            st.none() | _texts,
            st.dictionaries(_texts, _json, max_size=3),
        ),
        max_size=5,
    )
)
def test_any_traces_make_a_table_that_is_valid(traces: list[Trace]) -> None:
    """The table has a row for each trace and passes Arrow's full validation."""
    table = to_arrow(traces)
    table.validate(full=True)
    assert table.schema.equals(TRACES_SCHEMA)
    assert len(table) == len(traces)
    assert table["timestamp"].to_pylist() == [trace.timestamp for trace in traces]
    assert table["observation_count"].to_pylist() == [trace.observation_count for trace in traces]
    for text, trace in zip(table["extra"].to_pylist(), traces, strict=True):
        assert (text is None) == (not trace.extra)
        assert text is None or isinstance(json.loads(text), dict)


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes when `bulk` is imported."""
    for name in [name for name in sys.modules if name.startswith("lyzr_traces_async.bulk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("lyzr_traces_async.bulk")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'lyzr-traces-async\[arrow\]'"):
        import_module("lyzr_traces_async.bulk")
