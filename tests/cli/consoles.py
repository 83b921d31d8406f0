"""Consoles that keep the printed text, and a standard error that claims to be a terminal."""

from __future__ import annotations

import io

from rich.console import Console


def console_of(width: int, *, terminal: bool, encoding: str = "utf-8", colours: bool = False) -> Console:
    """Make a console whose output can be read with `text_of`."""
    return Console(
        file=io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline=""),
        width=width,
        force_terminal=terminal,
        color_system="standard" if colours else None,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def text_of(console: Console) -> str:
    """Return the text that was printed to the console."""
    console.file.flush()
    assert isinstance(console.file, io.TextIOWrapper)
    buffer = console.file.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(console.file.encoding)


class Terminal(io.StringIO):
    """A text file that claims to be a terminal."""

    def isatty(self) -> bool:
        """Claim to be a terminal."""
        return True
