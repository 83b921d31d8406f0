"""Exact summaries of traces: latencies, costs, and both by the name of the step. Pure."""

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
    """The distribution of latencies, in seconds. Each value is exact: it is one of the latencies.

    The definition is the nearest rank: the p-th percentile is the smallest latency such that at least p % of all
    latencies are not larger. Among ``n`` sorted latencies, counted from 1, that is number ``ceil(p * n / 100)``.
    """

    p50: float
    """The median. For an even number of latencies, the lower of the two in the middle."""
    p90: float
    """The 90th percentile."""
    p95: float
    """The 95th percentile."""
    p99: float
    """The 99th percentile."""
    max: float
    """The longest latency."""


@frozen
class NameSummary(Model):
    """The summary of all traces that have the same name."""

    name: str | None
    """The name, or ``None`` for traces without a name."""
    count: int
    """How many traces have this name."""
    total_cost_usd: float
    """The sum of their known costs, in US dollars, rounded once; infinity if it is too large for a float."""
    costs_missing: int
    """How many of them have no cost. The sum leaves these traces out; they need not be free."""
    latencies_missing: int
    """How many of them have no latency."""
    cost_share: float | None
    """Their share of the cost of all traces: 0 to 1, if no cost is negative.

    ``None`` if none of their costs is known, if the cost of all traces is 0, or if one of both costs is too large for a
    float.
    """
    latency: Quantiles | None
    """The distribution of their latencies, or ``None`` if no latency is known."""


@frozen
class TraceSummary(Model):
    """The summary of many traces. A notebook shows it as a table."""

    count: int
    """How many traces there are."""
    total_cost_usd: float
    """The sum of the known costs, in US dollars: 0.0 without any known cost, infinity if it is too large for a float.

    It is rounded once, so that the order of the traces makes no difference.
    """
    costs_missing: int
    """How many traces have no cost. The sum leaves these traces out; they need not be free."""
    latencies_missing: int
    """How many traces have no latency."""
    latency: Quantiles | None
    """The distribution of the latencies, or ``None`` if no latency is known."""
    began: datetime | None
    """When the first trace began, or ``None`` if there are no traces."""
    ended: datetime | None
    """The last known end of a trace, or ``None`` if there are no traces.

    For a trace without a latency, or with a negative latency, its beginning counts. The value is never later than the
    last moment of the year 9999.
    """
    by_name: Mapping[str | None, NameSummary] = attrs.field(hash=False, repr=counted)
    """The summary of each name, the most expensive name first.

    If costs are equal, the name with more traces comes first, then the name that sorts first; traces without a name
    come last. The mapping counts for equality but not for the hash.
    """
    slowest: tuple[Trace, ...] = attrs.field(repr=counted)
    """The traces with the longest latencies, longest first. If latencies are equal, the trace that came first wins."""
    dearest: tuple[Trace, ...] = attrs.field(repr=counted)
    """The traces with the highest costs, highest first. If costs are equal, the trace that came first wins."""

    @property
    def seconds(self) -> float | None:
        """The time from :attr:`began` to :attr:`ended`, in seconds, or ``None`` if there are no traces."""
        return None if self.began is None or self.ended is None else (self.ended - self.began).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values. ``byName`` is an ordered list, since JSON has no key for ``None``."""
        return super().to_dict() | {"byName": plain(tuple(self.by_name.values()))}

    def _repr_html_(self) -> str:
        return as_html(self)


class Summarizer:
    """Adds up traces one by one.

    It keeps two numbers of each trace, 16 bytes. Only the slowest and the most expensive traces are kept whole.
    A latency or cost that is not a finite number counts as missing.

    :param top: how many of the slowest and of the most expensive traces to keep; at least 0.
    :raises InvalidArgumentError: if ``top`` is not an integer of at least 0.

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
        # The trace that ends last. `summary` adds the two up: a `timedelta` takes longer than all other steps together.
        self._last_began = datetime.min.replace(tzinfo=UTC)
        self._last_latency = 0.0
        self._tallies: defaultdict[str | None, _Tally] = defaultdict(_Tally)
        self._slowest = Top[Trace](top)
        self._dearest = Top[Trace](top)

    def add(self, trace: Trace) -> None:
        """Add one trace.

        :raises InvalidArgumentError: if ``trace`` is not a :class:`Trace`.
        """
        self._extend((trace,))

    def _extend(self, traces: Iterable[Trace]) -> None:
        # One loop over local names: a call per trace and a dozen lookups on `self` would take twice as long.
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
        """Return the summary of the traces added so far. More can be added afterwards."""
        tallies = self._tallies
        costs = [tally.costs for tally in tallies.values()]
        total = sum_of(costs)
        ordered: list[float] = []
        names: list[NameSummary] = []
        for name, tally in tallies.items():
            latencies = sorted(tally.latencies)
            ordered += latencies
            names.append(tally.summary(name, total, latencies))
        ordered.sort()  # fast, as it consists of sorted parts
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
    """Summarize traces: their latencies and costs, in all and by name, and the slowest and most expensive traces.

    A latency or cost that is not a finite number counts as missing.

    :param traces: a list, a :class:`TracePage`, a :class:`SessionTraces`, or any other iterable of traces.
    :param top: how many of the slowest and of the most expensive traces to return; at least 0.
    :raises InvalidArgumentError: if ``top`` is not an integer of at least 0, or ``traces`` has an item of another type.
    :raises LyzrTracesError: the session's error, if ``traces`` is a session that failed.

    Example::

        summary = summarize([trace async for trace in client.iter_session_traces(session_id)])
        for name, part in summary.by_name.items():
            print(name, part.count, part.total_cost_usd)
    """
    summarizer = Summarizer(top=top)
    if isinstance(traces, AsyncIterable):
        raise InvalidArgumentError(
            "summarize does not take an asynchronous iterable: collect the traces first, with "
            "`[trace async for trace in traces]`, or add them one by one to a Summarizer"
        )
    if not isinstance(traces, Iterable):
        raise InvalidArgumentError(f"traces must be an iterable of Trace, not of type {type(traces).__name__}")
    summarizer._extend(traces)
    return summarizer.summary()


class _Tally:
    """The numbers kept of all traces that have the same name."""

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
    return f"traces must be of type Trace, but item {count + 1} is of type {type(value).__name__}{advice}"


def _later(moment: datetime, seconds: float) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return _END_OF_TIME


def _quantiles(ordered: list[float]) -> Quantiles | None:
    return Quantiles(*(percentile(ordered, percent) for percent in (50, 90, 95, 99, 100))) if ordered else None


def _rank(part: NameSummary) -> tuple[float, int, bool, str]:
    return (-part.total_cost_usd, -part.count, part.name is None, part.name or "")
