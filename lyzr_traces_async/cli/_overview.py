"""A summary for people: the headline, the table of steps or sessions, and the slowest and dearest traces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from attrs import evolve
from rich.console import Console
from rich.text import Text

from lyzr_traces_async import NameSummary, Quantiles, TraceSummary
from lyzr_traces_async._notebook import headline, percent

from ._columns import Column, Scene, longest, scene_of, table_lines, width_of
from ._extremes import extreme_lines
from ._links import Dashboard
from ._numbers import dollars, seconds
from ._output import print_facts
from ._text import fit
from ._trace_columns import bar

__all__ = ["latency_cell", "layouts", "print_overview"]


def print_overview(
    console: Console,
    summary: TraceSummary,
    dashboard: Dashboard,
    *,
    scope: str | None = None,
    sessions: Sequence[NameSummary] | None = None,
) -> None:
    """Print a summary.

    :param scope: the sessions that it covers, in words; ``None`` for a single session.
    :param sessions: the rows of the table, one per session. Without them, the table has a row for each name.
    """
    scene, width = scene_of(console, dashboard), width_of(console)
    began = f"from {summary.began.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if summary.began else ""
    facts = [(scene.shown(headline(summary, scope)), "bold")]
    print_facts(console, [*facts, (began, "dim")] if began else facts)
    parts = list(summary.by_name.values()) if sessions is None else sessions
    if not parts:
        return
    choice = layouts(parts, scene, sessions=sessions is not None)
    lines = table_lines(choice, parts, width, scene)
    lines += [Text(), *extreme_lines(summary, width, scene, several=scope is not None)]
    console.print(Text("\n").join(lines), soft_wrap=True)


# In terminal cells. To show names up to this width uncut, other columns are left out.
_USUAL_NAME = 28


def _name(part: NameSummary, width: int, scene: Scene) -> str | None:
    return scene.cut(part.name, width)


def _count(part: NameSummary, width: int, scene: Scene) -> str | None:
    return scene.cut(f"{part.count:,}", width)


def latency_cell(latency: Quantiles | None, which: str, width: int, scene: Scene) -> str | None:
    """Return one of the quantiles, such as ``p95``."""
    if latency is None:
        return None
    return fit(seconds(getattr(latency, which), width), width, scene.glyphs.ellipsis)


def _p50(part: NameSummary, width: int, scene: Scene) -> str | None:
    return latency_cell(part.latency, "p50", width, scene)


def _p95(part: NameSummary, width: int, scene: Scene) -> str | None:
    return latency_cell(part.latency, "p95", width, scene)


def _max(part: NameSummary, width: int, scene: Scene) -> str | None:
    return latency_cell(part.latency, "max", width, scene)


def _cost(part: NameSummary, width: int, scene: Scene) -> str | None:
    known = part.costs_missing < part.count
    return fit(dollars(part.total_cost_usd, width), width, scene.glyphs.ellipsis) if known else None


def _share(part: NameSummary, width: int, scene: Scene) -> str | None:
    return None if part.cost_share is None else fit(percent(part.cost_share), width, scene.glyphs.ellipsis)


def _bar(part: NameSummary, width: int, scene: Scene) -> str:
    return "" if part.cost_share is None else bar(part.cost_share, 1.0, width, scene.glyphs)


_NAME = Column("step", _name, 20, most=48)
_SHORT_NAME = Column("step", _name, 9, most=48)
_SESSION = Column("session", _name, 0, whole=True)
_SHORT_SESSION = Column("session", _name, 9, most=36)
_COUNT = Column("traces", _count, 6, right=True, most=13)
_P50 = Column("p50", _p50, 9, right=True)
_P95 = Column("p95", _p95, 9, right=True)
_MAX = Column("max", _max, 9, right=True)
_SHORT_P95 = Column("p95", _p95, 7, right=True)
_COST = Column("cost", _cost, 10, right=True)
_SHARE = Column("share", _share, 5, "dim", right=True)
_BAR = Column("", _bar, 8, "cyan", most=24, turn=1, fills=True)

# The columns after the name, from the widest layout to the narrowest. The least important column is dropped first.
_BEHIND = (
    (_COUNT, _P50, _P95, _MAX, _COST, _SHARE, _BAR),
    (_COUNT, _P50, _P95, _MAX, _COST, _SHARE),
    (_COUNT, _P50, _P95, _MAX, _COST),
    (_COUNT, _P95, _MAX, _COST),
    (_COUNT, _P95, _COST),
    (_P95, _COST),
)


def layouts(
    parts: Sequence[NameSummary], scene: Scene, *, sessions: bool = False
) -> Sequence[Sequence[Column[NameSummary]]]:
    """Return the possible layouts, from the widest to the narrowest.

    :param parts: all rows.
    :param sessions: whether the rows are sessions. Their ids are for pasting, so most layouts show them uncut.
    """
    if scene.plain:
        return ((_SESSION if sessions else _NAME, *_BEHIND[1]),)
    if sessions:
        name, short = _SESSION, _SHORT_SESSION
    else:
        name = evolve(_NAME, width=max(longest(_NAME, parts, scene, _USUAL_NAME), len(_NAME.title)))
        short = _SHORT_NAME
    return (*((name, *behind) for behind in _BEHIND), (short, *_BEHIND[-1]), (short, _SHORT_P95))
