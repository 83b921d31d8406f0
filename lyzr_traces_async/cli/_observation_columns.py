"""The columns of an observation, and the layouts they form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import evolve

from lyzr_traces_async._figures import sum_of

from ._branches import Branch, twigs
from ._columns import Column, Scene, longest
from ._numbers import dollars, seconds
from ._text import fit

__all__ = ["layouts", "start_cell"]

# In terminal cells. To show a name and its tree lines up to this width uncut, other columns are left out.
_USUAL_NAME = 30


def _name(branch: Branch, width: int, scene: Scene) -> str:
    before = twigs(branch, width // 2, scene.glyphs)
    name = branch.observation.name or branch.observation.type.lower()
    return before + (scene.cut(name, width - len(before)) or "")


def _type(branch: Branch, width: int, scene: Scene) -> str | None:
    return scene.cut(branch.observation.type.lower(), width)


def start_cell(branch: Branch, width: int, scene: Scene) -> str:
    """Return the start of an observation, counted from the start of the trace."""
    offset = branch.span.offset(branch.observation.start_time)
    return fit(("" if offset < 0 else "+") + seconds(offset, width - 1), width, scene.glyphs.ellipsis)


def _took(branch: Branch, width: int, scene: Scene) -> str | None:
    return _seconds(branch.observation.duration_seconds, width, scene)


def _first(branch: Branch, width: int, scene: Scene) -> str | None:
    return _seconds(branch.observation.time_to_first_token_seconds, width, scene)


def _seconds(value: float | None, width: int, scene: Scene) -> str | None:
    return None if value is None else fit(seconds(value, width), width, scene.glyphs.ellipsis)


def _tokens(branch: Branch, width: int, scene: Scene) -> str | None:
    usage = branch.observation.usage_details
    sides = [usage.get("input"), usage.get("output")]
    if sides == [None, None]:
        total = usage.get("total")
        return None if total is None else scene.cut(_amount(total), width)
    arrow = f" {scene.glyphs.arrow} "
    return scene.cut(arrow.join(scene.glyphs.missing if side is None else _amount(side) for side in sides), width)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) < 1e9 and value == round(value) else f"{value:.4g}"


def _cost(branch: Branch, width: int, scene: Scene) -> str | None:
    value = _total(branch.observation.cost_details)
    return None if value is None else fit(dollars(value, width), width, scene.glyphs.ellipsis)


def _total(costs: Mapping[str, float]) -> float | None:
    return costs.get("total", sum_of([[cost for cost in costs.values() if math.isfinite(cost)]])) if costs else None


def _model(branch: Branch, width: int, scene: Scene) -> str | None:
    return scene.cut(branch.observation.model, width)


def _bar(branch: Branch, width: int, scene: Scene) -> str:
    span, one = branch.span, branch.observation
    begin = span.place(span.offset(one.start_time), width)
    if one.end_time is None:
        return " " * begin + scene.glyphs.half_bar
    end = span.place(span.offset(one.end_time), width)
    return " " * min(begin, end) + scene.glyphs.bar * (abs(end - begin) + 1)


_NAME = Column("observation", _name, 20, most=60)
_SHORT_NAME = Column("observation", _name, 11, most=60)
_TYPE = Column("type", _type, 10, "dim")
_START = Column("start", start_cell, 10, right=True)
_TOOK = Column("took", _took, 9, right=True)
_SHORT_TOOK = Column("took", _took, 7, right=True)
_FIRST = Column("first token", _first, 11, right=True)
_TOKENS = Column("tokens", _tokens, 9, right=True, most=24)
_COST = Column("cost", _cost, 10, right=True)
_MODEL = Column("model", _model, 11, "dim", most=32)
_BAR = Column("", _bar, 12, "cyan", most=40, turn=1, fills=True)

# The columns after the name, from the widest layout to the narrowest. The least important column is dropped first.
_BEHIND = (
    (_TYPE, _START, _TOOK, _FIRST, _TOKENS, _COST, _MODEL, _BAR),
    (_START, _TOOK, _FIRST, _TOKENS, _COST, _MODEL, _BAR),
    (_START, _TOOK, _FIRST, _TOKENS, _COST, _MODEL),
    (_START, _TOOK, _FIRST, _TOKENS, _COST),
    (_START, _TOOK, _FIRST, _COST),
    (_START, _TOOK, _COST),
    (_START, _TOOK),
)


def layouts(rows: Sequence[Branch], scene: Scene) -> Sequence[Sequence[Column[Branch]]]:
    """Return the possible layouts, from the widest to the narrowest, without columns that would be empty.

    :param rows: all rows.
    """
    empty = {
        column.title
        for column in (_FIRST, _TOKENS, _COST, _MODEL)
        if all(column.cell(row, column.width, scene) is None for row in rows)
    }
    choices = [[column for column in behind if column.title not in empty] for behind in _BEHIND]
    if scene.plain:
        return ([_NAME, *choices[0][:-1]],)
    name = evolve(_NAME, width=max(longest(_NAME, rows, scene, _USUAL_NAME), len(_NAME.title)))
    return [*([name, *behind] for behind in choices), [_SHORT_NAME, _START, _TOOK], [_SHORT_NAME, _SHORT_TOOK]]
