"""``lyzr-traces sessions``: list the sessions that have ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol

from cyclopts import Parameter

from lyzr_traces_async import LyzrTracesError, SessionInfo, TracesClient

from ._environment import open_client
from ._formats import json_line
from ._output import Progress, make_console, write_utf8
from ._session_table import SessionTable
from ._statuses import DONE
from ._text import visible
from ._when import moment

__all__ = ["Agent", "Since", "Until", "command", "listed"]

Format = Literal["table", "jsonl", "ids"]

Agent = Annotated[str | None, Parameter(help="Only this agent's sessions.")]
Since = Annotated[
    str | None,
    Parameter(
        help="Only sessions that ended at this time or later: `2026-03-25`, `2026-03-25T18:19:24Z`, `today`, "
        "`yesterday`, or a time ago: `90m`, `12h`, `7d`. A date means 00:00 of that day. Times without a time zone are "
        "UTC."
    ),
]
Until = Annotated[
    str | None, Parameter(help="Only sessions that ended at this time or earlier, in the same forms as --since.")
]


class Sink(Protocol):
    """The output that sessions are written to."""

    def row(self, session: SessionInfo, /) -> None:
        """Write a session and flush."""

    def end(self, *, complete: bool) -> None:
        """End the output. ``complete`` is false if an error ended the list."""


class _Lines:
    """Writes one line per session. The exit status tells whether the output is complete."""

    def __init__(self, line: Callable[[SessionInfo], str]) -> None:
        self._line = line

    def row(self, session: SessionInfo) -> None:
        """Write the session without delay, so that the next program in a pipe can start."""
        write_utf8(self._line(session))

    def end(self, *, complete: bool) -> None:
        """Do nothing."""


async def command(
    *,
    agent: Agent = None,
    since: Since = None,
    until: Until = None,
    format_: Annotated[
        Format,
        Parameter(
            name="--format",
            help="The format of the output. `ids` is one id per line, for example for `lyzr-traces list -`.",
        ),
    ] = "table",
) -> int:
    """List the sessions that have ended and return the exit status."""
    sinks: dict[Format, Callable[[], Sink]] = {
        "table": lambda: SessionTable(make_console()),
        "jsonl": lambda: _Lines(json_line),
        "ids": lambda: _Lines(lambda session: f"{visible(session.session_id)}\n"),
    }
    async with open_client() as client:
        await _write(listed(client, agent, since, until), sinks[format_]())
    return DONE


def listed(
    client: TracesClient, agent: str | None, since: str | None, until: str | None
) -> AsyncGenerator[SessionInfo, None]:
    """Return an iterator over the list of sessions, selected by the options of the command line.

    :raises InvalidArgumentError: at the call, if the value of an option is not valid.
    """
    now = datetime.now(UTC)
    begin, end = (
        None if text is None else moment(option, text, now) for option, text in (("--since", since), ("--until", until))
    )
    return client.iter_sessions(agent_id=agent, since=begin, until=end)


async def _write(sessions: AsyncGenerator[SessionInfo, None], sink: Sink) -> None:
    begun = False
    with Progress() as progress:
        try:
            async with aclosing(sessions):
                progress.show("the list of sessions")
                async for session in sessions:
                    progress.clear()
                    begun = True
                    sink.row(session)
        except LyzrTracesError:
            progress.clear()
            if begun:
                sink.end(complete=False)
            raise
    sink.end(complete=True)
