"""A summary as HTML for a notebook: two small tables, with all text escaped. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC
from html import escape
from typing import TYPE_CHECKING, Final

from ._text import visible

if TYPE_CHECKING:
    from .models import Trace
    from .summary import NameSummary, TraceSummary

__all__ = ["as_html", "headline", "percent"]

# Cells stay short to be readable at a glance. A table of a hundred thousand rows would crash the browser's tab.
_MOST_CHARACTERS: Final = 80
_MOST_NAMES: Final = 50
_MOST_TRACES: Final = 5

_MISSING: Final = "–"  # noqa: RUF001 - the dash is meant


def as_html(summary: TraceSummary) -> str:
    """Return a summary as HTML without scripts or colours. All text from the server is escaped."""
    parts = [f"<p>{escape(headline(summary))}</p>"]
    if summary.by_name:
        names = list(summary.by_name.values())
        rows = [_name_row(part) for part in names[:_MOST_NAMES]]
        parts.append(_table(("step", "traces", "p50", "p95", "max", "cost", "share"), rows))
        if len(names) > _MOST_NAMES:
            parts.append(f"<p>and {len(names) - _MOST_NAMES:,} more names</p>")
    if summary.slowest:
        rows = [_trace_row(trace) for trace in summary.slowest[:_MOST_TRACES]]
        parts.append(_table(("slowest", "latency", "began (UTC)", "trace", "dashboard"), rows))
    return f"<div>{''.join(parts)}</div>"


def headline(summary: TraceSummary, scope: str | None = None) -> str:
    """Return one line with the number of traces and their cost.

    :param scope: a phrase that replaces the total time, such as which sessions the traces belong to.
    """
    if summary.seconds is None:
        return "no traces" if scope is None else f"no traces {scope}"
    scope = f"in {summary.seconds:,.1f} s" if scope is None else scope
    traces = f"{summary.count:,} trace{'' if summary.count == 1 else 's'} {scope}"
    if summary.costs_missing == summary.count:
        cost = "no cost known"
    else:
        cost = _dollars(summary.total_cost_usd)
        cost += f" ({summary.costs_missing:,} without a cost)" if summary.costs_missing else ""
    latency = f", {summary.latencies_missing:,} without a latency" if summary.latencies_missing else ""
    return f"{traces}, {cost}{latency}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'
        for first, *others in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _name_row(part: NameSummary) -> list[str]:
    spread = part.latency
    times = (None, None, None) if spread is None else (spread.p50, spread.p95, spread.max)
    cost = _MISSING if part.costs_missing == part.count else escape(_dollars(part.total_cost_usd))
    share = _MISSING if part.cost_share is None else percent(part.cost_share)
    return [_name(part.name), f"{part.count:,}", *map(_seconds, times), cost, share]


def _trace_row(trace: Trace) -> list[str]:
    clock = trace.timestamp.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")[:23]
    return [_name(trace.name), _seconds(trace.latency_seconds), clock, _shown(trace.trace_id), _link(trace.html_path)]


def _name(name: str | None) -> str:
    return "<em>no name</em>" if name is None else _shown(name)


def _link(path: str | None) -> str:
    if path is None:
        return _MISSING
    # Only https becomes a link. A path alone can't: the dashboard's address is not known here.
    if path.startswith("https://") and visible(path) == path:
        return f'<a href="{escape(path)}" rel="noopener noreferrer" target="_blank">{_shown(path)}</a>'
    return _shown(path)


def _shown(text: str) -> str:
    # Cut first, with one character to spare to detect longer texts. `visible` may make the text longer, so cut again.
    text = visible(text[: _MOST_CHARACTERS + 1])
    return escape(text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…")


def _seconds(value: float | None) -> str:
    if value is None:
        return _MISSING
    return f"{value:,.3f} s" if abs(value) < 1e9 else f"{value:.3e} s"


def percent(share: float) -> str:
    """Return a share as a whole percentage."""
    return f"{share:.0%}".replace("%", " %")


def _dollars(value: float) -> str:
    """Return a cost without trailing zeros after the cents. A cost too small to show is not shown as zero."""
    sign, value = "-" if value < 0 else "", abs(value)
    if math.isinf(value):
        return f"{sign}$∞"
    if value >= 1e12:
        return f"{sign}${value:.3e}"
    text = f"{value:,.6f}"
    if value > 0 and text == "0.000000":
        return f"{sign}<$0.000001"
    return sign + "$" + text[:-4] + text[-4:].rstrip("0")
