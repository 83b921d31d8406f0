"""The observations of a trace in tree order, and the lines of the tree before each of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from lyzr_traces_async import Observation, ObservationNode, TraceDetail

from ._text import Glyphs

__all__ = ["Branch", "Span", "branches", "twigs"]

# The most levels that a branch remembers. A tree can be deeper than any terminal is wide.
_LEVELS = 40


@frozen
class Span:
    """The time range of a trace with its observations, in seconds from the trace's start.

    ``begin`` is negative if an observation started before the trace.
    """

    zero: datetime
    begin: float
    end: float

    def offset(self, moment: datetime) -> float:
        """Return the seconds from the trace's start to a moment."""
        return (moment - self.zero).total_seconds()

    def place(self, seconds: float, width: int) -> int:
        """Return the index of the cell, out of ``width``, in which a moment lies."""
        length = self.end - self.begin
        return min(int((seconds - self.begin) / length * width), width - 1) if length > 0 else 0


@frozen
class Branch:
    """An observation and its place in the tree.

    :ivar span: the time range of the whole trace.
    :ivar depth: how many ancestors the observation has.
    :ivar goes_on: whether another sibling follows: one entry for each of the nearest ancestors except the root, and
        the last entry for the observation itself.
    :ivar has_parts: whether the observation has children.
    """

    observation: Observation
    span: Span
    depth: int
    goes_on: tuple[bool, ...]
    has_parts: bool


def branches(detail: TraceDetail) -> list[Branch]:
    """Return the observations from the top down, each followed by its children.

    The loop does not recurse, so the depth of the tree has no limit.
    """
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
    """Return the time range that covers the trace and all of its observations."""
    zero = detail.timestamp
    latency = detail.latency_seconds or 0.0
    offsets = [0.0, latency if math.isfinite(latency) else 0.0]
    for one in detail.observations:
        offsets += [(moment - zero).total_seconds() for moment in (one.start_time, one.end_time) if moment is not None]
    return Span(zero, min(offsets), max(offsets))


def twigs(branch: Branch, room: int, glyphs: Glyphs, *, below: bool = False) -> str:
    """Draw the lines of the tree that lead to an observation.

    :param room: the most terminal cells to take. If that is too few for the depth, the outer levels are left out.
    :param below: draw them for a further line below the observation instead of for its own line.
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
