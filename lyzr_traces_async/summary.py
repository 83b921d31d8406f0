"""What traces add up to: how long they took, what they cost, and which steps that was. Pure, and exact."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from ._arguments import check_count
from ._figures import Top, percentile, sum_of
from ._notebook import as_html
from ._wire import Model, counted, frozen, plain
from .errors import InvalidArgumentError
from .models import SessionTraces, Trace, TracePage

__all__ = ["NameSummary", "Quantiles", "Summarizer", "TraceSummary", "summarize"]

_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


@frozen
class Quantiles(Model):
    """How latencies are spread, in seconds: exact, and each of them a latency that occurred.

    By the nearest-rank definition: the p-th percentile is the smallest latency such that at least p % of all latencies
    are not larger. Of ``n`` sorted latencies it is the one at place ``ceil(p * n / 100)``, counted from 1.

    :ivar p50: the median; of an even number of latencies the lower of the two in the middle.
    :ivar p90: the 90th percentile.
    :ivar p95: the 95th percentile.
    :ivar p99: the 99th percentile.
    :ivar max: the longest.
    """

    p50: float
    p90: float
    p95: float
    p99: float
    max: float


@frozen
class NameSummary(Model):
    """What the traces of one name add up to.

    :ivar name: the name, or ``None`` for traces without one.
    :ivar count: how many traces have it.
    :ivar total_cost_usd: the sum of their known costs, in US dollars, rounded once.
    :ivar costs_missing: how many of them have no cost. They are not taken for free, only left out.
    :ivar latencies_missing: how many of them have no latency.
    :ivar cost_share: the part of the cost of all traces that is theirs: 0 to 1, if no cost is negative. ``None`` where
        none of their costs is known, or the cost of all traces is 0 or too large for a float.
    :ivar latency: how their latencies are spread, or ``None`` where none is known.
    """

    name: str | None
    count: int
    total_cost_usd: float
    costs_missing: int
    latencies_missing: int
    cost_share: float | None
    latency: Quantiles | None


@frozen
class TraceSummary(Model):
    """What traces add up to. A notebook shows it as a table.

    :ivar count: how many traces there are.
    :ivar total_cost_usd: the sum of the known costs, in US dollars. It is rounded once, so the order of the traces
        makes no difference. Without any known cost it is 0.0, and ``costs_missing`` equals ``count``.
    :ivar costs_missing: how many traces have no cost. They are not taken for free, only left out.
    :ivar latencies_missing: how many traces have no latency.
    :ivar latency: how the latencies are spread, or ``None`` where none is known.
    :ivar began: when the first trace began, or ``None`` where there are no traces.
    :ivar ended: the last known end of a trace, or ``None``. A trace without a latency, or with a negative one, counts
        with its beginning. It is never later than the last moment of the year 9999.
    :ivar by_name: the traces of each name, the dearest name first. Where costs are equal, the one with more traces
        comes first, then the one whose name sorts first. It counts for equality but not for the hash.
    :ivar slowest: the traces that took longest, longest first; of equal ones those that came first.
    :ivar dearest: the traces that cost most, dearest first; of equal ones those that came first.
    """

    count: int
    total_cost_usd: float
    costs_missing: int
    latencies_missing: int
    latency: Quantiles | None
    began: datetime | None
    ended: datetime | None
    by_name: Mapping[str | None, NameSummary] = attrs.field(hash=False, repr=counted)
    slowest: tuple[Trace, ...] = attrs.field(repr=counted)
    dearest: tuple[Trace, ...] = attrs.field(repr=counted)

    @property
    def seconds(self) -> float | None:
        """The time from :attr:`began` to :attr:`ended`, in seconds, or ``None`` where there are no traces."""
        return None if self.began is None or self.ended is None else (self.ended - self.began).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values. ``byName`` is a list, in order, since JSON has no key for ``None``."""
        return super().to_dict() | {"byName": plain(tuple(self.by_name.values()))}

    def _repr_html_(self) -> str:
        return as_html(self)


class Summarizer:
    """Adds traces up one by one, and holds none of them but the slowest and the dearest.

    :param top: how many of the slowest, and of the dearest, to keep.
    :raises InvalidArgumentError: if ``top`` is no integer of at least 0.

    Of each other trace it keeps two numbers: 16 bytes. A latency or a cost that is no finite number counts as missing.

    Example::

        summarizer = Summarizer()
        async for trace in client.iter_session_traces(session_id):
            summarizer.add(trace)
        print(summarizer.summary().total_cost_usd)
    """

    __slots__ = ("_began", "_count", "_dearest", "_last_began", "_last_latency", "_slowest", "_tallies")

    def __init__(self, *, top: int = 5) -> None:
        check_count("top", top, minimum=0)
        self._count = 0
        self._began = _END_OF_TIME
        # The trace that ends last. That is worked out at the end, since a `timedelta` takes longer than all the rest.
        self._last_began = datetime.min.replace(tzinfo=UTC)
        self._last_latency = 0.0
        self._tallies: defaultdict[str | None, _Tally] = defaultdict(_Tally)
        self._slowest = Top[Trace](top)
        self._dearest = Top[Trace](top)

    def add(self, trace: Trace) -> None:
        """Take one more trace into account.

        :raises InvalidArgumentError: if it is not a :class:`Trace`.
        """
        self._extend((trace,))

    def _extend(self, traces: Iterable[Trace]) -> None:
        # In one loop over local names: a call and a dozen attributes of `self` for each trace take twice as long.
        count, began, last_began, last_latency = self._count, self._began, self._last_began, self._last_latency
        tallies, slowest, dearest = self._tallies, self._slowest, self._dearest
        least, most = -math.inf, math.inf
        for trace in traces:
            if not isinstance(trace, Trace):
                raise InvalidArgumentError(_no_trace(trace, count))
            count += 1
            tally = tallies[trace.name]
            tally.count += 1
            moment = trace.timestamp
            if moment < began:  # noqa: PLR1730 - `min` takes five times as long
                began = moment
            latency, lasted = trace.latency_seconds, 0.0
            if latency is not None and least < latency < most:
                tally.latencies.append(latency)
                if latency > slowest.bar:
                    slowest.take(latency, count, trace)
                if latency > 0:
                    lasted = latency
            if (moment - last_began).total_seconds() > last_latency - lasted:
                last_began, last_latency = moment, lasted
            cost = trace.total_cost_usd
            if cost is not None and least < cost < most:
                tally.costs.append(cost)
                if cost > dearest.bar:
                    dearest.take(cost, count, trace)
        self._count, self._began, self._last_began, self._last_latency = count, began, last_began, last_latency

    def summary(self) -> TraceSummary:
        """Return what has been added so far. More may be added afterwards."""
        tallies = self._tallies
        costs = [tally.costs for tally in tallies.values()]
        total = sum_of(costs)
        ordered: list[float] = []
        names: list[NameSummary] = []
        for name, tally in tallies.items():
            latencies = sorted(tally.latencies)
            ordered += latencies
            names.append(tally.summary(name, total, latencies))
        ordered.sort()  # quick: it consists of parts that are in order
        names.sort(key=_rank)
        return TraceSummary(
            count=self._count,
            total_cost_usd=total,
            costs_missing=self._count - sum(map(len, costs)),
            latencies_missing=self._count - len(ordered),
            latency=_quantiles(ordered),
            began=self._began if self._count else None,
            ended=_later(self._last_began, self._last_latency) if self._count else None,
            by_name={part.name: part for part in names},
            slowest=self._slowest.items(),
            dearest=self._dearest.items(),
        )


def summarize(traces: Iterable[Trace], *, top: int = 5) -> TraceSummary:
    """Add traces up: how long they took, what they cost, by name, and the slowest and dearest of them.

    :param traces: a list, a :class:`TracePage`, a :class:`SessionTraces`, or any other iterable of traces.
    :param top: how many of the slowest, and of the dearest, to return.
    :raises InvalidArgumentError: if ``top`` is no integer of at least 0, or there is something else among the traces.
    :raises LyzrTracesError: the session's error, if ``traces`` is a session that failed.

    A latency or a cost that is no finite number counts as missing.

    Example::

        summary = summarize([trace async for trace in client.iter_session_traces(session_id)])
        for name, part in summary.by_name.items():
            print(name, part.count, part.total_cost_usd)
    """
    summarizer = Summarizer(top=top)
    if isinstance(traces, AsyncIterable):
        raise InvalidArgumentError(
            "summarize takes traces that have been read, not an asynchronous iterable: collect them first, with "
            "`[trace async for trace in traces]`, or give them one by one to a Summarizer"
        )
    if not isinstance(traces, Iterable):
        raise InvalidArgumentError(f"traces must be an iterable of Trace, not of type {type(traces).__name__}")
    summarizer._extend(traces)
    return summarizer.summary()


class _Tally:
    """What is kept of the traces of one name."""

    __slots__ = ("costs", "count", "latencies")

    def __init__(self) -> None:
        self.count = 0
        self.costs = array("d")
        self.latencies = array("d")

    def summary(self, name: str | None, whole: float, latencies: list[float]) -> NameSummary:
        total = sum_of([self.costs])
        share = total / whole if self.costs and whole else math.nan
        return NameSummary(
            name=name,
            count=self.count,
            total_cost_usd=total,
            costs_missing=self.count - len(self.costs),
            latencies_missing=self.count - len(latencies),
            cost_share=share if math.isfinite(share) and math.isfinite(whole) else None,
            latency=_quantiles(latencies),
        )


def _no_trace(value: object, count: int) -> str:
    nested = isinstance(value, SessionTraces | TracePage | list)
    advice = ": summarize each of them, or chain their traces" if nested else ""
    return f"traces must be of type Trace, but number {count + 1} is of type {type(value).__name__}{advice}"


def _later(moment: datetime, seconds: float) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return _END_OF_TIME


def _quantiles(ordered: list[float]) -> Quantiles | None:
    return Quantiles(*(percentile(ordered, percent) for percent in (50, 90, 95, 99, 100))) if ordered else None


def _rank(part: NameSummary) -> tuple[float, int, bool, str]:
    return (-part.total_cost_usd, -part.count, part.name is None, part.name or "")
