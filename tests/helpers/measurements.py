"""Measurements of the benchmarks."""

from __future__ import annotations

from benchmarks.results import Measurement


def measured(scenario: str, case: str, peer: str, **metrics: tuple[float, ...]) -> list[Measurement]:
    """Return measurements without units."""
    return [
        Measurement(scenario=scenario, case=case, peer=peer, metric=metric, unit="", values=values)
        for metric, values in metrics.items()
    ]
