"""Two ways to read a page of traces: quickly, and thoroughly. Pure.

The quick way uses msgspec, which checks a page while it parses it. It knows the fields of the models, and fails at the
first deviation. The thorough way uses cattrs on the parsed document: it keeps unknown fields, and finds every problem
with its path. If both ways can read a page, they return equal values.
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

# The fields of a trace and their names in the API, in the API's order.
WIRE_NAMES: Final = {name: camel_case(name) for name in _TRACE_TYPES}


# --- The quick way


def _row(name: str, fields: Iterable[tuple[str, Any] | tuple[str, Any, Any]]) -> Any:
    # `gc=False`: a page has no reference cycles, so the garbage collector need not track its rows.
    return msgspec.defstruct(name, fields, rename=camel_case, forbid_unknown_fields=True, kw_only=True, gc=False)


def _trace_field(name: str, kind: Any) -> tuple[str, Any] | tuple[str, Any, None]:
    if type(None) in get_args(kind):
        return name, kind, None
    # Python parses the times: msgspec rounds digits below a microsecond, and Python cuts them off.
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

    :raises msgspec.MsgspecError: if ``body`` has unknown fields or is not a page.
    :raises ValueError: if a text is not UTF-8, or a timestamp is not a time.
    :raises OverflowError: if a timestamp is out of range in UTC.
    """
    rows = _read_rows(body)
    # A row has the same fields as its model, in the same order. The timestamps are set afterwards, which is safe as
    # nobody else has the traces yet.
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
    """Read a page from its parsed JSON.

    :raises TypeError: if ``document`` is not an object.
    :raises cattrs.BaseValidationError: if ``document`` has problems. The error lists all of them.
    """
    page: TracePage = _read_page(document, TracePage)
    return page
