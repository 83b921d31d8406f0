"""A trace as a line of JSON or CSV, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from lyzr_traces_async import Trace, TracePage
from lyzr_traces_async._shape import WIRE_NAMES
from lyzr_traces_async._wire import rfc3339

from ._text import json_escaped, visible

__all__ = ["CsvSink", "JsonlSink", "csv_row", "json_line", "safe_cell"]

# A cell that begins with one of these is a formula to a spreadsheet; the full-width forms are to some.
_FORMULA_STARTS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")

# Spreadsheets skip these before they look for a formula.
_SKIPPED = "".join(map(chr, range(0x21))) + "\x7f\xa0\u200b\u2060\u3000\ufeff"


def _fields(trace: Trace) -> dict[str, Any]:
    fields = {name: getattr(trace, attribute) for attribute, name in WIRE_NAMES.items()}
    fields["timestamp"] = rfc3339(trace.timestamp)
    return fields


def json_line(trace: Trace) -> str:
    """Write a trace as one line of JSON: the API's fields by their own names, then those this version does not know.

    The line is read back as an equal trace, but it is not the server's text: a field that was absent is null, a time is
    in UTC without digits below a microsecond, seconds and dollars have a point (``1`` is ``1.0``), half of a surrogate
    pair is U+FFFD, and control characters are escapes.
    """
    return json_escaped(_json(_fields(trace) | dict(trace.extra))) + "\n"


def csv_row(trace: Trace) -> list[str]:
    """Write a trace as the cells of a row; a missing value is an empty cell, unknown fields are one JSON object."""
    cells = [
        safe_cell(value) if isinstance(value, str) else "" if value is None else str(value)
        for value in _fields(trace).values()
    ]
    return [*cells, json_escaped(_json(dict(trace.extra))) if trace.extra else ""]


def safe_cell(text: str) -> str:
    """Make text harmless to a spreadsheet and to a terminal.

    Where a spreadsheet would take it for a formula, a single quote is set before it. Control characters are replaced
    by their escapes; the JSON lines have them unchanged.
    """
    formula = text.startswith(_FORMULA_STARTS) or text.lstrip(_SKIPPED).startswith(_FORMULA_STARTS)
    return ("'" if formula else "") + visible(text)


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


class JsonlSink:
    """JSON lines, written page by page."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def page(self, page: TracePage) -> None:
        """Write a page's traces at once, so that the next program in a pipe can begin."""
        self._write("".join(map(json_line, page)))

    def end(self, *, complete: bool) -> None:
        """Do nothing: the exit status tells whether that was all."""


class CsvSink:
    """RFC 4180, written page by page, the header with the first."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._header: list[list[str]] = [[*WIRE_NAMES.values(), "extra"]]

    def page(self, page: TracePage) -> None:
        """Write a page's traces at once, so that the next program in a pipe can begin."""
        self._write(_csv([*self._header, *map(csv_row, page)]))
        self._header = []

    def end(self, *, complete: bool) -> None:
        """Do nothing: the exit status tells whether that was all."""


def _csv(rows: Iterable[list[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
