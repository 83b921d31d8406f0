"""The slowest or dearest traces first. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import chain
from typing import Literal

from lyzr_traces_async import Trace

__all__ = ["Ranking"]


class Ranking:
    """Traces with the largest latency or cost first; where that is not known, last; where it is equal, as they came.

    :param top: how many to keep, and how many there are in memory; all of them if ``None``.
    """

    def __init__(self, by: Literal["latency", "cost"], top: int | None = None) -> None:
        self._by = by
        self._top = top
        self._kept: list[Trace] = []

    def add(self, traces: Iterable[Trace]) -> None:
        """Take more traces into account."""
        if self._top is None:
            self._kept.extend(traces)
        else:
            self._kept = heapq.nlargest(self._top, chain(self._kept, traces), key=self._key)

    def traces(self) -> list[Trace]:
        """Return those that were kept, in order."""
        return sorted(self._kept, key=self._key, reverse=True)

    def _key(self, trace: Trace) -> tuple[bool, float]:
        value = trace.latency_seconds if self._by == "latency" else trace.total_cost_usd
        return value is not None, value or 0.0
