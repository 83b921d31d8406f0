"""The commands, and what becomes of their errors."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Annotated, Literal, Protocol

from cyclopts import App, CycloptsError, Parameter

from lyzr_traces_async import InvalidArgumentError, LyzrTracesError, TracePage, TracesClient, __version__

from ._demo import run_demo
from ._formats import CsvSink, JsonlSink
from ._output import Progress, abandon_stdout, complain, make_console, write_utf8
from ._table import Table

__all__ = ["run"]

Format = Literal["table", "jsonl", "csv"]

FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130  # 128 + SIGINT
BROKEN_PIPE = 141  # 128 + SIGPIPE

_HELP = """\
The traces of Lyzr voice sessions.

Environment: `LYZR_API_KEY` is the key; there is no option for it, since a command line is readable by every process.
`LYZR_TRACES_BASE_URL` is the API to ask, if not the public one. `NO_COLOR` turns all styles off.

Exit status: 0 success; 1 an error of the API or the network; 2 wrong use; 130 Ctrl-C; 141 nobody reads the pipe.
"""

app = App(
    name="lyzr-traces",
    help=_HELP,
    help_format="markdown",
    version_format="plaintext",
    version=f"lyzr-traces {__version__}",
    # So that the status is decided in one place.
    suppress_keyboard_interrupt=False,
)


class Sink(Protocol):
    """Where pages go."""

    def page(self, page: TracePage) -> None:
        """Write a page, and flush."""

    def end(self, *, complete: bool) -> None:
        """Write what comes after the last page; ``complete`` unless an error ended the walk."""


@app.command(name="list")
async def list_traces(
    session_id: str,
    /,
    *,
    limit: int = 100,
    format_: Annotated[Format, Parameter(name="--format")] = "table",
) -> None:
    """List all traces of a session, newest first and page by page as they come.

    The table fits itself to the terminal. In a pipe it has no colours, no bars and no escape codes.

    jsonl has one object a line, with every field of the API under its own name, also those that this version does not
    know. A missing value is null, times are in UTC to the microsecond, and seconds, dollars and whatever else has a
    decimal point are numbers of double precision.

    csv is safe to open in a spreadsheet: text that it would take for a formula has a single quote before it. A missing
    value is an empty cell, control characters are replaced by escapes, and fields that this version does not know are
    a JSON object in the last column.

    jsonl and csv are always UTF-8.

    Parameters
    ----------
    session_id
        The session's UUID.
    limit
        Traces a page, 1 to 100. All pages are listed in any case; fewer traces a page need more requests.
    format_
        What to write.
    """
    sinks: dict[Format, Callable[[], Sink]] = {
        "table": lambda: Table(make_console(), session_id),
        "jsonl": lambda: JsonlSink(write_utf8),
        "csv": lambda: CsvSink(write_utf8),
    }
    if not os.environ.get("LYZR_API_KEY"):
        # The client would say so too, but also how to pass a key in Python.
        raise InvalidArgumentError("no API key: set the environment variable LYZR_API_KEY")
    async with TracesClient() as client:
        await _write_pages(client.iter_session_pages(session_id, limit=limit), sinks[format_]())


@app.command
async def demo() -> None:
    """Show what this library does, without an account: the real client against a server in this very process."""
    await run_demo(make_console())


def run(argv: Sequence[str]) -> int:
    """Run a command; return the exit status, whatever happens."""
    try:
        app(argv, console=make_console(), exit_on_error=False, print_error=False, result_action="return_value")
    except KeyboardInterrupt:
        # What an interrupted write left behind would hold up the exit for as long as nobody reads it.
        abandon_stdout()
        return INTERRUPTED
    except (CycloptsError, InvalidArgumentError) as error:
        complain(" ".join(str(error).split()), hint="Try 'lyzr-traces --help' or 'lyzr-traces list --help'.")
        return WRONG_USE
    except LyzrTracesError as error:
        # Before OSError, which a time-out is too.
        complain(str(error))
        return FAILED
    except BrokenPipeError:
        abandon_stdout()
        return BROKEN_PIPE
    except OSError as error:
        abandon_stdout()
        complain(str(error))
        return FAILED
    return 0


async def _write_pages(pages: AsyncGenerator[TracePage, None], sink: Sink) -> None:
    with Progress() as progress:
        try:
            async with aclosing(pages):
                progress.show("page 1")
                async for page in pages:
                    progress.clear()
                    sink.page(page)
                    place = page.pagination
                    if place.page < place.total_pages:
                        progress.show(f"page {place.page + 1:,} of {place.total_pages:,}")
        except LyzrTracesError:
            progress.clear()
            sink.end(complete=False)
            raise
    sink.end(complete=True)
