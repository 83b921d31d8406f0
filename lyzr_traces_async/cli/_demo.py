"""``lyzr-traces demo``: the real client against a server in the same process, without an account."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from lyzr_traces_async import (
    ClientStats,
    InvalidArgumentError,
    RetryPolicy,
    SessionTraces,
    TracesClient,
    TraceSummary,
    summarize,
)
from lyzr_traces_async.testing import FakeTracesServer

from ._extremes import TOP
from ._links import NO_DASHBOARD
from ._numbers import counted
from ._output import make_console, print_facts
from ._overview import print_overview
from ._serve import DOCUMENTED, EMPTY, LARGE, LATENCY, UNKNOWN
from ._serve import serve as serve_made_up
from ._statuses import DONE
from ._table import Table, facts_of, gaps_of

__all__ = ["SNIPPET", "command"]

SNIPPET = f"""\
from lyzr_traces_async import TracesClient
session_id = "{DOCUMENTED}"
async with TracesClient() as client:  # key from LYZR_API_KEY
    async for trace in client.iter_session_traces(session_id):
        print(trace.name, trace.latency_seconds, trace.total_cost_usd)
"""


async def command(
    *,
    serve: Annotated[
        bool, Parameter(help="Keep a made-up API running until Ctrl-C, to try every command against.", negative="")
    ] = False,
    host: Annotated[
        str | None, Parameter(help="With --serve: the address to listen on. The default is 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, Parameter(help="With --serve: the port to listen on. The default is a free port.")
    ] = None,
) -> int:
    """Run the demo; return the exit status."""
    if serve:
        await serve_made_up("127.0.0.1" if host is None else host, port or 0)
    elif host is not None or port is not None:
        raise InvalidArgumentError("--host and --port need --serve")
    else:
        await run_demo(make_console())
    return DONE


async def run_demo(console: Console) -> None:
    """Read a few made-up sessions and print them. This needs no network, and no variables of the environment."""
    async with FakeTracesServer() as server:
        server.latency = LATENCY
        server.add_session(DOCUMENTED, traces=45)
        server.add_session(LARGE, traces=1234)
        server.add_session(EMPTY)
        server.fail_next(status=502, page=3)
        _say(console, f"A made-up Lyzr API listens at {server.base_url}, in this process. Nothing leaves this machine.")
        # The default waits are for a remote service. This server is ready at once.
        retry = RetryPolicy(wait_initial=0.1, wait_jitter=0.0)
        async with TracesClient(server.api_key, base_url=server.base_url, retry=retry) as client:
            await _show_one(console, client)
            await _show_many(console, client)
            _show_stats(console, client.stats)
            summary = summarize([trace async for trace in client.iter_session_traces(DOCUMENTED)], top=TOP)
    _heading(console, "The same in Python: five lines for an async function, or to try in `python -m asyncio`")
    console.print()
    console.print(Text(SNIPPET), end="", soft_wrap=True)
    _show_summary(console, summary)


async def _show_one(console: Console, client: TracesClient) -> None:
    _heading(console, "One session in pages of 10; the server fails once, on purpose")
    console.print()
    table = Table(console)
    total = 0
    async for page in client.iter_session_pages(DOCUMENTED, limit=10):
        if page.pagination.page == 1:
            total = page.pagination.total_items
            table.open(DOCUMENTED, f"{counted(total, 'trace')} on {counted(page.pagination.total_pages, 'page')}")
            table.rows(page)
            table.note(f"... and {total - len(page)} more, not shown here")
        else:
            table.skip(page)
    table.end(total)
    table.note(f"page 3 failed once and was asked for again: {client.stats.retries} retry")


async def _show_many(console: Console, client: TracesClient) -> None:
    _heading(console, "Several sessions at once, in the order in which they are done; one is unknown, on purpose")
    async with client.stream_sessions([LARGE, EMPTY, UNKNOWN]) as results:
        async for result in results:
            _show_session(console, result)


def _show_session(console: Console, result: SessionTraces) -> None:
    console.print()
    console.print(Text(result.session_id, "bold"))
    if result.error is not None:
        failure = f"{type(result.error).__name__}: {result.error.message}"
        print_facts(console, [(failure, "yellow"), ("its own failure: the others go on", "dim")])
        return
    summary = summarize(result)
    print_facts(console, [(fact, "") for fact in facts_of(summary)])
    print_facts(console, [(gap, "dim") for gap in gaps_of(summary)])


def _show_stats(console: Console, stats: ClientStats) -> None:
    _heading(console, "What that took")
    console.print()
    facts = [
        f"requests: {stats.requests}",
        f"retries: {stats.retries}",
        f"refused by the rate limit: {stats.rate_limited}",
        f"held back to stay within it: {stats.seconds_paced:.1f} s",
        f"repeated traces dropped: {stats.duplicates_dropped}",
        f"pages read again: {stats.pages_reread}",
    ]
    print_facts(console, [(fact, "") for fact in facts])


def _show_summary(console: Console, summary: TraceSummary) -> None:
    _heading(console, "Why was the session slow, and what did it cost? lyzr-traces summary tells")
    console.print()
    print_overview(console, summary, NO_DASHBOARD)
    console.print()
    _say(console, "To look inside a trace, write a report as a page, and try all else: lyzr-traces demo --serve")


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, "bold cyan"), soft_wrap=not console.is_terminal)


def _say(console: Console, text: str) -> None:
    console.print(Text(text, "dim"), soft_wrap=not console.is_terminal)
