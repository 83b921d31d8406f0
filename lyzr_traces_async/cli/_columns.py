"""The table's columns: which of them a width has room for, and how each shows a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import NamedTuple

from attrs import evolve, frozen
from rich.cells import cell_len

from lyzr_traces_async import Trace

from ._text import encodable, fit, fit_tail, visible

__all__ = ["Column", "Glyphs", "Scene", "choose_columns", "dollars", "glyphs_for", "scale_axis", "seconds"]

GAP = 2


class Glyphs(NamedTuple):
    """The characters that not every encoding has."""

    missing: str
    ellipsis: str
    dot: str
    bar: str
    half_bar: str
    beyond: str


_UNICODE = Glyphs("–", "…", " · ", "━", "╸", "▶")  # noqa: RUF001 - the dash is meant
_ASCII = Glyphs("-", "...", ", ", "=", "-", ">")


def glyphs_for(encoding: str) -> Glyphs:
    """Choose the glyphs that ``encoding`` can write."""
    text = "".join(_UNICODE)
    return _UNICODE if encodable(text, encoding) == text else _ASCII


@frozen
class Scene:
    """What a cell depends on besides its trace.

    :ivar scale: the latency that a bar of full length stands for, in seconds, or ``None`` while that is not known.
    """

    encoding: str
    glyphs: Glyphs
    scale: float | None = None

    def shown(self, text: str) -> str:
        """Make text from the server fit to be written here."""
        return encodable(visible(text), self.encoding)


@frozen
class Column:
    """One column: its title, its cells and its width.

    :ivar cell: makes a trace's cell of at most ``width`` terminal cells; ``None`` where the value is missing.
    :ivar width: in terminal cells; the least if there is a ``most``.
    :ivar most: how wide it may become where there is room.
    :ivar turn: the columns with the lowest take what they need of that room first.
    """

    title: str
    cell: Callable[[Trace, int, Scene], str | None]
    width: int
    style: str = ""
    right: bool = False
    most: int = 0
    turn: int = 0


def seconds(value: float, width: int = 9) -> str:
    """Write a latency, to the millisecond where ``width`` allows it; a very long one with fewer digits."""
    for decimals in range(3 if width >= 9 else 2, -1, -1):
        text = f"{value:.{decimals}f} s"
        if len(text) <= width:
            return text
    return f"{value:.{max(width - 7, 0) // 2}e} s"


def dollars(value: float, width: int = 10) -> str:
    """Write a cost with its decimal point where that of others is, and no zeros behind the cents.

    What is too little to show is not shown as nothing, and what is too much is written with an exponent.
    """
    sign = "-$" if value < 0 else "$"
    value, decimals = abs(value), width - 4
    text = f"{value:.{decimals}f}"
    if value > 0 and float(text) == 0:
        return f"{sign[:-1]}<${10**-decimals:.{decimals}f}"
    if len(text) >= width:
        text = f"{value:.2f}"
        return sign + (text if len(text) < width else f"{value:.{decimals - 3}e}")
    cents = len(text) - decimals + 2
    return sign + text[:cents] + text[cents:].rstrip("0").ljust(decimals - 2)


def bar(latency: float, scale: float, width: int, glyphs: Glyphs) -> str:
    """Draw a latency; one beyond the scale has a mark at its end."""
    if latency > scale:
        return glyphs.bar * (width - 1) + glyphs.beyond
    if latency <= 0:
        return ""
    # Anything that took time at all is seen.
    halves = max(round(latency / scale * width * 2), 1)
    return glyphs.bar * (halves // 2) + glyphs.half_bar * (halves % 2)


def scale_axis(scale: float, width: int) -> str:
    """Write the title of the bars: what their beginning and their full length stand for, as far as there is room."""
    end = f"{scale:.3g} s" if scale < 999.5 else f"{scale:.0f} s"
    if len(end) > width:
        return ""
    return "0" + end.rjust(width - 1) if len(end) + 2 <= width else end.rjust(width)


def _time(trace: Trace, width: int, _scene: Scene) -> str:
    return trace.timestamp.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")[11:23][:width]


def _date_time(trace: Trace, _width: int, _scene: Scene) -> str:
    return trace.timestamp.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")[:23]


def _name(trace: Trace, width: int, scene: Scene) -> str | None:
    return None if trace.name is None else fit(scene.shown(trace.name), width, scene.glyphs.ellipsis)


def _link(trace: Trace, width: int, scene: Scene) -> str | None:
    return None if trace.html_path is None else fit_tail(scene.shown(trace.html_path), width, scene.glyphs.ellipsis)


def _whole_link(trace: Trace, _width: int, scene: Scene) -> str | None:
    return None if trace.html_path is None else scene.shown(trace.html_path)


def _bar(trace: Trace, width: int, scene: Scene) -> str:
    if trace.latency_seconds is None or scene.scale is None:
        return ""
    return bar(trace.latency_seconds, scene.scale, width, scene.glyphs)


def _observations(trace: Trace, width: int, scene: Scene) -> str:
    return fit(str(trace.observation_count), width, scene.glyphs.ellipsis)


def _latency(trace: Trace, width: int, scene: Scene) -> str | None:
    value = trace.latency_seconds
    return None if value is None else fit(seconds(value, width), width, scene.glyphs.ellipsis)


def _cost(trace: Trace, width: int, scene: Scene) -> str | None:
    value = trace.total_cost_usd
    return None if value is None else fit(dollars(value, width), width, scene.glyphs.ellipsis)


_TIME = Column("time (UTC)", _time, 12, "dim")
_CLOCK = Column("UTC", _time, 8, "dim")
_STAMP = Column("time (UTC)", _date_time, 23)
_NAME = Column("name", _name, 20, most=48)
_SHORT_NAME = Column("name", _name, 11, most=48)
_LATENCY = Column("latency", _latency, 9, right=True)
_SHORT_LATENCY = Column("latency", _latency, 7, right=True)
BAR = Column("", _bar, 8, "cyan", most=24, turn=2)
_COST = Column("cost", _cost, 10, right=True)
_SHORT_COST = Column("cost", _cost, 8, right=True)
_OBSERVATIONS = Column("obs", _observations, 4, "dim", right=True)
_LINK = Column("dashboard", _link, 20, "dim", most=80, turn=1)
# Nothing stands behind it on the line, so where there is no edge of a screen it need not be cut.
_WHOLE_LINK = Column("dashboard", _whole_link, 20)

# From the widest to the narrowest: what is dropped first matters least, or is also in the other formats.
_ON_TERMINAL: Sequence[tuple[Column, ...]] = (
    (_TIME, _NAME, _LATENCY, BAR, _COST, _OBSERVATIONS, _LINK),
    (_TIME, _NAME, _LATENCY, BAR, _COST, _OBSERVATIONS),
    (_TIME, _NAME, _LATENCY, BAR, _COST),
    (_TIME, _NAME, _LATENCY, _COST),
    (_CLOCK, _SHORT_NAME, _SHORT_LATENCY, _SHORT_COST),
    (_CLOCK, _SHORT_NAME, _SHORT_LATENCY),
    (_SHORT_NAME, _SHORT_LATENCY),
)
_PLAIN: Sequence[tuple[Column, ...]] = (
    (_STAMP, _NAME, _LATENCY, _COST, _OBSERVATIONS, _WHOLE_LINK),
    (_STAMP, _NAME, _LATENCY, _COST, _OBSERVATIONS),
    (_STAMP, _NAME, _LATENCY, _COST),
    (_STAMP, _SHORT_NAME, _SHORT_LATENCY),
    (_SHORT_NAME, _SHORT_LATENCY),
)


def choose_columns(width: int, traces: Iterable[Trace], scene: Scene, *, plain: bool) -> tuple[Column, ...]:
    """Choose the columns for a line of ``width`` terminal cells, with their final widths.

    :param traces: those of the first page: rows are shown as they come, so the others have to do with its widths.
    :param plain: whether the output is no terminal: whole dates, whole links, and no bars.
    """
    layouts = _PLAIN if plain else _ON_TERMINAL
    columns = next((layout for layout in layouts if _least(layout) <= width), layouts[-1])
    spare = max(width - _least(columns), 0)
    widths = {column.title: column.width for column in columns}
    for column in sorted(columns, key=lambda column: column.turn):
        if column.most:
            # A bar fills whatever it gets; a text needs no more than its own length.
            needed = (cell_len(column.cell(trace, column.most, scene) or "") for trace in traces)
            wanted = column.most if column.cell is _bar else max(needed, default=0)
            more = min(spare, max(wanted - column.width, 0))
            widths[column.title] += more
            spare -= more
    return tuple(evolve(column, width=widths[column.title]) for column in columns)


def _least(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)
