"""A trace as a line of JSON or CSV, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import msgspec

from lyzr_traces_async import Trace
from lyzr_traces_async._wire import Model, camel_case

from ._text import json_escaped, visible

__all__ = ["CsvSink", "JsonlSink", "csv_row", "json_line", "json_text", "safe_cell"]

# A cell that begins with one of these is a formula to a spreadsheet; the full-width forms are to some.
_FORMULA_STARTS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")

# Spreadsheets skip these before they look for a formula.
_SKIPPED = "".join(map(chr, range(0x21))) + "\x7f\xa0\u200b\u2060\u3000\ufeff"

# By which Excel knows that a file is UTF-8.
_BOM = "\ufeff"

_HEADER = [camel_case(field.name) for field in attrs.fields(Trace)]


def json_line(value: Model) -> str:
    """Write a value as one line of JSON: the API's fields by their own names, then those this version does not know.

    The line is read back as an equal value, but it is not the server's text: a field that was absent is null, a time is
    in UTC without digits below a microsecond, seconds and dollars have a point (``1`` is ``1.0``), half of a surrogate
    pair is U+FFFD, and control characters are escapes.
    """
    return json_text(value.to_dict()) + "\n"


def csv_row(trace: Trace) -> list[str]:
    """Write a trace as the cells of a row; a missing value is an empty cell, unknown fields are one JSON object."""
    values = attrs.evolve(trace, extra={}).to_dict().values()
    cells = [safe_cell(value) if isinstance(value, str) else "" if value is None else str(value) for value in values]
    return [*cells, json_text(dict(trace.extra)) if trace.extra else ""]


def safe_cell(text: str) -> str:
    """Make text harmless to a spreadsheet and to a terminal.

    Where a spreadsheet would take it for a formula, a single quote is set before it. Control characters are replaced
    by their escapes; the JSON lines have them unchanged.
    """
    formula = text.startswith(_FORMULA_STARTS) or text.lstrip(_SKIPPED).startswith(_FORMULA_STARTS)
    return ("'" if formula else "") + visible(text)


def json_text(document: Any) -> str:
    """Write JSON values without blanks and line ends, and control characters as escapes."""
    return json_escaped(msgspec.json.encode(document).decode())


class JsonlSink:
    """JSON lines. The exit status tells whether they were all."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def open(self, _title: str, _size: str) -> None:
        """Do nothing: each line stands for itself."""

    def rows(self, traces: Sequence[Trace]) -> None:
        """Write traces at once, so that the next program in a pipe can begin."""
        self._write("".join(map(json_line, traces)))

    def end(self, _of: int, _incomplete: str = "") -> None:
        """Do nothing."""


class CsvSink:
    """RFC 4180. The exit status tells whether the rows were all.

    :param bom: whether to begin with a byte order mark.
    """

    def __init__(self, write: Callable[[str], None], *, bom: bool = False) -> None:
        self._write = write
        self._begin = (_BOM if bom else "") + _csv([_HEADER])

    def open(self, _title: str, _size: str) -> None:
        """Write the header, the first time: also where there are no rows."""
        self._write(self._begin)
        self._begin = ""

    def rows(self, traces: Sequence[Trace]) -> None:
        """Write traces at once, so that the next program in a pipe can begin."""
        self._write(_csv(map(csv_row, traces)))

    def end(self, _of: int, _incomplete: str = "") -> None:
        """Do nothing."""


def _csv(rows: Iterable[list[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
