"""Text from the server, made safe and short enough for a terminal."""

from __future__ import annotations

import json
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from lyzr_traces_async._text import UNSAFE, visible

__all__ = ["Glyphs", "encodable", "fit", "fit_tail", "glyphs_for", "json_escaped", "visible"]

# One terminal cell can hold several code points (combining marks, joined emoji). More than this many are cut off.
_CODE_POINTS_PER_CELL = 8


def json_escaped(document: str) -> str:
    r"""Return an equal JSON document with ``\uXXXX`` for the characters that :func:`visible` replaces.

    The document must have no white space outside of strings, so that these characters occur only inside strings.
    """
    return UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], document)


def encodable(text: str, encoding: str) -> str:
    """Replace the characters that ``encoding`` cannot write by their escapes."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def fit(text: str, width: int, ellipsis: str) -> str:
    """Shorten ``text`` to ``width`` terminal cells. If it is too long, ``ellipsis`` replaces its end."""
    if len(text) <= _CODE_POINTS_PER_CELL * width and cell_len(text) <= width:
        return text
    room = max(width - cell_len(ellipsis), 0)
    return set_cell_size(text[: _CODE_POINTS_PER_CELL * width], room).rstrip() + ellipsis[:width]


def fit_tail(text: str, width: int, ellipsis: str) -> str:
    """Shorten ``text`` like :func:`fit`, but keep its end, because links differ at their ends."""
    if len(text) <= _CODE_POINTS_PER_CELL * width and cell_len(text) <= width:
        return text
    room = max(width - cell_len(ellipsis), 0)
    # Not `text[-room:]`: for a room of 0, that is the whole text.
    tail = text[max(len(text) - room, 0) :]
    while cell_len(tail) > room:
        tail = tail[1:]
    return ellipsis[:width] + tail


class Glyphs(NamedTuple):
    """Characters for drawing that some encodings lack."""

    missing: str
    ellipsis: str
    dot: str
    bar: str
    half_bar: str
    beyond: str
    arrow: str
    fork: str
    bend: str
    trunk: str


_UNICODE = Glyphs("–", "…", " · ", "━", "╸", "▶", "→", "├─ ", "└─ ", "│  ")  # noqa: RUF001 - the dash is meant
_ASCII = Glyphs("-", "...", ", ", "=", "-", ">", "->", "|- ", "`- ", "|  ")


def glyphs_for(encoding: str) -> Glyphs:
    """Return the glyphs that ``encoding`` can write."""
    text = "".join(_UNICODE)
    return _UNICODE if encodable(text, encoding) == text else _ASCII
