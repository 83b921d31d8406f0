"""Turn traces into columns of one fixed schema. Pure.

The types do not depend on the values: a column without any value keeps its type, and the tables of different sessions
can be concatenated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import msgspec
import pyarrow as pa
from pyarrow import compute

from ..errors import InvalidArgumentError
from ..models import Trace

__all__ = ["TRACES_SCHEMA", "to_arrow"]

TRACES_SCHEMA: Final = pa.schema(
    [
        pa.field("trace_id", pa.string(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("session_id", pa.string()),
        pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("latency_seconds", pa.float64()),
        pa.field("total_cost_usd", pa.float64()),
        pa.field("observation_count", pa.int64(), nullable=False),
        pa.field("html_path", pa.string()),
        pa.field("extra", pa.string()),
    ]
)
"""The columns of :func:`to_arrow` and :func:`pull_sessions`, in the order of the fields of ``Trace``.

``trace_id``, ``timestamp`` and ``observation_count`` have no nulls. ``extra`` is the text of a JSON object, or null if
the trace has no extra fields.
"""

# The number of traces in a record batch. With a generator, only this number of traces is in memory at once.
_ROWS: Final = 50_000

_TEXT: Final = (str,)
_NUMBER: Final = (float, int)


def to_arrow(traces: Iterable[Trace]) -> pa.Table:
    """Return traces as a table with the columns of :data:`TRACES_SCHEMA`: for pandas, polars, DuckDB and Parquet files.

    :param traces: a list of traces, a page, a session, or a generator. ``extra`` becomes JSON. NaN and infinity become
        null, as in :meth:`Trace.to_dict`. Half of a surrogate pair becomes U+FFFD.
    :raises InvalidArgumentError: if an item is not a trace, or a value does not fit its column. The text says which.
    :raises LyzrTracesError: if ``traces`` is a session that failed: the error of the session.

    Example::

        table = to_arrow([trace async for trace in client.iter_session_traces(session_id)])
        frame = table.to_pandas()
    """
    if not isinstance(traces, Iterable):
        raise InvalidArgumentError(
            f"traces must be an iterable of Trace, not {type(traces).__name__}. Collect an asynchronous iterable "
            "first: [trace async for trace in ...]"
        )
    return pa.Table.from_batches(_pieces(iter(traces)), TRACES_SCHEMA)


def _pieces(traces: Iterator[object]) -> Iterator[pa.RecordBatch]:
    first = 0
    while rows := list(islice(traces, _ROWS)):
        _check(rows, (Trace,), partial(_place, first, ""))
        columns = [_column(field, list(map(attrgetter(field.name), rows)), first) for field in TRACES_SCHEMA]
        yield pa.record_batch(columns, schema=TRACES_SCHEMA)
        first += len(rows)


def _place(first: int, attribute: str, index: int) -> str:
    return f"traces[{first + index}]{attribute}"


def _column(field: pa.Field, values: list[Any], first: int) -> pa.Array:
    place = partial(_place, first, f".{field.name}")
    if field.name == "extra":
        return pa.array([_json(value, place, index) if value else None for index, value in enumerate(values)], _STRING)
    kinds, make = _KINDS[field.type]
    _check(values, (*kinds, type(None)) if field.nullable else kinds, place)
    return make(values, place)


def _check(values: Sequence[object], kinds: tuple[type, ...], place: Callable[[int], str]) -> None:
    """Raise unless each value has one of these types. Values are never converted, and ``True`` is not 1."""
    if set(map(type, values)) <= set(kinds):
        return
    for index, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, kinds):
            wanted = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
            raise InvalidArgumentError(f"{place(index)} must be {wanted}, not {type(value).__name__}")


def _texts(values: list[Any], _: Callable[[int], str]) -> pa.Array:
    try:
        return pa.array(values, _STRING)
    except UnicodeEncodeError:
        return pa.array([None if value is None else _mended(value) for value in values], _STRING)


def _numbers(values: list[Any], place: Callable[[int], str]) -> pa.Array:
    if int in set(map(type, values)):
        values = [_float(value, place, index) for index, value in enumerate(values)]
    numbers = pa.array(values, pa.float64())
    return compute.if_else(compute.is_finite(numbers), numbers, None)


def _float(value: float | None, place: Callable[[int], str], index: int) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        raise InvalidArgumentError(f"{place(index)} is too large for a column of 64 bits") from None


def _integers(values: list[Any], place: Callable[[int], str]) -> pa.Array:
    for index in (values.index(least_or_most) for least_or_most in (min(values), max(values))):
        if not -(2**63) <= values[index] < 2**63:
            raise InvalidArgumentError(f"{place(index)} is too large for a column of 64 bits")
    return pa.array(values, pa.int64())


def _moments(values: list[Any], place: Callable[[int], str]) -> pa.Array:
    # Arrow would take a time without a zone for a time in UTC.
    if {value.tzinfo for value in values} != {UTC}:
        for index, value in enumerate(values):
            if value.utcoffset() is None:
                raise InvalidArgumentError(f"{place(index)} has no time zone: {value}")
    return pa.array(values, _MOMENT)


_STRING: Final = pa.string()
_MOMENT: Final = TRACES_SCHEMA.field("timestamp").type

# For each type of column: the Python types of its values, and the function that makes it.
_KINDS: Final[Mapping[pa.DataType, tuple[tuple[type, ...], Callable[[list[Any], Callable[[int], str]], pa.Array]]]] = {
    _STRING: (_TEXT, _texts),
    _MOMENT: ((datetime,), _moments),
    pa.float64(): (_NUMBER, _numbers),
    pa.int64(): ((int,), _integers),
}


def _json(extra: Any, place: Callable[[int], str], index: int) -> str:
    try:
        try:
            return msgspec.json.encode(dict(extra)).decode()
        except UnicodeEncodeError:
            return msgspec.json.encode(_mended(dict(extra))).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"{place(index)} can't be written as JSON: {error}") from error


def _mended(value: Any) -> Any:
    """Return a JSON value with U+FFFD in place of each half of a surrogate pair, which UTF-8 can't encode."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    if isinstance(value, Mapping):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return value
