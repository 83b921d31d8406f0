"""The slowest and the dearest traces of a summary, one line each."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen
from rich.text import Text

from lyzr_traces_async import Trace, TraceSummary

from ._columns import GAP, Column, Scene, choose_columns, least_width, row_line
from ._trace_columns import COST, ID, LATENCY, LINK, NAME, SESSION, SHORT_COST, SHORT_LATENCY, SHORT_NAME, STAMP, TIME

__all__ = ["TOP", "extreme_lines"]

# How many of the slowest traces are shown. One of the dearest is enough, because it is often one of the slowest too.
TOP = 3
_DEAREST = 1


@frozen
class _Extreme:
    """A trace, and whether it is one of the slowest or of the dearest."""

    label: str
    trace: Trace

    @property
    def slow(self) -> bool:
        return self.label == "slowest"


def _label(extreme: _Extreme, _width: int, _scene: Scene) -> str:
    return extreme.label


def _value(extreme: _Extreme, width: int, scene: Scene) -> str | None:
    cell = (LATENCY if extreme.slow else COST).cell(extreme.trace, width, scene)
    # Values are not aligned with each other, so the blanks after them are not needed.
    return None if cell is None else cell.rstrip()


def _of_trace(column: Column[Trace]) -> Column[_Extreme]:
    return Column(
        column.title,
        lambda extreme, width, scene: column.cell(extreme.trace, width, scene),
        column.width,
        column.style,
        right=column.right,
        most=column.most,
        turn=column.turn,
        whole=column.whole,
        target=lambda extreme, scene: column.target(extreme.trace, scene),
    )


_LABEL = Column("", _label, 7, "bold")
_NAME, _SHORT_NAME = _of_trace(NAME), _of_trace(evolve(SHORT_NAME, width=9))
_TIME, _STAMP = _of_trace(TIME), _of_trace(STAMP)
# Titles are not shown here, so they must not widen the columns.
_ID, _SESSION = _of_trace(evolve(ID, title="")), _of_trace(evolve(SESSION, title=""))
# A shortened link says no more than the id, and the id can be clicked on too. So the link is shown only as a whole.
_LINK = _of_trace(evolve(LINK, title="", width=0, most=0, whole=True))
_VALUE = Column("", _value, COST.width, right=True)
_SHORT_VALUE = Column("", _value, max(SHORT_LATENCY.width, SHORT_COST.width), right=True)

# Ids are for pasting: they are shown as a whole or not at all.
_OF_ONE = (
    (_LABEL, _NAME, _VALUE, _TIME, _ID, _LINK),
    (_LABEL, _NAME, _VALUE, _TIME, _ID),
    (_LABEL, _NAME, _VALUE, _ID),
    (_LABEL, _SHORT_NAME, _SHORT_VALUE, _ID),
    (_LABEL, _NAME, _VALUE, _TIME),
    (_LABEL, _SHORT_NAME, _SHORT_VALUE),
    (_SHORT_NAME, _SHORT_VALUE),
)
_OF_MANY = (
    (_LABEL, _NAME, _VALUE, _STAMP, _SESSION, _ID, _LINK),
    (_LABEL, _NAME, _VALUE, _STAMP, _SESSION, _ID),
    (_LABEL, _NAME, _VALUE, _SESSION, _ID),
    (_LABEL, _NAME, _VALUE, _STAMP),
    (_LABEL, _NAME, _VALUE),
    *_OF_ONE[-2:],
)


def extreme_lines(summary: TraceSummary, width: int, scene: Scene, *, several: bool) -> list[Text]:
    """Write the slowest and the dearest traces of a summary.

    :param several: whether the traces are of several sessions. Then `show` needs the session's id too. If there is no
        room for both ids on the trace's line, they are on a line below it.
    """
    rows = [
        *(_Extreme("slowest", trace) for trace in summary.slowest[:TOP]),
        *(_Extreme("dearest", trace) for trace in summary.dearest[:_DEAREST]),
    ]
    if scene.plain:
        stamped = (_LABEL, _NAME, _VALUE, _STAMP, _ID, _LINK)
        columns = choose_columns([_OF_MANY[0] if several else stamped], width, rows, scene)
    else:
        columns = choose_columns(_OF_MANY if several else _OF_ONE, width, rows, scene)
    below = _ids(rows, width, scene) if several and not any(column.whole for column in columns) else {}
    lines: list[Text] = []
    for row in rows:
        lines += [row_line(columns, row, scene), *below.get(row, ())]
    return lines


def _ids(rows: Sequence[_Extreme], width: int, scene: Scene) -> dict[_Extreme, tuple[Text]]:
    """Write the line of ids below each row, if a line has room for both ids as a whole."""
    columns = choose_columns([(_SESSION, _ID)], width, rows, scene)
    indent = " " * (_LABEL.width + GAP)
    fits = len(indent) + least_width(columns) <= width
    return {row: (Text(indent).append(row_line(columns, row, scene)),) for row in rows if fits}
