"""The table for people: rows as they come, and a summary of them all at the end."""

from __future__ import annotations

import math
import statistics
from array import array
from collections.abc import Iterable, Sequence
from datetime import UTC, date

from attrs import Factory, define, evolve
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from lyzr_traces_async import Pagination, Trace, TracePage

from ._columns import BAR, GAP, Column, Scene, choose_columns, dollars, glyphs_for, scale_axis, seconds
from ._text import encodable

__all__ = ["Table", "Totals", "print_facts"]


def _floats() -> array[float]:
    return array("d")


@define
class Totals:
    """What is summed up over all traces; eight bytes are kept of each number, for the exact sum and the median."""

    count: int = 0
    costs: array[float] = Factory(_floats)
    latencies: array[float] = Factory(_floats)

    def add(self, trace: Trace) -> None:
        """Take one more trace into account."""
        self.count += 1
        if trace.total_cost_usd is not None:
            self.costs.append(trace.total_cost_usd)
        if trace.latency_seconds is not None:
            self.latencies.append(trace.latency_seconds)

    def facts(self) -> list[str]:
        """Tell the count, the total cost, the median and the slowest latency, as far as they are known."""
        facts = [_counted(self.count, "trace")]
        if self.costs:
            total = _sum(self.costs)
            facts.append((f"${total:,.2f}" if total >= 100 else dollars(total).strip()) + " in all")
        if self.latencies:
            median, slowest = statistics.median(self.latencies), max(self.latencies)
            facts.append(f"latency: median {seconds(median)}, slowest {seconds(slowest)}")
        return facts

    def gaps(self) -> list[str]:
        """Tell which of these numbers do not cover all traces."""
        known = {"cost": len(self.costs), "latency": len(self.latencies)}
        return [
            f"{what} missing for {_counted(self.count - count, 'trace')}"
            for what, count in known.items()
            if count < self.count
        ]


def _sum(values: array[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        # Where the sum is beyond a float, so is its exactness.
        return sum(values)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def print_facts(console: Console, facts: Sequence[tuple[str, str]]) -> None:
    """Print texts with their styles side by side, on more lines where a terminal's is too short for all."""
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


class Table:
    """A table that is printed page by page.

    The widths are decided before the first row, from the width of the terminal and what the first page has to show.
    The bars are drawn against the slowest trace of the first page that has one, since the slowest of all is not known
    before the end.
    """

    def __init__(self, console: Console, session_id: str) -> None:
        self._console = console
        self._plain = not console.is_terminal
        self._session_id = session_id
        self._scene = Scene(console.encoding, glyphs_for(console.encoding))
        self._columns: tuple[Column, ...] = ()
        self._totals = Totals()
        self._begun = False
        self._day: date | None = None
        self._expected = 0
        self._slowest_shown = 0.0

    def page(self, page: TracePage) -> None:
        """Print a page's rows; the first page that has any brings the header."""
        self._open(page.pagination)
        if not page.traces:
            return
        lines: list[Text] = []
        if not self._totals.count:
            self._set_scale(page.traces)
            self._columns = choose_columns(self._console.width, page.traces, self._scene, plain=self._plain)
            lines.append(self._header())
        for trace in page:
            self._totals.add(trace)
            self._slowest_shown = max(self._slowest_shown, trace.latency_seconds or 0.0)
            if not self._plain:
                lines.extend(self._new_day(trace))
            lines.append(self._row(trace))
        # Cut to the width already; as one write, since each is flushed.
        self._console.print(Text("\n").join(lines), soft_wrap=True)

    def skip(self, page: TracePage) -> None:
        """Take a page into account without printing its rows."""
        self._open(page.pagination)
        for trace in page:
            self._totals.add(trace)

    def note(self, text: str) -> None:
        """Print a quiet remark on a line of its own."""
        self._print(Text(encodable(text, self._scene.encoding), "dim"))

    def end(self, *, complete: bool) -> None:
        """Print the summary, and whether it covers the whole session.

        Nothing is printed where there was no page at all, or no trace to sum up.
        """
        if not self._begun or (complete and not self._totals.count):
            return  # all has been said
        self._print(Text())
        print_facts(self._console, [(fact, "bold") for fact in self._totals.facts()])
        print_facts(self._console, [(gap, "yellow") for gap in self._totals.gaps()])
        if self._scene.scale is not None and any(column.cell is BAR.cell for column in self._columns):
            self.note(self._legend(self._scene.scale))
        if not complete:
            read = f"{self._totals.count:,} of {_counted(self._expected, 'trace')}"
            self._print(Text(f"incomplete: stopped after {read}", "bold yellow"))

    def _open(self, pagination: Pagination) -> None:
        self._expected = pagination.total_items
        if self._begun:
            return
        self._begun = True
        size = f"{_counted(pagination.total_items, 'trace')} on {_counted(pagination.total_pages, 'page')}"
        print_facts(self._console, [(self._scene.shown(self._session_id), "bold"), (size, "dim")])

    def _set_scale(self, traces: Iterable[Trace]) -> None:
        scale = max((trace.latency_seconds for trace in traces if trace.latency_seconds is not None), default=0.0)
        self._scene = evolve(self._scene, scale=scale if scale > 0 else None)

    def _legend(self, scale: float) -> str:
        beyond = f"; {self._scene.glyphs.beyond} is beyond" if self._slowest_shown > scale else ""
        return f"bars: full length is {seconds(scale)}, the slowest of the first page{beyond}"

    def _header(self) -> Text:
        titles = [self._title(column) for column in self._columns]
        return self._line(titles, ["dim" if column.cell is BAR.cell else "bold" for column in self._columns])

    def _title(self, column: Column) -> str:
        if column.cell is BAR.cell and self._scene.scale is not None:
            return scale_axis(self._scene.scale, column.width)
        return column.title

    def _new_day(self, trace: Trace) -> Iterable[Text]:
        day = trace.timestamp.astimezone(UTC).date()
        if day != self._day:
            self._day = day
            yield Text(day.isoformat(), "dim")

    def _row(self, trace: Trace) -> Text:
        cells: list[str] = []
        styles: list[str] = []
        for column in self._columns:
            cell = column.cell(trace, column.width, self._scene)
            cells.append(self._scene.glyphs.missing if cell is None else cell)
            styles.append("dim" if cell is None else column.style)
        return self._line(cells, styles)

    def _line(self, cells: Iterable[str], styles: Iterable[str]) -> Text:
        line = Text()
        for column, cell, style in zip(self._columns, cells, styles, strict=True):
            space = " " * (column.width - cell_len(cell))
            line.append((" " * GAP if line else "") + (space if column.right else ""))
            line.append(cell, style)
            line.append("" if column.right else space)
        line.rstrip()
        return line

    def _print(self, text: Text) -> None:
        # Lines for another program are not to be broken.
        self._console.print(text, soft_wrap=self._plain)
