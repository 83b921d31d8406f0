"""The choice and order of listed traces: printed as they arrive, or ranked when all are known."""

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
    """The output that traces are written to."""

    def open(self, title: str, size: str, /) -> None:
        """Begin a list: its title and its size."""

    def rows(self, traces: Sequence[Trace], /) -> None:
        """Write traces and flush."""

    def end(self, of: int, incomplete: str = "", /) -> None:
        """End a list of ``of`` traces. ``incomplete`` is the reason why traces are missing, if any are."""


class Listing(Protocol):
    """Takes the traces of one session after another and lists them."""

    @property
    def enough(self) -> bool:
        """Whether no more traces of this session are needed."""

    def begin(self, session_id: str, size: str, /) -> None:
        """Begin a session."""

    def take(self, traces: Iterable[Trace], /) -> None:
        """Take traces of the session."""

    def end(self, of: int, incomplete: str = "", /) -> None:
        """End the session, which has ``of`` traces. ``incomplete`` is the reason why traces are missing, if any are."""

    def finish(self) -> None:
        """End the listing after the last session."""


def of_session(trace: Trace, session_id: str) -> Trace:
    """Return the trace with its session's id, which the API may leave out."""
    return evolve(trace, session_id=session_id) if trace.session_id is None else trace


def _picked(traces: Iterable[Trace], session_id: str, names: Collection[str]) -> list[Trace]:
    """Return the traces that have one of the names, or all traces if there are no names."""
    return [of_session(trace, session_id) for trace in traces if not names or trace.name in names]


class AsTheyCome:
    """Writes traces as they arrive, newest first in each session.

    :param top: the most traces to write of each session; ``None`` for all.
    """

    def __init__(self, sink: Sink, names: Collection[str], top: int | None) -> None:
        self._sink = sink
        self._names = names
        self._top = top
        self._session_id = ""
        self._left = top

    @property
    def enough(self) -> bool:
        """Whether ``top`` traces of this session have been written."""
        return self._left == 0

    def begin(self, session_id: str, size: str) -> None:
        """Write the session's heading."""
        self._session_id, self._left = session_id, self._top
        self._sink.open(session_id, size)

    def take(self, traces: Iterable[Trace]) -> None:
        """Write the traces that were asked for."""
        picked = _picked(traces, self._session_id, self._names)[: self._left]
        if self._left is not None:
            self._left -= len(picked)
        self._sink.rows(picked)

    def end(self, of: int, incomplete: str = "") -> None:
        """Write the session's summary."""
        self._sink.end(of, incomplete)

    def finish(self) -> None:
        """Do nothing, because all traces are written."""


class Ranking:
    """Ranks traces by latency or cost: largest first, unknown last, equal values in order of arrival.

    :param top: how many traces to keep in memory; ``None`` for all.
    """

    def __init__(self, by: Literal["latency", "cost"], top: int | None = None) -> None:
        self._by = by
        self._top = top
        self._kept: list[Trace] = []

    def add(self, traces: Iterable[Trace]) -> None:
        """Add traces to the ranking."""
        if self._top is None:
            self._kept.extend(traces)
        else:
            self._kept = heapq.nlargest(self._top, chain(self._kept, traces), key=self._key)

    def traces(self) -> list[Trace]:
        """Return the kept traces in order."""
        return sorted(self._kept, key=self._key, reverse=True)

    def _key(self, trace: Trace) -> tuple[bool, float]:
        value = trace.latency_seconds if self._by == "latency" else trace.total_cost_usd
        return value is not None, value or 0.0


class Ranked:
    """Ranks the traces of all sessions in one list, and writes it after the last session.

    :param order: the order, in words for the heading.
    """

    enough = False  # the last trace can be the largest

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
        """Rank the traces that were asked for."""
        self._ranking.add(_picked(traces, self._session_id, self._names))

    def end(self, of: int, incomplete: str = "") -> None:
        """Count the session's traces."""
        self._of += of
        self._incomplete = incomplete

    def finish(self) -> None:
        """Write the ranked traces, unless there was no session."""
        if not self._sessions:
            return
        title = self._session_id if self._sessions == 1 else counted(self._sessions, "session")
        self._sink.open(title, f"{counted(self._of, 'trace')}, {self._order}")
        self._sink.rows(self._ranking.traces())
        self._sink.end(self._of, self._incomplete)
