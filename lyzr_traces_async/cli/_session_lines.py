"""One line per session, as sessions finish: its length, its cost and its slowest trace."""

from __future__ import annotations

from attrs import frozen
from rich.console import Console
from rich.text import Text

from lyzr_traces_async import Trace, TraceSummary

from ._columns import Column, Scene, choose_columns, header_line, row_line, scene_of, width_of
from ._links import Dashboard
from ._numbers import dollars, seconds
from ._overview import latency_cell
from ._text import fit
from ._trace_columns import ID, LATENCY, NAME

__all__ = ["SessionLines"]


@frozen
class _Row:
    """A session that has been read."""

    session_id: str
    summary: TraceSummary

    @property
    def slowest(self) -> Trace | None:
        return next(iter(self.summary.slowest), None)


def _session(row: _Row, width: int, scene: Scene) -> str | None:
    return scene.cut(row.session_id, width)


def _count(row: _Row, width: int, scene: Scene) -> str | None:
    return scene.cut(f"{row.summary.count:,}", width)


def _length(row: _Row, width: int, scene: Scene) -> str | None:
    value = row.summary.seconds
    return None if value is None else fit(seconds(value, width), width, scene.glyphs.ellipsis)


def _cost(row: _Row, width: int, scene: Scene) -> str | None:
    known = row.summary.costs_missing < row.summary.count
    return fit(dollars(row.summary.total_cost_usd, width), width, scene.glyphs.ellipsis) if known else None


def _p95(row: _Row, width: int, scene: Scene) -> str | None:
    return latency_cell(row.summary.latency, "p95", width, scene)


def _slowest(row: _Row, width: int, scene: Scene) -> str | None:
    return None if row.slowest is None else LATENCY.cell(row.slowest, width, scene)


def _slowest_name(row: _Row, width: int, scene: Scene) -> str | None:
    return None if row.slowest is None else NAME.cell(row.slowest, width, scene)


def _slowest_id(row: _Row, width: int, scene: Scene) -> str | None:
    return None if row.slowest is None else ID.cell(row.slowest, width, scene)


def _target(row: _Row, scene: Scene) -> str | None:
    return None if row.slowest is None else ID.target(row.slowest, scene)


_SESSION = Column("session", _session, 36)
_COUNT = Column("traces", _count, 6, right=True)
_LENGTH = Column("length", _length, 9, right=True)
_COST = Column("cost", _cost, 10, right=True)
_P95 = Column("p95", _p95, 9, right=True)
_SLOWEST = Column("slowest", _slowest, 9, right=True)
_SLOWEST_NAME = Column("", _slowest_name, 20)
_SLOWEST_ID = Column("", _slowest_id, 32, target=_target)

_ON_TERMINAL = (
    (_SESSION, _COUNT, _LENGTH, _COST, _P95, _SLOWEST, _SLOWEST_NAME, _SLOWEST_ID),
    (_SESSION, _COUNT, _LENGTH, _COST, _P95, _SLOWEST, _SLOWEST_NAME),
    (_SESSION, _COUNT, _LENGTH, _COST, _P95, _SLOWEST),
    (_SESSION, _COUNT, _LENGTH, _COST, _P95),
    (_SESSION, _COUNT, _COST, _P95),
    (_SESSION, _COST, _P95),
    (_SESSION,),
)


class SessionLines:
    """A table that is printed row by row. Its column widths do not depend on the rows."""

    def __init__(self, console: Console, dashboard: Dashboard) -> None:
        self._console = console
        self._scene = scene_of(console, dashboard)
        self._columns = choose_columns(_ON_TERMINAL, width_of(console), (), self._scene)
        self._begun = False

    def row(self, session_id: str, summary: TraceSummary) -> None:
        """Print a session, with the header before the first one."""
        lines: list[Text] = [] if self._begun else [header_line(self._columns)]
        self._begun = True
        lines.append(row_line(self._columns, _Row(session_id, summary), self._scene))
        self._console.print(Text("\n").join(lines), soft_wrap=True)
