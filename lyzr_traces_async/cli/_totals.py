"""What is summed up over all traces. Pure."""

from __future__ import annotations

import math
import statistics
from array import array

from attrs import Factory, define

from lyzr_traces_async import Trace

from ._numbers import counted, dollars, seconds

__all__ = ["Totals"]


def _floats() -> array[float]:
    return array("d")


@define
class Totals:
    """What is summed up over all traces; eight bytes are kept of each number, for the exact sum and the median."""

    count: int = 0
    costs: array[float] = Factory(_floats)
    latencies: array[float] = Factory(_floats)

    def add(self, trace: Trace) -> None:
        """Take one more trace into account."""
        self.count += 1
        if trace.total_cost_usd is not None:
            self.costs.append(trace.total_cost_usd)
        if trace.latency_seconds is not None:
            self.latencies.append(trace.latency_seconds)

    def facts(self) -> list[str]:
        """Tell the count, the total cost, the median and the slowest latency, as far as they are known."""
        facts = [counted(self.count, "trace")]
        if self.costs:
            total = _sum(self.costs)
            facts.append((f"${total:,.2f}" if total >= 100 else dollars(total).strip()) + " in all")
        if self.latencies:
            median, slowest = statistics.median(self.latencies), max(self.latencies)
            facts.append(f"latency: median {seconds(median)}, slowest {seconds(slowest)}")
        return facts

    def gaps(self) -> list[str]:
        """Tell which of these numbers do not cover all traces."""
        known = {"cost": len(self.costs), "latency": len(self.latencies)}
        return [
            f"{what} missing for {counted(self.count - count, 'trace')}"
            for what, count in known.items()
            if count < self.count
        ]


def _sum(values: array[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        # Where the sum is beyond a float, so is its exactness.
        return sum(values)
