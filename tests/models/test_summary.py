"""Summaries: sums and quantiles are exact, in any order of the traces."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import (
    NameSummary,
    Quantiles,
    Summarizer,
    Trace,
    TraceSummary,
    summarize,
)
from tests.models.summaries import MOMENT, SMALL, trace, with_costs, with_latencies


def test_a_small_example_by_hand() -> None:
    """The example has every field of a summary."""
    assert summarize(SMALL, top=2) == TraceSummary(
        count=5,
        total_cost_usd=1.0,
        costs_missing=2,
        latencies_missing=2,
        latency=Quantiles(p50=1.0, p90=2.0, p95=2.0, p99=2.0, max=2.0),
        began=MOMENT,
        ended=MOMENT + timedelta(seconds=5),
        by_name={
            "llm": NameSummary("llm", 2, 0.5, 1, 0, 0.5, Quantiles(1.0, 2.0, 2.0, 2.0, 2.0)),
            "tts": NameSummary("tts", 1, 0.375, 0, 1, 0.375, None),
            "stt": NameSummary("stt", 1, 0.125, 0, 0, 0.125, Quantiles(0.25, 0.25, 0.25, 0.25, 0.25)),
            None: NameSummary(None, 1, 0.0, 1, 1, None, None),
        },
        slowest=(SMALL[1], SMALL[3]),
        dearest=(SMALL[1], SMALL[4]),
    )
    assert list(summarize(SMALL).by_name) == ["llm", "tts", "stt", None]
    assert summarize(SMALL).seconds == 5.0


def test_no_traces_add_up_to_nothing() -> None:
    """Sums are 0, and fields that have no value are `None`."""
    empty = summarize([])
    assert empty == TraceSummary(0, 0.0, 0, 0, None, None, None, {}, (), ())
    assert empty.seconds is None


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, (1, 1, 1, 1, 1)),
        (2, (1, 2, 2, 2, 2)),
        (3, (2, 3, 3, 3, 3)),
        (10, (5, 9, 10, 10, 10)),
        (11, (6, 10, 11, 11, 11)),
        (20, (10, 18, 19, 20, 20)),
        (100, (50, 90, 95, 99, 100)),
        (101, (51, 91, 96, 100, 101)),
        (1000, (500, 900, 950, 990, 1000)),
    ],
)
def test_quantiles_are_by_nearest_rank(count: int, expected: tuple[int, ...]) -> None:
    """The latencies are 1, 2, 3 and so on, shuffled. Each quantile is one of them."""
    latencies = [float(number) for number in range(1, count + 1)]
    random.Random(count).shuffle(latencies)
    assert summarize(with_latencies(latencies)).latency == Quantiles(*map(float, expected))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300))
def test_quantiles_match_their_definition(latencies: list[float]) -> None:
    """A quantile is the smallest latency that covers that share of the latencies."""
    spread = summarize(with_latencies(latencies)).latency
    assert spread is not None
    for percent, found in ((50, spread.p50), (90, spread.p90), (95, spread.p95), (99, spread.p99), (100, spread.max)):
        enough = [
            value for value in latencies if 100 * sum(other <= value for other in latencies) >= percent * len(latencies)
        ]
        assert found == min(enough)


COSTS: Final = st.lists(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.1, 1e16, 1.7976931348623157e308, 1e300, 5e-324, -1e300, -1.7976931348623157e308]),
    max_size=50,
)


@given(COSTS)
def test_a_sum_is_rounded_once(costs: list[float]) -> None:
    """It is the float closest to the exact sum, even if a partial sum overflows."""
    exact = sum(map(Fraction, costs), Fraction())
    try:
        expected = float(exact)
    except OverflowError:
        expected = math.inf if exact > 0 else -math.inf
    assert summarize(with_costs(costs)).total_cost_usd == expected


@pytest.mark.parametrize(
    ("costs", "total"),
    [
        ([0.1] * 10, 1.0),
        ([1e16, 1.0, -1e16], 1.0),
        ([1e308, 1e308], math.inf),
        ([-1e308, -1e308], -math.inf),
        ([1e308, 1e308, -1e308, -1e308, 0.25], 0.25),
        ([1e308, 1e308, -1e308], 1e308),
    ],
)
def test_costs_add_up_whatever_their_size(costs: list[float], total: float) -> None:
    """Ten times 0.1 is 1, and costs of 1e308 raise no error."""
    assert summarize(with_costs(costs)).total_cost_usd == total
    assert summarize(with_costs(costs)).by_name["llm"].total_cost_usd == total


NAMES: Final = st.sampled_from(["stt", "llm", "tts", "", None])
TRACES: Final = st.lists(
    st.builds(
        trace,
        NAMES,
        st.none() | st.integers(-2, 6).map(float) | st.floats(allow_nan=True, allow_infinity=True),
        st.none() | st.integers(-2, 6).map(lambda cents: cents / 100) | st.floats(),
        after=st.integers(-10_000, 10_000).map(lambda milliseconds: milliseconds / 1000),
    ),
    max_size=60,
).map(lambda traces: [evolve(each, trace_id=str(place)) for place, each in enumerate(traces)])


def known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def naive_end(each: Trace) -> datetime:
    (latency,) = known([each.latency_seconds]) or (0.0,)
    try:
        return each.timestamp + timedelta(seconds=max(latency, 0.0))
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def naive_top(traces: list[Trace], values: list[float | None], top: int) -> list[str]:
    pairs = [(each, value) for each, value in zip(traces, values, strict=True) if known([value])]
    return [each.trace_id for each, _ in sorted(pairs, key=lambda pair: -(pair[1] or 0.0))[:top]]


@given(TRACES, st.integers(0, 8))
def test_a_summary_matches_a_naive_calculation(traces: list[Trace], top: int) -> None:
    """The traces have nulls, NaN and infinities among their numbers."""
    summary = summarize(iter(traces), top=top)
    latencies, costs = [each.latency_seconds for each in traces], [each.total_cost_usd for each in traces]
    assert summary.count == len(traces)
    assert summary.costs_missing == len(traces) - len(known(costs))
    assert summary.latencies_missing == len(traces) - len(known(latencies))
    assert (summary.latency is None) == (not known(latencies))
    assert [each.trace_id for each in summary.slowest] == naive_top(traces, latencies, top)
    assert [each.trace_id for each in summary.dearest] == naive_top(traces, costs, top)
    assert summary.began == min((each.timestamp for each in traces), default=None)
    expected_end = max(map(naive_end, traces), default=None)
    assert summary.ended == expected_end or abs(summary.ended - expected_end) <= timedelta(microseconds=1)  # type: ignore[operator]


@given(TRACES)
def test_a_name_is_summed_up_as_if_there_were_no_other(traces: list[Trace]) -> None:
    """All names are there, ordered by cost."""
    summary = summarize(traces)
    assert set(summary.by_name) == {each.name for each in traces}
    assert sum(part.count for part in summary.by_name.values()) == summary.count
    for name, part in summary.by_name.items():
        alone = summarize([each for each in traces if each.name == name])
        assert (part.name, part.count, part.total_cost_usd) == (name, alone.count, alone.total_cost_usd)
        assert (part.costs_missing, part.latencies_missing) == (alone.costs_missing, alone.latencies_missing)
        assert part.latency == alone.latency
    totals = [part.total_cost_usd for part in summary.by_name.values()]
    assert totals == sorted(totals, reverse=True)


@given(TRACES, st.randoms(use_true_random=False))
def test_the_order_of_the_traces_makes_no_difference(traces: list[Trace], chance: random.Random) -> None:
    """Only the choice among equal traces of the slowest and dearest depends on it."""
    shuffled = traces.copy()
    chance.shuffle(shuffled)
    one, other = summarize(traces, top=0), summarize(shuffled, top=0)
    assert evolve(one, ended=None) == evolve(other, ended=None)
    assert list(one.by_name) == list(other.by_name)


def test_equally_dear_names_come_by_their_number_of_traces_and_then_by_name() -> None:
    """Traces without a name come last."""
    traces = [trace(name, cost=0.0) for name in (None, "b", "a", "c", "c", None, "")]
    assert list(summarize(traces).by_name) == ["c", None, "", "a", "b"]


@pytest.mark.parametrize(
    ("costs", "shares"),
    [
        ({"a": [0.75], "b": [0.25]}, [0.75, 0.25]),
        ({"a": [1.0], "b": [None]}, [1.0, None]),
        ({"a": [1.0], "b": [0.0]}, [1.0, 0.0]),
        ({"a": [None], "b": [None]}, [None, None]),
        ({"a": [0.0], "b": [0.0]}, [None, None]),
        ({"a": [1.0], "b": [-1.0]}, [None, None]),
        ({"a": [1e308, 1e308], "b": [1.0]}, [None, None]),
        ({"a": [1e308, 1e308], "b": [-1e308]}, [None, -1.0]),
    ],
)
def test_a_name_has_a_share_only_if_its_cost_and_the_total_allow_one(
    costs: dict[str, list[float | None]], shares: list[float | None]
) -> None:
    """It has none if its own cost is unknown or infinite, or if the total is 0 or infinite."""
    traces = [trace(name, cost=cost) for name, values in costs.items() for cost in values]
    assert [part.cost_share for part in summarize(traces).by_name.values()] == shares


def test_missing_numbers_are_counted_and_not_taken_for_zero() -> None:
    """NaN, as in a data frame, and infinity count as missing."""
    summary = summarize(with_latencies([None, math.nan, math.inf, -math.inf, 0.0, 2.0]))
    assert (summary.count, summary.latencies_missing, summary.costs_missing) == (6, 4, 6)
    assert summary.latency == Quantiles(0.0, 2.0, 2.0, 2.0, 2.0)
    costs = summarize(with_costs([None, math.nan, math.inf, -math.inf, 0.0, 2.0]))
    assert (costs.total_cost_usd, costs.costs_missing, len(costs.dearest)) == (2.0, 4, 2)
    assert summarize(with_costs([None])).total_cost_usd == 0.0


@pytest.mark.parametrize(
    ("latency", "seconds"), [(None, 0.0), (-5.0, 0.0), (0.0, 0.0), (0.000001, 0.000001), (1.5, 1.5), (86400.0, 86400.0)]
)
def test_a_trace_ends_after_its_latency(latency: float | None, seconds: float) -> None:
    """It ends where it began if the latency is missing or negative. Quantiles keep a negative latency."""
    summary = summarize([trace(latency=latency)])
    assert summary.ended == MOMENT + timedelta(seconds=seconds)
    assert summary.seconds == seconds
    assert summary.latency == (None if latency is None else Quantiles(*[latency] * 5))


@pytest.mark.parametrize("latency", [1e12, 1e15, 1e300, 1.7976931348623157e308])
def test_an_end_beyond_datetime_is_the_last_moment_of_datetime(latency: float) -> None:
    """A huge latency raises no error."""
    summary = summarize([trace(latency=latency), trace(latency=1.0)])
    assert summary.ended == datetime.max.replace(tzinfo=UTC)
    assert summary.to_dict()["ended"] == "9999-12-31T23:59:59.999999Z"


def test_the_slowest_are_the_first_of_equal_ones() -> None:
    """Among equal traces, those that come first are kept."""
    traces = [
        trace("x", float(value), -value, trace_id=str(place)) for place, value in enumerate([2, 3, 1, 3, 2, 3, 2])
    ]
    assert [each.trace_id for each in summarize(traces, top=4).slowest] == ["1", "3", "5", "0"]
    assert [each.trace_id for each in summarize(traces, top=4).dearest] == ["2", "0", "4", "6"]
    assert [each.trace_id for each in summarize(traces, top=2).dearest] == ["2", "0"]
    assert len(summarize(traces, top=100).slowest) == 7
    assert summarize(traces, top=0).slowest == ()
    assert len(summarize(traces).dearest) == 5


@given(TRACES, st.integers(0, 60))
def test_traces_added_one_by_one_add_up_to_the_same(traces: list[Trace], asked_after: int) -> None:
    """Summaries in between change nothing, and they stay as they were."""
    summarizer = Summarizer(top=3)
    between = [(summarizer.summary(), summarizer.summary())]
    for place, each in enumerate(traces):
        summarizer.add(each)
        if place == asked_after:
            between.append((summarizer.summary(), summarize(traces[: place + 1], top=3)))
    for summary, expected in between:
        assert summary == expected
    assert summarizer.summary() == summarizer.summary() == summarize(traces, top=3)


def test_names_may_be_many_and_long() -> None:
    """None is cut or merged."""
    names = [f"{'n' * 10_000}{number}" for number in range(300)]
    summary = summarize([trace(name, 1.0, 0.25) for name in names * 2])
    assert list(summary.by_name) == sorted(names)
    assert {part.count for part in summary.by_name.values()} == {2}
