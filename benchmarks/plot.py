"""The results as a picture for the README: four sets of bars, in plain SVG.

The picture has no background, so the page's background is visible. An image cannot know the page's colours, because a
reader can choose a theme for the page that differs from the system's theme. Therefore all colours here have enough
contrast both to white and to near-black.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import attrs

from .peers import OURS
from .results import Results
from .tables import quantity

TEXT = "#767d86"
ACCENT = "#0b8a6f"

WIDTH = 852
COLUMN = 430
NAMES = 142
VALUES = 108
ROW = 26
HEAD = 48
GAP = 26


@attrs.frozen
class Bar:
    """The figure of one peer."""

    peer: str
    label: str
    value: float
    shown: str


@attrs.frozen
class Panel:
    """One set of bars."""

    title: str
    subtitle: str
    bars: list[Bar]


def plot(results: Results) -> str:
    """Return the text of the SVG file."""
    panels = [panel for panel in _panels(results) if panel.bars]
    rows = max((len(panel.bars) for panel in panels), default=0)
    height = HEAD + rows * ROW + GAP
    total = max(0, height * ((len(panels) + 1) // 2) - GAP)
    summary = "; ".join(
        f"{panel.title}: " + ", ".join(f"{bar.label} {bar.shown}" for bar in panel.bars) for panel in panels
    )
    fonts = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
    size = f'viewBox="0 0 {WIDTH} {total}" width="{WIDTH}" height="{total}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{fonts}" font-size="13">',
        f"<title>{escape(summary)}</title>",
    ]
    for number, panel in enumerate(panels):
        lines += _drawn(panel, number % 2 * COLUMN, number // 2 * height)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panels(results: Results) -> Iterator[Panel]:
    for case in results.cases("walk"):
        bars = _bars(results, "walk", case, "cpu", unit="ms", scale=1e3)
        yield Panel("CPU a page", "100 traces, end to end; less is better", bars)
    for case in results.cases("decode"):
        bars = _bars(results, "decode", case, "time", unit="ms", scale=1e3)
        yield Panel("Decoding a page", f"{case}, from bytes to values; less is better", bars)
    for case in results.cases("latency")[-1:]:
        bars = _bars(results, "latency", case, "wall", unit="s")
        yield Panel(
            f"{case} of {results.settings['latency'] * 1e3:.0f} ms each", "until the last trace has arrived", bars
        )
    for case in results.cases("herd")[-1:]:
        count = case.partition(" ")[0]
        bars = _bars(results, "herd", case, "lost", unit=f"of {count}")
        yield Panel("Lost to the quota", f"{case} at once need more requests than it allows", bars)


def _bars(results: Results, scenario: str, case: str, metric: str, *, unit: str, scale: float = 1.0) -> list[Bar]:
    bars = []
    for peer in results.peers:
        found = results.find(scenario, case, peer.name, metric)
        if found is not None:
            value = found.best * scale
            bars.append(Bar(peer.name, peer.title, value, f"{quantity(value)} {unit}"))
    return bars


def _drawn(panel: Panel, left: int, top: int) -> Iterator[str]:
    yield f'<text x="{left}" y="{top + 17}" fill="{TEXT}" font-size="15" font-weight="600">{escape(panel.title)}</text>'
    yield f'<text x="{left}" y="{top + 35}" fill="{TEXT}" font-size="12">{escape(panel.subtitle)}</text>'
    longest = max(bar.value for bar in panel.bars) or 1.0
    for number, bar in enumerate(panel.bars):
        y = top + HEAD + number * ROW
        width = max(1.5, bar.value / longest * (COLUMN - NAMES - VALUES))
        fill, weight = (ACCENT, ' font-weight="600"') if bar.peer == OURS else (TEXT, "")
        start = left + NAMES
        yield (
            f'<text x="{left}" y="{y + 13}" fill="{fill}"{weight}>{escape(bar.label)}</text>'
            f'<rect x="{start}" y="{y}" width="{width:.1f}" height="18" rx="1.5" fill="{fill}"/>'
            f'<text x="{start + width + 7:.1f}" y="{y + 13}" fill="{fill}"{weight}>{escape(bar.shown)}</text>'
        )
