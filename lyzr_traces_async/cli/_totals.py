"""A summary in a line or two, below a list of traces. Pure."""

from __future__ import annotations

from lyzr_traces_async import TraceSummary

from ._numbers import counted, dollars, seconds

__all__ = ["facts_of", "gaps_of"]


def facts_of(summary: TraceSummary) -> list[str]:
    """Tell the count, the total cost, the median and the slowest latency, as far as they are known."""
    facts = [counted(summary.count, "trace")]
    if summary.costs_missing < summary.count:
        total = summary.total_cost_usd
        facts.append((f"${total:,.2f}" if total >= 100 else dollars(total).strip()) + " in all")
    if summary.latency is not None:
        facts.append(f"latency: median {seconds(summary.latency.p50)}, slowest {seconds(summary.latency.max)}")
    return facts


def gaps_of(summary: TraceSummary) -> list[str]:
    """Tell which of these numbers do not cover all traces."""
    missing = {"cost": summary.costs_missing, "latency": summary.latencies_missing}
    return [f"{what} missing for {counted(count, 'trace')}" for what, count in missing.items() if count]
