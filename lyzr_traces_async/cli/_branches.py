"""A trace's observations in the order of their tree, each with what its line begins with. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from lyzr_traces_async import Observation, ObservationNode, TraceDetail

from ._text import Glyphs

__all__ = ["Branch", "Span", "branches", "twigs"]

# So many levels are known of each line; a tree may be deeper than any terminal is wide.
_LEVELS = 40


@frozen
class Span:
    """The time that a trace takes up, in seconds from its own beginning; an observation may lie before that."""

    zero: datetime
    begin: float
    end: float

    def offset(self, moment: datetime) -> float:
        """Return where a moment lies, in seconds from the trace's beginning."""
        return (moment - self.zero).total_seconds()

    def place(self, seconds: float, width: int) -> int:
        """Return in which of ``width`` cells a moment lies."""
        length = self.end - self.begin
        return min(int((seconds - self.begin) / length * width), width - 1) if length > 0 else 0


@frozen
class Branch:
    """An observation in its place.

    :ivar span: the time of the whole trace.
    :ivar depth: how many it is part of.
    :ivar goes_on: for it and the nearest of those that it is part of, but for the top, whether another part of the
        same whole follows: the nearest last.
    :ivar has_parts: whether others are part of it.
    """

    observation: Observation
    span: Span
    depth: int
    goes_on: tuple[bool, ...]
    has_parts: bool


def branches(detail: TraceDetail) -> list[Branch]:
    """Return the observations from the top down, each followed by its parts. It does not recurse, however deep."""
    span = _span_of(detail)
    found: list[Branch] = []
    waiting: list[tuple[ObservationNode, int, tuple[bool, ...]]] = [(node, 0, ()) for node in reversed(detail.tree())]
    while waiting:
        node, depth, goes_on = waiting.pop()
        found.append(Branch(node.observation, span, depth, goes_on, bool(node.children)))
        last = len(node.children) - 1
        waiting += [
            (child, depth + 1, (*goes_on, place < last)[-_LEVELS:])
            for place, child in reversed(list(enumerate(node.children)))
        ]
    return found


def _span_of(detail: TraceDetail) -> Span:
    """Return what the trace and all of its observations take up."""
    zero = detail.timestamp
    latency = detail.latency_seconds or 0.0
    offsets = [0.0, latency if math.isfinite(latency) else 0.0]
    for one in detail.observations:
        offsets += [(moment - zero).total_seconds() for moment in (one.start_time, one.end_time) if moment is not None]
    return Span(zero, min(offsets), max(offsets))


def twigs(branch: Branch, room: int, glyphs: Glyphs, *, below: bool = False) -> str:
    """Draw what stands before an observation, or before a line below it.

    :param room: how many terminal cells it may take; where that is too little for the depth, the outer levels go.
    """
    count = room // 3
    if branch.depth <= min(count, len(branch.goes_on)):
        return _drawn(branch.goes_on, glyphs, below=below)
    if count < 1:
        return ""
    levels = branch.goes_on[-(count - 1) :] if count > 1 else ()
    return glyphs.ellipsis.ljust(3) + _drawn(levels, glyphs, below=below)


def _drawn(levels: Sequence[bool], glyphs: Glyphs, *, below: bool) -> str:
    trunks = [glyphs.trunk if more else "   " for more in levels]
    if trunks and not below:
        trunks[-1] = glyphs.fork if levels[-1] else glyphs.bend
    return "".join(trunks)
