"""The columns of a trace, and the layouts they form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from lyzr_traces_async import Trace, TraceDetail

from ._columns import Column, Scene
from ._numbers import dollars, seconds
from ._text import Glyphs, fit, fit_tail

__all__ = [
    "COST",
    "ID",
    "LATENCY",
    "LINK",
    "NAME",
    "SESSION",
    "SHORT_COST",
    "SHORT_LATENCY",
    "SHORT_NAME",
    "STAMP",
    "TIME",
    "bar",
    "layouts",
    "moment",
    "scale_axis",
]


def bar(latency: float, scale: float, width: int, glyphs: Glyphs) -> str:
    """Draw a bar for a latency, with a mark at its end if the latency is beyond the scale."""
    if latency > scale:
        return glyphs.bar * (width - 1) + glyphs.beyond
    if latency <= 0:
        return ""
    # A latency above zero has at least half a cell.
    halves = max(round(latency / scale * width * 2), 1)
    return glyphs.bar * (halves // 2) + glyphs.half_bar * (halves % 2)


def scale_axis(scale: float, width: int) -> str:
    """Return the title of the bars: the values of their start and of their full length, if there is room."""
    end = f"{scale:.3g} s" if scale < 999.5 else f"{scale:.0f} s"
    if len(end) > width:
        return ""
    return "0" + end.rjust(width - 1) if len(end) + 2 <= width else end.rjust(width)


def moment(trace: Trace | TraceDetail) -> str:
    """Return the start of a trace in UTC, to the millisecond."""
    return trace.timestamp.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")[:23]


def _time(trace: Trace, width: int, _scene: Scene) -> str:
    return moment(trace)[11:][:width]


def _date_time(trace: Trace, _width: int, _scene: Scene) -> str:
    return moment(trace)


def _short_date_time(trace: Trace, _width: int, _scene: Scene) -> str:
    return moment(trace)[5:19]


def _name(trace: Trace, width: int, scene: Scene) -> str | None:
    return scene.cut(trace.name, width)


def _id(trace: Trace, width: int, scene: Scene) -> str | None:
    return scene.cut(trace.trace_id, width)


def _session(trace: Trace, width: int, scene: Scene) -> str | None:
    return scene.cut(trace.session_id, width)


def _link(trace: Trace, width: int, scene: Scene) -> str | None:
    if trace.html_path is None:
        return None
    text = scene.shown(scene.dashboard.whole(trace.html_path))
    return text if scene.plain else fit_tail(text, width, scene.glyphs.ellipsis)


def _target(trace: Trace, scene: Scene) -> str | None:
    return None if trace.html_path is None else scene.dashboard.target(trace.html_path)


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


TIME = Column("time (UTC)", _time, 12, "dim")
_CLOCK = Column("UTC", _time, 8, "dim")
STAMP = Column("time (UTC)", _date_time, 23)
_SHORT_STAMP = Column("UTC", _short_date_time, 14, "dim")
NAME = Column("name", _name, 20, most=48)
SHORT_NAME = Column("name", _name, 11, most=48)
LATENCY = Column("latency", _latency, 9, right=True)
SHORT_LATENCY = Column("latency", _latency, 7, right=True)
_BAR = Column("", _bar, 8, "cyan", most=24, turn=2, fills=True)
COST = Column("cost", _cost, 10, right=True)
SHORT_COST = Column("cost", _cost, 8, right=True)
_OBSERVATIONS = Column("obs", _observations, 4, "dim", right=True)
ID = Column("trace", _id, 0, whole=True, target=_target)
SESSION = Column("session", _session, 0, "dim", whole=True)
_SHORT_SESSION = Column("session", _session, 9, "dim")
LINK = Column("dashboard", _link, 20, "dim", most=80, turn=1, target=_target)

# From the widest to the narrowest. The columns dropped first matter least, or are in the other formats too.
_ON_TERMINAL = (
    (TIME, NAME, LATENCY, _BAR, COST, _OBSERVATIONS, ID, LINK),
    (TIME, NAME, LATENCY, _BAR, COST, _OBSERVATIONS, ID),
    (TIME, NAME, LATENCY, _BAR, COST, ID),
    (TIME, NAME, LATENCY, COST, ID),
    (_CLOCK, SHORT_NAME, SHORT_LATENCY, SHORT_COST, ID),
    (TIME, NAME, LATENCY, COST),
    (_CLOCK, SHORT_NAME, SHORT_LATENCY, SHORT_COST),
    (_CLOCK, SHORT_NAME, SHORT_LATENCY),
    (SHORT_NAME, SHORT_LATENCY),
)
# If the order is not by time, each row has its date.
_RANKED = (
    (STAMP, NAME, LATENCY, _BAR, COST, _OBSERVATIONS, ID, LINK),
    (STAMP, NAME, LATENCY, _BAR, COST, _OBSERVATIONS, ID),
    (STAMP, NAME, LATENCY, _BAR, COST, ID),
    (STAMP, NAME, LATENCY, COST, ID),
    (_SHORT_STAMP, SHORT_NAME, SHORT_LATENCY, SHORT_COST, ID),
    (STAMP, NAME, LATENCY, COST),
    (_SHORT_STAMP, SHORT_NAME, SHORT_LATENCY, SHORT_COST),
    (_SHORT_STAMP, SHORT_NAME, SHORT_LATENCY),
    (SHORT_NAME, SHORT_LATENCY),
)
# A line in a pipe has no limit, so one layout is enough.
_PLAIN = ((STAMP, NAME, LATENCY, COST, _OBSERVATIONS, ID, LINK),)


def layouts(*, plain: bool, ranked: bool = False, several: bool = False) -> Sequence[Sequence[Column[Trace]]]:
    """Return the possible layouts, from the widest to the narrowest.

    :param plain: whether the output is not a terminal. Then dates and links are whole and there are no bars.
    :param ranked: whether the rows are in an order other than time.
    :param several: whether the rows are of several sessions. Then the session's id matters as much as the trace's id,
        because `show` needs both.
    """
    usual = _PLAIN if plain else _RANKED if ranked else _ON_TERMINAL
    if not several:
        return usual
    with_ids = [layout for layout in usual if ID in layout]
    return [
        *((SESSION, *layout) for layout in with_ids),
        *((_SHORT_SESSION, *layout) for layout in usual),
        *usual,
    ]
