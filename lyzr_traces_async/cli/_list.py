"""``lyzr-traces list``: print the traces of sessions."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated, Literal

from cyclopts import Parameter

from lyzr_traces_async import InvalidArgumentError, LyzrTracesError, TracesClient

from ._environment import dashboard, open_client
from ._formats import CsvSink, JsonlSink
from ._ids import Id, SessionIds
from ._listing import AsTheyCome, Listing, Ranked, Ranking, Sink
from ._many import Sweep
from ._numbers import counted
from ._output import Progress, make_console, write_utf8
from ._statuses import DONE
from ._table import Table

__all__ = ["command"]

Format = Literal["table", "jsonl", "csv"]
Sort = Literal["time", "latency", "cost"]


async def command(
    *session_ids: Id,
    limit: Annotated[
        int,
        Parameter(
            help="Traces per request, 1 to 100. All traces are listed in any case; smaller pages need more requests."
        ),
    ] = 100,
    format_: Annotated[Format, Parameter(name="--format", help="The format of the output.")] = "table",
    sort: Annotated[
        Sort,
        Parameter(
            help="`time`: newest first, one session after another. `latency` and `cost`: the traces of all sessions in "
            "one list, largest first and unknown values last; it is printed after the last session is read."
        ),
    ] = "time",
    top: Annotated[
        int | None,
        Parameter(help="List only so many traces: the first of the whole list, or of each session with `--sort time`."),
    ] = None,
    name: Annotated[
        tuple[str, ...],
        Parameter(
            help="List only traces with exactly this name. Repeat the option for more names.",
            show_default=False,
            negative="",
        ),
    ] = (),
    bom: Annotated[
        bool, Parameter(help="Begin csv with a byte order mark, so that Excel reads it as UTF-8.", negative="")
    ] = False,
) -> int:
    """List the traces of sessions and return the exit status."""
    if top is not None and top < 1:
        raise InvalidArgumentError(f"--top must be 1 or more, not {top}")
    if bom and format_ != "csv":
        raise InvalidArgumentError("--bom works only with --format csv")
    async with open_client() as client:
        with Progress() as progress:
            ids = SessionIds(session_ids, progress.complain)
            sink = _sink(format_, bom=bom, ranked=sort != "time", several=sort != "time" and ids.only is None)
            listing: Listing = (
                AsTheyCome(sink, name, top)
                if sort == "time"
                else Ranked(sink, name, Ranking(sort, top), "slowest first" if sort == "latency" else "dearest first")
            )
            if ids.only is not None:
                return await _list_one(client, ids.only, limit, listing, progress)
            return await _list_many(Sweep(client, ids, progress, limit=limit), listing)


def _sink(format_: Format, *, bom: bool, ranked: bool, several: bool) -> Sink:
    if format_ == "jsonl":
        return JsonlSink(write_utf8)
    if format_ == "csv":
        return CsvSink(write_utf8, bom=bom)
    return Table(make_console(), dashboard(), ranked=ranked, several=several)


async def _list_one(client: TracesClient, session_id: str, limit: int, listing: Listing, progress: Progress) -> int:
    read = expected = 0
    begun = False
    pages = client.iter_session_pages(session_id, limit=limit)
    try:
        async with aclosing(pages):
            progress.show("page 1")
            async for page in pages:
                progress.clear()
                place = page.pagination
                read, expected = read + len(page), place.total_items
                if not begun:
                    begun = True
                    size = f"{counted(expected, 'trace')} on {counted(place.total_pages, 'page')}"
                    listing.begin(session_id, size)
                listing.take(page)
                if listing.enough:
                    break
                if place.page < place.total_pages:
                    progress.show(f"page {place.page + 1:,} of {place.total_pages:,}")
    except LyzrTracesError:
        progress.clear()
        if begun:
            listing.end(read, f"stopped after {read:,} of {counted(expected, 'trace')}")
            listing.finish()
        raise
    progress.clear()
    listing.end(max(read, expected) if listing.enough else read)
    listing.finish()
    return DONE


async def _list_many(sweep: Sweep, listing: Listing) -> int:
    async with aclosing(sweep.sessions()) as sessions:
        async for session in sessions:
            listing.begin(session.session_id, counted(len(session), "trace"))
            listing.take(session)
            listing.end(len(session))
    listing.finish()
    return sweep.status
