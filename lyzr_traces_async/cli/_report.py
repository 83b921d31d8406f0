"""``lyzr-traces report``: write an HTML report of sessions."""

from __future__ import annotations

import sys
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from lyzr_traces_async import InvalidArgumentError, SessionTraces
from lyzr_traces_async.report import check_path, write_report

from ._environment import dashboard, open_client
from ._ids import Id, SessionIds
from ._many import Sweep
from ._numbers import counted, size
from ._output import Progress, make_console, write_utf8
from ._text import encodable, visible

__all__ = ["command"]

_STDOUT: Final = "-"


class _Stdout:
    """Standard output as the file that a report is written to."""

    def write(self, text: str) -> None:
        """Write the next part of the page."""
        write_utf8(text)


async def command(
    *session_ids: Id,
    output: Annotated[
        str,
        Parameter(
            name=["--output", "-o"],
            help="The file to write; `-` is standard output. An existing file is replaced when the page is complete.",
            allow_leading_hyphen=True,  # without it, `-` is taken for an option
        ),
    ] = "report.html",
) -> int:
    """Write a report of sessions and return the exit status."""
    if output == _STDOUT:
        _check_stdout()
    elif output.startswith("-"):
        raise InvalidArgumentError(f"--output needs a file name, or - for standard output, not {output}")
    else:
        check_path(output)
    prefix = dashboard().prefix or None
    async with open_client() as client:
        with Progress() as progress:
            sweep = Sweep(client, SessionIds(session_ids, progress.complain), progress)
            async with aclosing(sweep.sessions(failed=True)) as sessions:
                found = [session async for session in sessions]
    if not found:
        return sweep.status  # no line of standard input was an id
    if output == _STDOUT:
        write_report(_Stdout(), found, dashboard_url=prefix)
    else:
        write_report(output, found, dashboard_url=prefix)
        _tell(output, found)
    return sweep.status


def _check_stdout() -> None:
    if sys.stdout.isatty():
        raise InvalidArgumentError(
            "--output - writes the page to standard output, and that is a terminal: redirect it, as in > report.html, "
            "or name a file with --output"
        )


def _tell(path: str, sessions: list[SessionTraces]) -> None:
    read = [session for session in sessions if session.error is None]
    failed = len(sessions) - len(read)
    facts = [
        counted(len(read), "session") + (f" ({failed:,} more failed)" if failed else ""),
        counted(sum(map(len, read)), "trace"),
        size(Path(path).stat().st_size),
    ]
    console = make_console()
    console.print(encodable(f"{visible(path)}: {', '.join(facts)}", console.encoding), soft_wrap=True)
