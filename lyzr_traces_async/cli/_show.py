"""``lyzr-traces show``: show what happened within one trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.style import Style
from rich.text import Text

from lyzr_traces_async import TraceDetail

from ._branches import Branch, branches, twigs
from ._columns import Scene, choose_columns, header_line, row_line, scene_of, width_of
from ._environment import dashboard, open_client
from ._formats import json_line
from ._inside import inside_lines, wrapped
from ._links import Dashboard
from ._numbers import counted, dollars, seconds
from ._observation_columns import layouts
from ._output import Progress, make_console, print_facts, write_utf8
from ._statuses import DONE
from ._text import fit
from ._trace_columns import moment

__all__ = ["command", "print_trace"]

Format = Literal["tree", "json"]

_LEVELS = {"ERROR": "bold red", "WARNING": "yellow"}
# The most lines of an observation's status message. With --full there is no limit.
_MOST_LINES = 3


async def command(
    session_id: Annotated[str, Parameter(name="ID", help="The session's UUID.")],
    trace_id: Annotated[
        str,
        Parameter(
            name="TRACE",
            help="The trace's id, as shown by `list` and `summary`.",
            allow_leading_hyphen=True,  # the id can be any text
        ),
    ],
    /,
    *,
    full: Annotated[
        bool, Parameter(help="Also show prompts, answers and everything else that was recorded.", negative="")
    ] = False,
    format_: Annotated[
        Format, Parameter(name="--format", help="The format of the output. `json` always has everything.")
    ] = "tree",
) -> int:
    """Show a trace and return the exit status."""
    where = dashboard()
    async with open_client() as client:
        with Progress() as progress:
            progress.show("the trace")
            detail = await client.get_trace(session_id, trace_id)
    if format_ == "json":
        write_utf8(json_line(detail))
    else:
        print_trace(make_console(), detail, where, full=full)
    return DONE


def print_trace(console: Console, detail: TraceDetail, where: Dashboard, *, full: bool) -> None:
    """Print the facts of a trace and the tree of its observations, and with ``full`` their contents."""
    scene = scene_of(console, where)
    print_facts(console, list(_facts(detail, scene)))
    rows = branches(detail)
    lines = list(_tree_lines(rows, console, scene, full=full))
    if full:
        lines += inside_lines(rows, console, scene)
    if lines:
        console.print()
        console.print(Text("\n").join(lines), soft_wrap=True)


def _facts(detail: TraceDetail, scene: Scene) -> Iterator[tuple[str, str | Style]]:
    name = scene.cut(detail.name, 100)
    yield (scene.glyphs.missing, "dim") if name is None else (name, "bold")
    yield f"{moment(detail)} UTC", ""
    yield ("latency unknown", "dim") if detail.latency_seconds is None else (seconds(detail.latency_seconds), "")
    yield ("cost unknown", "dim") if detail.total_cost_usd is None else (dollars(detail.total_cost_usd).strip(), "")
    yield counted(len(detail.observations), "observation"), "dim"
    if detail.html_path is not None:
        link = scene.shown(scene.dashboard.whole(detail.html_path))
        yield link, Style(dim=True, link=scene.dashboard.target(detail.html_path))


def _tree_lines(rows: list[Branch], console: Console, scene: Scene, *, full: bool) -> Iterator[Text]:
    if not rows:
        return
    columns = choose_columns(layouts(rows, scene), width_of(console), rows, scene)
    yield header_line(columns)
    for row in rows:
        yield row_line(columns, row, scene)
        yield from _remark(row, console, scene, columns[0].width, full=full)


def _remark(row: Branch, console: Console, scene: Scene, width: int, *, full: bool) -> Iterator[Text]:
    """Write the level and status message of an observation, if it has any."""
    level = row.observation.level or "DEFAULT"
    said = [level] if level != "DEFAULT" else []
    said += [row.observation.status_message] if row.observation.status_message else []
    if not said:
        return
    before = twigs(row, width // 2, scene.glyphs, below=True) + (scene.glyphs.trunk if row.has_parts else "   ")
    text = scene.shown(": ".join(said))
    if not (full or scene.plain):
        text = fit(text, _MOST_LINES * max(console.width - len(before), 1), scene.glyphs.ellipsis)
    for part in wrapped(text, console, len(before)):
        yield Text(before).append(part, _LEVELS.get(level, "dim"))
