"""Traces as lines of JSON or CSV, for other programs."""

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

# A spreadsheet takes a cell for a formula if it begins with one of these. Some also accept the full-width forms.
_FORMULA_STARTS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")

# Characters that spreadsheets skip before they look for a formula.
_SKIPPED = "".join(map(chr, range(0x21))) + "\x7f\xa0\u200b\u2060\u3000\ufeff"

# The byte order mark tells Excel that a file is UTF-8.
_BOM = "\ufeff"

_HEADER = [camel_case(field.name) for field in attrs.fields(Trace)]


def json_line(value: Model) -> str:
    """Return a value as one line of JSON: the API's fields by their own names, then the fields this version lacks.

    The line can be read back as an equal value, but it is not the server's text. An absent field is null. Times are in
    UTC, without digits below a microsecond. Seconds and dollars have a decimal point (``1`` becomes ``1.0``). Half of a
    surrogate pair becomes U+FFFD, and control characters become escapes.
    """
    return json_text(value.to_dict()) + "\n"


def csv_row(trace: Trace) -> list[str]:
    """Return a trace as the cells of a row.

    A missing value is an empty cell. The last cell has the fields this version does not know, as one JSON object.
    """
    values = attrs.evolve(trace, extra={}).to_dict().values()
    cells = [safe_cell(value) if isinstance(value, str) else "" if value is None else str(value) for value in values]
    return [*cells, json_text(dict(trace.extra)) if trace.extra else ""]


def safe_cell(text: str) -> str:
    """Make text safe for spreadsheets and terminals.

    Text that a spreadsheet would take for a formula gets a single quote in front. Control characters become escapes;
    a reader of the JSON lines gets them unchanged.
    """
    formula = text.startswith(_FORMULA_STARTS) or text.lstrip(_SKIPPED).startswith(_FORMULA_STARTS)
    return ("'" if formula else "") + visible(text)


def json_text(document: Any) -> str:
    """Return JSON values as text without blanks and line ends, with control characters as escapes."""
    return json_escaped(msgspec.json.encode(document).decode())


class JsonlSink:
    """Writes traces as JSON lines. The exit status tells whether the output is complete."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def open(self, _title: str, _size: str) -> None:
        """Do nothing: JSON lines have no header."""

    def rows(self, traces: Sequence[Trace]) -> None:
        """Write traces without delay, so that the next program in a pipe can start."""
        self._write("".join(map(json_line, traces)))

    def end(self, _of: int, _incomplete: str = "") -> None:
        """Do nothing."""


class CsvSink:
    """Writes traces as CSV (RFC 4180). The exit status tells whether the output is complete.

    :param bom: whether to begin with a byte order mark.
    """

    def __init__(self, write: Callable[[str], None], *, bom: bool = False) -> None:
        self._write = write
        self._begin = (_BOM if bom else "") + _csv([_HEADER])

    def open(self, _title: str, _size: str) -> None:
        """Write the header at the first call, even if no rows follow."""
        self._write(self._begin)
        self._begin = ""

    def rows(self, traces: Sequence[Trace]) -> None:
        """Write traces without delay, so that the next program in a pipe can start."""
        self._write(_csv(map(csv_row, traces)))

    def end(self, _of: int, _incomplete: str = "") -> None:
        """Do nothing."""


def _csv(rows: Iterable[list[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
