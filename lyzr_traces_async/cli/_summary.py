"""``lyzr-traces summary``: the latency and cost of sessions, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal, Protocol

from attrs import evolve
from cyclopts import Parameter
from rich.console import Console

from lyzr_traces_async import NameSummary, Summarizer, Trace, TracesClient, TraceSummary, summarize

from ._environment import dashboard, open_client
from ._extremes import TOP
from ._formats import json_text
from ._ids import Id, SessionIds
from ._links import Dashboard
from ._listing import of_session
from ._many import Sweep
from ._numbers import counted
from ._output import Progress, make_console, write_utf8
from ._overview import print_overview
from ._session_lines import SessionLines
from ._statuses import DONE

__all__ = ["command", "summary_of"]

By = Literal["name", "session"]
Format = Literal["table", "json"]


class Sink(Protocol):
    """The output that the summaries of many sessions are written to."""

    def session(self, session_id: str, traces: Sequence[Trace], /) -> None:
        """Write a session that has been read."""

    def end(self, summary: TraceSummary, read: int, of: int, /) -> None:
        """Write the summary over all sessions: ``read`` sessions out of ``of``."""


async def command(
    *session_ids: Id,
    by: Annotated[
        By,
        Parameter(help="The rows of the table: steps or sessions, most expensive first. `json` always has both."),
    ] = "name",
    format_: Annotated[Format, Parameter(name="--format", help="The format of the output.")] = "table",
) -> int:
    """Summarize sessions and return the exit status."""
    where = dashboard()
    async with open_client() as client:
        with Progress() as progress:
            ids = SessionIds(session_ids, progress.complain)
            as_json = format_ == "json"
            if ids.only is None or (by == "session" and not as_json):
                sink: Sink = _Json(write_utf8) if as_json else _Table(make_console(), where, by)
                return await _summarize_many(Sweep(client, ids, progress), sink)
            summary = await summary_of(client, ids.only, progress)
    if as_json:
        write_utf8(json_text(_document(ids.only, summary)) + "\n")
    else:
        print_overview(make_console(), summary, where)
    return DONE


async def summary_of(client: TracesClient, session_id: str, progress: Progress) -> TraceSummary:
    """Read a session and return its summary. The traces are not kept in memory."""
    summarizer = Summarizer(top=TOP)
    async with aclosing(client.iter_session_pages(session_id)) as pages:
        progress.show("page 1")
        async for page in pages:
            for trace in page:
                summarizer.add(trace)
            place = page.pagination
            if place.page < place.total_pages:
                progress.show(f"page {place.page + 1:,} of {place.total_pages:,}")
    progress.clear()
    return summarizer.summary()


async def _summarize_many(sweep: Sweep, sink: Sink) -> int:
    whole = Summarizer(top=TOP)
    async with aclosing(sweep.sessions()) as sessions:
        async for session in sessions:
            traces = [of_session(trace, session.session_id) for trace in session]
            for trace in traces:
                whole.add(trace)
            sink.session(session.session_id, traces)
    read = sweep.done - sweep.failed
    if read:  # without it, a summary of no sessions would look like an answer
        sink.end(whole.summary(), read, sweep.done)
    return sweep.status


def _document(session_id: str, summary: TraceSummary) -> dict[str, Any]:
    return {"sessionId": session_id, **summary.to_dict()}


class _Table:
    """For people: a line per session and the table of all steps, or the table of all sessions."""

    def __init__(self, console: Console, where: Dashboard, by: By) -> None:
        self._console = console
        self._dashboard = where
        self._lines = SessionLines(console, where) if by == "name" else None
        # Each trace is added with its session's id as its name, so this is a summary by session.
        self._by_session = Summarizer(top=0)
        self._empty: list[NameSummary] = []

    def session(self, session_id: str, traces: Sequence[Trace]) -> None:
        """Print the session's line, or add the session to the table."""
        if self._lines is not None:
            self._lines.row(session_id, summarize(traces, top=1))
            return
        for trace in traces:
            self._by_session.add(evolve(trace, name=session_id))
        if not traces:
            self._empty.append(NameSummary(session_id, 0, 0.0, 0, 0, None, None))

    def end(self, summary: TraceSummary, read: int, of: int) -> None:
        """Print the table."""
        scope = f"of {counted(of, 'session')}" if read == of else f"of {read:,} of {counted(of, 'session')}"
        sessions = None
        if self._lines is not None:
            self._console.print()
        else:
            sessions = [*self._by_session.summary().by_name.values(), *self._empty]
        print_overview(self._console, summary, self._dashboard, scope=scope, sessions=sessions)


class _Json:
    """For programs: one JSON object, written in parts, so that the sessions are not kept in memory."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._before = '{"sessions":['

    def session(self, session_id: str, traces: Sequence[Trace]) -> None:
        """Write the next session."""
        self._write(self._before + json_text(_document(session_id, summarize(traces, top=TOP))))
        self._before = ","

    def end(self, summary: TraceSummary, _read: int, _of: int) -> None:
        """Write the summary over all sessions and close the object."""
        self._write(f'],"all":{json_text(summary.to_dict())}}}\n')
