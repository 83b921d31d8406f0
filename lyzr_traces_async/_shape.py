"""What a page of traces looks like, and the two ways to read one. Pure.

Types are checked, never coerced: ``"4"`` is not an integer, ``true`` is not ``1``, ``null`` is not ``"None"``. The one
exception is in the contract: an integer is a legal number of seconds or dollars.

The quick way is msgspec's, which checks a page while it parses it. It knows the fields of the models, and gives up at
the first thing that is not as usual. The thorough way is cattrs', on the parsed document: it keeps the fields that the
models do not know, and finds every problem with its path. A page that both can read is the same value by either.
"""

from __future__ import annotations

import itertools
import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import GenericAlias
from typing import Annotated, Any, Final, get_args, get_type_hints

import msgspec
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override
from msgspec.structs import astuple

from ._wire import camel_case
from .models import Pagination, Trace, TracePage

__all__ = ["WIRE_NAMES", "read_quickly", "read_thoroughly"]


_TRACE_TYPES: Final = {name: kind for name, kind in get_type_hints(Trace).items() if name != "extra"}
_LEAST: Final = {name: 1 if name in ("page", "limit") else 0 for name in get_type_hints(Pagination)}

# A trace's fields, and what the API calls them, in its order.
WIRE_NAMES: Final = {name: camel_case(name) for name in _TRACE_TYPES}
_KNOWN: Final = frozenset(WIRE_NAMES.values())
_NULLS: Final = {WIRE_NAMES[name]: None for name, kind in _TRACE_TYPES.items() if type(None) in get_args(kind)}


# --- The quick way


def _row(name: str, fields: Iterable[tuple[str, Any] | tuple[str, Any, Any]]) -> Any:
    # `gc=False`: there are no cycles in a page, so there is nothing for the garbage collector to look at.
    return msgspec.defstruct(name, fields, rename=camel_case, forbid_unknown_fields=True, kw_only=True, gc=False)


def _trace_field(name: str, kind: Any) -> tuple[str, Any] | tuple[str, Any, None]:
    if WIRE_NAMES[name] in _NULLS:
        return name, kind, None
    # A time is left to Python: msgspec rounds what is beyond microseconds.
    return name, str if kind is datetime else kind


_TraceRow: Final = _row("TraceRow", itertools.starmap(_trace_field, _TRACE_TYPES.items()))
_PaginationRow: Final = _row(
    "PaginationRow", ((name, Annotated[int, msgspec.Meta(ge=least)]) for name, least in _LEAST.items())
)
_Rows: Final = GenericAlias(list, (_TraceRow,))
_PageRow: Final = _row("PageRow", (("traces", _Rows), ("pagination", _PaginationRow)))
_read_rows: Final = msgspec.json.Decoder(_PageRow).decode


def read_quickly(body: bytes) -> TracePage:
    """Read a page that has only known fields.

    :raises msgspec.MsgspecError: if the page has others, or is none.
    :raises ValueError: if a text in it is no UTF-8, or no time where one is expected.
    :raises OverflowError: if a time in it has no equal in UTC.
    """
    rows = _read_rows(body)
    # A row has the fields of its model, in their order. As for the time, nobody has seen the traces yet.
    traces: Any = tuple([Trace(*astuple(row)) for row in rows.traces])
    moment_of = datetime.fromisoformat
    for trace in traces:
        trace.timestamp = moment = moment_of(trace.timestamp)
        if moment.tzinfo is not UTC:
            trace.timestamp = _in_utc(moment)
    return TracePage(traces, Pagination(*astuple(rows.pagination)))


# --- The thorough way

_JSON_NAMES: Final = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "null",
}
_RFC3339: Final = re.compile(
    r"(?P<minute>\d{4}-\d\d-\d\d[t ]\d\d:\d\d):(?P<second>\d\d)(\.\d+)?(?P<offset>z|[+-]\d\d:\d\d)",
    re.ASCII | re.IGNORECASE,
)


def _unexpected(expected: str, value: object) -> TypeError:
    return TypeError(f"expected {expected}, got {_JSON_NAMES[type(value)]}")


def _string(value: Any, _: Any) -> str:
    if value.__class__ is not str:
        raise _unexpected("a string", value)
    return value


def _optional_string(value: Any, _: Any) -> str | None:
    if value is not None and value.__class__ is not str:
        raise _unexpected("a string or null", value)
    return value


def _integer(value: Any, _: Any) -> int:
    if value.__class__ is not int:
        raise _unexpected("an integer", value)
    return value


def _optional_number(value: Any, _: Any) -> float | None:
    if value is None or value.__class__ is float:
        return value
    if value.__class__ is int:
        return float(value)
    raise _unexpected("a number or null", value)


def _timestamp(value: Any, _: Any) -> datetime:
    if value.__class__ is not str:
        raise _unexpected("an RFC 3339 date-time", value)
    try:
        return _in_utc(datetime.fromisoformat(value))
    except ValueError:
        # Python reads more than RFC 3339 has, but neither its small letters nor its leap seconds.
        written = _RFC3339.fullmatch(value)
        if written is None:
            raise
    if written["second"] != "60":
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    # Python has no such second. The last moment before it keeps the day, and the order of what happened.
    moment = datetime.fromisoformat(f"{written['minute']}:59.999999{written['offset'].upper()}").astimezone(UTC)
    if (moment.day, moment.hour, moment.minute) != (monthrange(moment.year, moment.month)[1], 23, 59):
        raise ValueError("second 60 is a leap second, which comes only at 23:59 UTC of the last day of a month")
    return moment


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("expected an RFC 3339 date-time with its offset from UTC, got one without")
    return moment.astimezone(UTC)


def _at_least(minimum: int) -> Callable[[Any, Any], int]:
    def count(value: Any, _: Any) -> int:
        number = _integer(value, _)
        if number < minimum:
            raise ValueError(f"expected an integer >= {minimum}, got {number}")
        return number

    return count


_Hook = Callable[[Any, Any], Any]

_CHECKS: Final[dict[Any, _Hook]] = {
    str: _string,
    str | None: _optional_string,
    int: _integer,
    float | None: _optional_number,
    datetime: _timestamp,
}


def _only(kind: type, expected: str, hook: _Hook) -> _Hook:
    def checked(value: Any, cls: Any) -> Any:
        if value.__class__ is not kind:
            raise _unexpected(expected, value)
        return hook(value, cls)

    return checked


def _fields_of(cls: type, checks: dict[str, _Hook], **others: Any) -> _Hook:
    others |= {name: override(rename=camel_case(name), struct_hook=check) for name, check in checks.items()}
    return make_dict_structure_fn(cls, _converter, **others)


def _trace(value: Any, cls: Any) -> Trace:
    trace: Trace = _read_trace(_NULLS | value, cls)
    extra = {name: value[name] for name in value if name not in _KNOWN}
    trace.extra = extra  # type: ignore[misc]  # frozen to the type checker only; nobody has seen it yet
    return trace


_converter: Final = Converter()
_read_trace: Final = _fields_of(
    Trace, {name: _CHECKS[kind] for name, kind in _TRACE_TYPES.items()}, extra=override(omit=True)
)
_converter.register_structure_hook(Trace, _only(dict, "an object", _trace))
_read_pagination: Final = _fields_of(Pagination, {name: _at_least(least) for name, least in _LEAST.items()})
_read_page: Final = _fields_of(
    TracePage,
    {
        "traces": _only(list, "an array", _converter.get_structure_hook(tuple[Trace, ...])),
        "pagination": _only(dict, "an object", _read_pagination),
    },
)


def read_thoroughly(document: Any) -> TracePage:
    """Read a page that was parsed.

    :raises TypeError: if it is no object.
    :raises cattrs.BaseValidationError: if there are problems in it: all of them.
    """
    page: TracePage = _only(dict, "an object", _read_page)(document, TracePage)
    return page
