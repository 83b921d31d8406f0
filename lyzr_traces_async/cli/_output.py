"""Writing to standard output and standard error."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from ._text import fit, glyphs_for, visible

__all__ = ["Progress", "abandon_stdout", "complain", "make_console", "print_facts", "room_for_progress", "write_utf8"]

_logger: Final = logging.getLogger("lyzr_traces_async")

# The width if there is no terminal and COLUMNS is not set.
_DEFAULT_WIDTH = 120
_MIN_WIDTH = 20
# The width of a terminal that does not report one.
_USUAL_WIDTH = 80

# In characters. The text of a server's error can have any length.
_LONGEST_COMPLAINT = 2000


class _PipeConsole(Console):
    """A console that raises the error if the reader of a pipe goes away."""

    def on_broken_pipe(self) -> None:
        # Rich calls this method in its `except BrokenPipeError`. Rich's own method would exit with status 1.
        raise  # noqa: PLE0704 - the exception being handled by the caller


def make_console() -> Console:
    """Return a console on standard output that prints text as it is: no markup, no emoji codes, no highlighting.

    :raises OSError: if standard output is closed.
    """
    if sys.stdout is None:
        raise OSError("standard output is closed")
    no_color = bool(os.environ.get("NO_COLOR"))
    console = _PipeConsole(markup=False, emoji=False, highlight=False, color_system=None if no_color else "auto")
    width = console.width if console.is_terminal else shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns
    console.width = max(width, _MIN_WIDTH)
    return console


def print_facts(console: Console, facts: Sequence[tuple[str, str | Style]]) -> None:
    """Print texts with their styles side by side, on several lines if a terminal is too narrow for one."""
    dot = glyphs_for(console.encoding).dot
    endless = not console.is_terminal
    lines: list[Text] = []
    for fact, style in facts:
        if lines and (endless or lines[-1].cell_len + cell_len(dot + fact) <= console.width):
            lines[-1].append(dot).append(fact, style)
        else:
            lines.append(Text().append(fact, style))
    for line in lines:
        console.print(line, soft_wrap=endless)


def write_utf8(text: str) -> None:
    """Write to standard output in UTF-8, whatever the locale is, without newline translation, and flush.

    :raises OSError: if the write fails; a ``BrokenPipeError`` if the reader of the pipe has gone.
    """
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(text)
    else:
        binary.write(text.encode())
    sys.stdout.flush()


def abandon_stdout() -> None:
    """Discard the output that is still buffered, so that the interpreter's last flush cannot fail or block."""
    with suppress(OSError, ValueError, AttributeError):
        descriptor = sys.stdout.fileno()
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, descriptor)
        os.close(devnull)


def complain(message: str, hint: str | None = None) -> None:
    """Write an error message to standard error, and the ``hint`` on what to do, if any, on a second line."""
    lines = [f"lyzr-traces: {message}"] if hint is None else [f"lyzr-traces: {message}", hint]
    # If standard error is closed, there is no place left for the message.
    with suppress(OSError, AttributeError):
        sys.stderr.write("".join(f"{visible(line[:_LONGEST_COMPLAINT])}\n" for line in lines))
        sys.stderr.flush()


class Progress(logging.Handler):
    """A progress line on standard error that says what the command waits for, if standard error is a terminal.

    Callers must clear the line before they write to standard output, because both can be the same terminal. Inside its
    ``with`` block, the line also shows the library's log records: failures, and how long a retry or the quota makes
    the library wait. After the first second the line counts seconds, so that a long wait does not look like a hang.

    :param remark_seconds: for how many seconds a log record replaces the shown text; ``None`` until the next ``show``.
    :ivar enabled: whether standard error is a terminal that can show the line.
    """

    def __init__(self, remark_seconds: float | None = None) -> None:
        super().__init__()
        dumb = os.environ.get("TERM", "dumb") == "dumb"
        self.enabled = sys.stderr is not None and sys.stderr.isatty() and not dumb
        self._remark_seconds = remark_seconds
        self._lasting: Callable[[], str] = str
        self._text: Callable[[], str] = str
        self._since = 0.0
        self._next: asyncio.TimerHandle | None = None
        self._return: asyncio.TimerHandle | None = None
        self._level_before = _logger.level

    def __enter__(self) -> Self:
        if self.enabled:
            _logger.addHandler(self)
            _logger.setLevel(logging.INFO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _logger.removeHandler(self)
        _logger.setLevel(self._level_before)
        self.clear()

    def emit(self, record: logging.LogRecord) -> None:
        """Show the message of a log record."""
        message = record.getMessage()
        self._begin(lambda: message)
        if self._remark_seconds is not None:
            self._return = asyncio.get_running_loop().call_later(self._remark_seconds, self._begin, self._lasting)

    def show(self, text: str | Callable[[], str]) -> None:
        """Show ``text`` instead of the previous text. If it is a function, it is called again every second.

        The event loop must be running.
        """
        if self.enabled:
            self._lasting = text if callable(text) else lambda: text
            self._begin(self._lasting)

    def clear(self) -> None:
        """Remove the line."""
        self._stay()
        self._erase()

    def complain(self, message: str) -> None:
        """Write an error message to standard error, then show the line again."""
        shown = self._next is not None
        self._erase()
        complain(message)
        if shown:
            self._draw()

    def _begin(self, text: Callable[[], str]) -> None:
        self._stay()
        self._stop()
        self._text = text
        self._since = asyncio.get_running_loop().time()
        self._draw()

    def _erase(self) -> None:
        if self._next is not None:
            self._stop()
            self._write("\r\x1b[2K")

    def _draw(self) -> None:
        loop = asyncio.get_running_loop()
        seconds = round(loop.time() - self._since)
        counted = f" ({seconds} s)" if seconds else ""
        self._write(f"\r\x1b[2K{fit(visible(self._text()), room_for_progress() - len(counted), '...')}{counted}")
        self._next = loop.call_at(self._since + seconds + 1, self._draw)

    def _stop(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _stay(self) -> None:
        if self._return is not None:
            self._return.cancel()
            self._return = None

    def _write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


def room_for_progress() -> int:
    """Return the most terminal cells that a progress line may take."""
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        width = 0
    # Some terminals wrap when the last column is written, so it stays empty.
    return max(width or _USUAL_WIDTH, _MIN_WIDTH) - 1
