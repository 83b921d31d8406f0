"""``lyzr-traces report``: sessions as a page."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from lyzr_traces_async import SessionTraces
from lyzr_traces_async.report import check_path, write_report

from ._environment import dashboard, open_client
from ._ids import Id, SessionIds
from ._many import Sweep
from ._numbers import counted, size
from ._output import Progress, make_console
from ._text import encodable, visible

__all__ = ["command"]


async def command(
    *session_ids: Id,
    output: Annotated[
        str,
        Parameter(
            name=["--output", "-o"], help="The file to write. One that is there is replaced when the page is whole."
        ),
    ] = "report.html",
) -> int:
    """Write sessions as a page; return the exit status."""
    check_path(output)
    prefix = dashboard().prefix or None
    async with open_client() as client:
        with Progress() as progress:
            sweep = Sweep(client, SessionIds(session_ids, progress.complain), progress)
            async with aclosing(sweep.sessions(failed=True)) as sessions:
                found = [session async for session in sessions]
    if found:  # else no line of standard input was an id
        write_report(output, found, dashboard_url=prefix)
        _tell(output, found)
    return sweep.status


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
