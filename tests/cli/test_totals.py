"""The sums below a list of traces."""

from __future__ import annotations

import attrs
import pytest

from lyzr_traces_async import summarize
from lyzr_traces_async.cli._totals import facts_of
from tests.cli.samples import TRACE


@pytest.mark.parametrize(
    ("costs", "facts"),
    [
        ([0.1] * 10, ["10 traces", "$1.00 in all"]),
        ([0.1] * 10 + [1233.5], ["11 traces", "$1,234.50 in all"]),
        ([1.7e308] * 2, ["2 traces", "$inf in all"]),
        ([0.0, None], ["2 traces", "$0.00 in all"]),
        ([None], ["1 trace", "latency: "]),
    ],
)
def test_sums_are_written_as_money(costs: list[float | None], facts: list[str]) -> None:
    """Sums have cents and separators. A sum beyond a float is infinite, and unknown costs have no sum."""
    shown = facts_of(summarize([attrs.evolve(TRACE, total_cost_usd=cost) for cost in costs]))
    assert [fact[: len(expected)] for fact, expected in zip(shown, facts, strict=False)] == facts
