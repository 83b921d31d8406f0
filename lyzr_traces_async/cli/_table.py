"""The table of traces for people, printed row by row, with a summary at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date

from attrs import evolve
from rich.console import Console
from rich.text import Text

from lyzr_traces_async import Summarizer, Trace, TraceSummary

from ._columns import Column, choose_columns, header_line, row_line, scene_of, width_of
from ._links import NO_DASHBOARD, Dashboard
from ._numbers import counted, dollars, seconds
from ._output import print_facts
from ._text import encodable
from ._trace_columns import layouts, scale_axis

__all__ = ["Table", "facts_of", "gaps_of"]


class Table:
    """A table that is printed row by row: of one session, of several in turn, or of several in one table.

    The width of the terminal and the first rows decide the column widths before the first row is printed. A bar of
    full length is the slowest of the first rows, because the slowest of all is not known before the end.

    :param ranked: whether the rows are in an order other than time.
    :param several: whether one table has rows of several sessions.
    """

    def __init__(
        self, console: Console, dashboard: Dashboard = NO_DASHBOARD, *, ranked: bool = False, several: bool = False
    ) -> None:
        self._console = console
        self._plain = not console.is_terminal
        self._dated = ranked or self._plain
        self._layouts = layouts(plain=self._plain, ranked=ranked, several=several)
        self._blank = scene_of(console, dashboard)
        self._opened = 0

    def open(self, title: str, size: str) -> None:
        """Print the title and the size of the table."""
        if self._opened:
            self._print(Text())
        self._opened += 1
        self._scene = self._blank
        self._columns: tuple[Column[Trace], ...] = ()
        self._summarizer = Summarizer(top=0)
        self._day: date | None = None
        self._slowest_shown = 0.0
        print_facts(self._console, [(self._scene.shown(title), "bold"), (size, "dim")])

    def rows(self, traces: Sequence[Trace]) -> None:
        """Print rows, with the header before the first ones."""
        if not traces:
            return
        lines: list[Text] = []
        if not self._columns:
            self._set_scale(traces)
            self._columns = choose_columns(self._layouts, width_of(self._console), traces, self._scene)
            lines.append(header_line([self._titled(column) for column in self._columns]))
        for trace in traces:
            self._slowest_shown = max(self._slowest_shown, trace.latency_seconds or 0.0)
            if not self._dated:
                lines.extend(self._new_day(trace))
            lines.append(row_line(self._columns, trace, self._scene))
        self.skip(traces)
        # The cells are already cut to the width. All lines are one write, because each write is flushed.
        self._console.print(Text("\n").join(lines), soft_wrap=True)

    def skip(self, traces: Iterable[Trace]) -> None:
        """Add traces to the summary without printing their rows."""
        for trace in traces:
            self._summarizer.add(trace)

    def note(self, text: str) -> None:
        """Print a dimmed remark on a line of its own."""
        self._print(Text(encodable(text, self._blank.encoding), "dim"))

    def end(self, of: int, incomplete: str = "") -> None:
        """Print the summary.

        :param of: how many traces there are, including those that the options exclude from the table.
        :param incomplete: the reason why traces are missing, if any are.
        """
        if not of and not incomplete:
            return  # the heading has said that there are no traces
        self._print(Text())
        summary = self._summarizer.summary()
        count, *facts = facts_of(summary)
        if summary.count != of and not incomplete:
            count = f"{summary.count:,} of {counted(of, 'trace')}"
        print_facts(self._console, [(fact, "bold") for fact in (count, *facts)])
        print_facts(self._console, [(gap, "yellow") for gap in gaps_of(summary)])
        if self._scene.scale is not None and any(column.fills for column in self._columns):
            self.note(self._legend(self._scene.scale))
        if incomplete:
            self._print(Text(f"incomplete: {incomplete}", "bold yellow"))

    def _set_scale(self, traces: Iterable[Trace]) -> None:
        scale = max((trace.latency_seconds for trace in traces if trace.latency_seconds is not None), default=0.0)
        self._scene = evolve(self._scene, scale=scale if scale > 0 else None)

    def _legend(self, scale: float) -> str:
        beyond = f" of the first page; {self._scene.glyphs.beyond} is beyond" if self._slowest_shown > scale else ""
        return f"bars: full length is {seconds(scale)}, the slowest{beyond}"

    def _titled(self, column: Column[Trace]) -> Column[Trace]:
        scale = self._scene.scale
        return evolve(column, title=scale_axis(scale, column.width)) if column.fills and scale is not None else column

    def _new_day(self, trace: Trace) -> Iterable[Text]:
        day = trace.timestamp.astimezone(UTC).date()
        if day != self._day:
            self._day = day
            yield Text(day.isoformat(), "dim")

    def _print(self, text: Text) -> None:
        # In a pipe, lines are not wrapped.
        self._console.print(text, soft_wrap=self._plain)


def facts_of(summary: TraceSummary) -> list[str]:
    """Return the count, the total cost, and the median and slowest latency, if they are known."""
    facts = [counted(summary.count, "trace")]
    if summary.costs_missing < summary.count:
        total = summary.total_cost_usd
        facts.append((f"${total:,.2f}" if total >= 100 else dollars(total).strip()) + " in all")
    if summary.latency is not None:
        facts.append(f"latency: median {seconds(summary.latency.p50)}, slowest {seconds(summary.latency.max)}")
    return facts


def gaps_of(summary: TraceSummary) -> list[str]:
    """Return how many traces the cost and the latency do not cover."""
    missing = {"cost": summary.costs_missing, "latency": summary.latencies_missing}
    return [f"{what} missing for {counted(count, 'trace')}" for what, count in missing.items() if count]
