"""The picture of the terminal: the output of ``lyzr-traces summary`` for one session."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from lyzr_traces_async import SessionTraces, summarize
from lyzr_traces_async.cli._extremes import TOP
from lyzr_traces_async.cli._links import NO_DASHBOARD
from lyzr_traces_async.cli._overview import print_overview

WIDTH = 100

# The fonts are the reader's own, because an image in a page can load none. The width of each piece of text is fixed.
_FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>lyzr-traces summary: what a session took and what it cost, step by step</title>
<style>
.{unique_id}-matrix {{
  font: {char_height}px/{line_height}px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}}
.{unique_id}-title {{ font: bold 18px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def terminal(session: SessionTraces) -> str:
    """Return the SVG of a terminal with the summary of a session; it is the same every time."""
    console = Console(
        file=io.StringIO(),
        record=True,
        width=WIDTH,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    console.print(Text("$ ", "bold green").append(f"lyzr-traces summary {session.session_id}", "default not bold"))
    print_overview(console, summarize(session, top=TOP), NO_DASHBOARD)
    picture = console.export_svg(title="lyzr-traces", code_format=_FORMAT, unique_id="summary")
    return "".join(f"{line.rstrip()}\n" for line in picture.splitlines() if line.strip())
