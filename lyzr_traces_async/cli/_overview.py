"""A summary for people: what it is about, the table of its parts, and its slowest and dearest traces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from rich.console import Console
from rich.text import Text

from lyzr_traces_async import NameSummary, TraceSummary
from lyzr_traces_async._notebook import headline

from ._columns import scene_of, table_lines, width_of
from ._extremes import extreme_lines
from ._links import Dashboard
from ._output import print_facts
from ._parts import layouts

__all__ = ["print_overview"]


def print_overview(
    console: Console,
    summary: TraceSummary,
    dashboard: Dashboard,
    *,
    scope: str | None = None,
    sessions: Sequence[NameSummary] | None = None,
) -> None:
    """Print a summary.

    :param scope: which sessions it is about; ``None`` for a single one.
    :param sessions: the parts to show in place of the names.
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
