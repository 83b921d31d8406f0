"""What a page of traces looks like, and the two ways to read one. Pure.

The quick way is msgspec's, which checks a page while it parses it. It knows the fields of the models, and gives up at
the first thing that is not as usual. The thorough way is cattrs', on the parsed document: it keeps the fields that the
models do not know, and finds every problem with its path. A page that both can read is the same value by either.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from types import GenericAlias
from typing import Annotated, Any, Final, get_args, get_type_hints

import msgspec
from msgspec.structs import astuple

from ._checks import at_least, fields_of, in_utc, list_of, only, reader
from ._wire import camel_case
from .models import Pagination, Trace, TracePage

__all__ = ["WIRE_NAMES", "read_quickly", "read_thoroughly"]


_TRACE_TYPES: Final = {name: kind for name, kind in get_type_hints(Trace).items() if name != "extra"}
_LEAST: Final = {name: 1 if name in ("page", "limit") else 0 for name in get_type_hints(Pagination)}

# A trace's fields, and what the API calls them, in its order.
WIRE_NAMES: Final = {name: camel_case(name) for name in _TRACE_TYPES}


# --- The quick way


def _row(name: str, fields: Iterable[tuple[str, Any] | tuple[str, Any, Any]]) -> Any:
    # `gc=False`: there are no cycles in a page, so there is nothing for the garbage collector to look at.
    return msgspec.defstruct(name, fields, rename=camel_case, forbid_unknown_fields=True, kw_only=True, gc=False)


def _trace_field(name: str, kind: Any) -> tuple[str, Any] | tuple[str, Any, None]:
    if type(None) in get_args(kind):
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
            trace.timestamp = in_utc(moment)
    return TracePage(traces, Pagination(*astuple(rows.pagination)))


# --- The thorough way

_read_page: Final = only(
    dict,
    "an object",
    fields_of(
        TracePage,
        {
            "traces": list_of(Trace, reader(Trace)),
            "pagination": only(
                dict, "an object", fields_of(Pagination, {name: at_least(least) for name, least in _LEAST.items()})
            ),
        },
    ),
)


def read_thoroughly(document: Any) -> TracePage:
    """Read a page that was parsed.

    :raises TypeError: if it is no object.
    :raises cattrs.BaseValidationError: if there are problems in it: all of them.
    """
    page: TracePage = _read_page(document, TracePage)
    return page
