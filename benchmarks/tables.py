"""Parts of the report's tables: rows for the peers, columns that compare them, and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from .peers import BY_HAND, OURS
from .results import Results, ratio

Row = Sequence[str]

# The columns beside a time, for the cells of `time_cells`.
COMPARED: Final = ("median over best", "vs this library", "vs aiohttp by hand")


def table(head: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table with aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Row) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return f"| {' | '.join(cells)} |\n"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return line(head) + line(rule) + "".join(map(line, rows))


def quantity(value: float) -> str:
    """Return a number with three significant digits; from 100 on, all digits before the decimal point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def times(value: float | None) -> str:
    """Return how many times as much a figure is; an empty text if that is not known."""
    return "" if value is None else f"{quantity(value)} x"


def section(title: str, text: str, rows: str) -> str:
    """Return a section with its table."""
    return f"## {title}\n\n{text}\n\n{rows}"


def rows_of(results: Results, scenario: str, case: str, cells: Callable[[str], list[str]]) -> list[Row]:
    """Return a row for each peer that was measured, from its cells; the error for a peer that failed."""
    rows: list[Row] = []
    for peer in results.peers:
        if peer.missing:
            continue
        if failure := results.failure(scenario, case, peer.name):
            blank = [""] * (len(cells(OURS)) - 1)
            rows.append([peer.title, f"failed: {' '.join(failure.split()).replace('|', '/')}", *blank])
        else:
            rows.append([peer.title, *cells(peer.name)])
    return rows


def time_cells(results: Results, scenario: str, case: str, metric: str, scale: float) -> Callable[[str], list[str]]:
    """Return a function that makes a peer's cells for the columns of ``COMPARED`` and the one before them."""

    def cells(peer: str) -> list[str]:
        found = results.find(scenario, case, peer, metric)
        if found is None:
            return [""] * 4
        compared = (ratio(found, results.find(scenario, case, other, metric)) for other in (OURS, BY_HAND))
        return [quantity(found.best * scale), f"+{found.spread:.0%}", *map(times, compared)]

    return cells
