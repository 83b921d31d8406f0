"""Which traces are listed, and in what order: at once as they come, or ranked when all are known."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Literal, Protocol

from attrs import evolve

from lyzr_traces_async import Trace

from ._numbers import counted

__all__ = ["AsTheyCome", "Listing", "Ranked", "Ranking", "Sink", "of_session"]


class Sink(Protocol):
    """Where traces are written to."""

    def open(self, title: str, size: str, /) -> None:
        """Say what the rows to come are of, and how many there are."""

    def rows(self, traces: Sequence[Trace], /) -> None:
        """Write traces, and flush."""

    def end(self, of: int, incomplete: str = "", /) -> None:
        """Say that these were all rows of the number given, and what is missing if anything is."""


class Listing(Protocol):
    """What becomes of sessions' traces; the sessions come one after the other."""

    @property
    def enough(self) -> bool:
        """Whether the rest of this session is not needed."""

    def begin(self, session_id: str, size: str, /) -> None:
        """Begin with a session."""

    def take(self, traces: Iterable[Trace], /) -> None:
        """Take traces of the session."""

    def end(self, of: int, incomplete: str = "", /) -> None:
        """End the session: so many traces it has, and this is missing."""

    def finish(self) -> None:
        """Write what was waited with until the last session."""


def of_session(trace: Trace, session_id: str) -> Trace:
    """Return the trace with the session it is of, also where the API does not say it."""
    return evolve(trace, session_id=session_id) if trace.session_id is None else trace


def _picked(traces: Iterable[Trace], session_id: str, names: Collection[str]) -> list[Trace]:
    """Return the traces with one of the names, or all where there are none."""
    return [of_session(trace, session_id) for trace in traces if not names or trace.name in names]


class AsTheyCome:
    """Writes traces at once, newest first in each session.

    :param top: how many to write of each session.
    """

    def __init__(self, sink: Sink, names: Collection[str], top: int | None) -> None:
        self._sink = sink
        self._names = names
        self._top = top
        self._session_id = ""
        self._left = top

    @property
    def enough(self) -> bool:
        """Whether as many as were asked for have been written of this session."""
        return self._left == 0

    def begin(self, session_id: str, size: str) -> None:
        """Write the session's heading."""
        self._session_id, self._left = session_id, self._top
        self._sink.open(session_id, size)

    def take(self, traces: Iterable[Trace]) -> None:
        """Write those that were asked for."""
        picked = _picked(traces, self._session_id, self._names)[: self._left]
        if self._left is not None:
            self._left -= len(picked)
        self._sink.rows(picked)

    def end(self, of: int, incomplete: str = "") -> None:
        """Write the session's summary."""
        self._sink.end(of, incomplete)

    def finish(self) -> None:
        """Do nothing: all is written."""


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


class Ranked:
    """Keeps the traces of all sessions together, and writes them when the last has come.

    :param order: what stands in the heading.
    """

    enough = False  # a larger one may come to the very end

    def __init__(self, sink: Sink, names: Collection[str], ranking: Ranking, order: str) -> None:
        self._sink = sink
        self._names = names
        self._ranking = ranking
        self._order = order
        self._session_id = ""
        self._sessions = 0
        self._of = 0
        self._incomplete = ""

    def begin(self, session_id: str, _size: str) -> None:
        """Count the session."""
        self._session_id = session_id
        self._sessions += 1

    def take(self, traces: Iterable[Trace]) -> None:
        """Keep those that were asked for."""
        self._ranking.add(_picked(traces, self._session_id, self._names))

    def end(self, of: int, incomplete: str = "") -> None:
        """Count the session's traces."""
        self._of += of
        self._incomplete = incomplete

    def finish(self) -> None:
        """Write them, unless no session has come."""
        if not self._sessions:
            return
        title = self._session_id if self._sessions == 1 else counted(self._sessions, "session")
        self._sink.open(title, f"{counted(self._of, 'trace')}, {self._order}")
        self._sink.rows(self._ranking.traces())
        self._sink.end(self._of, self._incomplete)
