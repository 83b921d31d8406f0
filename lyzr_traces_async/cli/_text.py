"""Text from the server, made fit for a terminal."""

from __future__ import annotations

import json
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from lyzr_traces_async._text import UNSAFE, visible

__all__ = ["Glyphs", "encodable", "fit", "fit_tail", "glyphs_for", "json_escaped", "visible"]

# A cell may hold a few code points (combining marks, joined emoji), but a flood of them is cut off.
_CODE_POINTS_PER_CELL = 8


def json_escaped(document: str) -> str:
    r"""Write what :func:`visible` replaces in a JSON document as ``\uXXXX``, which is the same document.

    Those characters can only stand inside strings if the document has no white space outside of them.
    """
    return UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], document)


def encodable(text: str, encoding: str) -> str:
    """Replace by its escape what ``encoding`` has no character for."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def fit(text: str, width: int, ellipsis: str) -> str:
    """Shorten ``text`` to ``width`` terminal cells, its end replaced by ``ellipsis`` where it is too long."""
    if len(text) <= _CODE_POINTS_PER_CELL * width and cell_len(text) <= width:
        return text
    room = max(width - cell_len(ellipsis), 0)
    return set_cell_size(text[: _CODE_POINTS_PER_CELL * width], room).rstrip() + ellipsis[:width]


def fit_tail(text: str, width: int, ellipsis: str) -> str:
    """Shorten ``text`` like :func:`fit`, but keep its end: what tells one link from the next stands there."""
    if len(text) <= _CODE_POINTS_PER_CELL * width and cell_len(text) <= width:
        return text
    room = max(width - cell_len(ellipsis), 0)
    # No slice of -0: that would be the whole text.
    tail = text[max(len(text) - room, 0) :]
    while cell_len(tail) > room:
        tail = tail[1:]
    return ellipsis[:width] + tail


class Glyphs(NamedTuple):
    """The characters that not every encoding has."""

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
    """Choose the glyphs that ``encoding`` can write."""
    text = "".join(_UNICODE)
    return _UNICODE if encodable(text, encoding) == text else _ASCII
