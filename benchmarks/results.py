"""What was measured, and the file it is kept in.

``results.json`` is one object:

- ``schema``: 1. It changes when the meaning of a field does; fields may be added.
- ``machine``: ``date`` of the run, ``cpu``, ``cores``, ``system`` and ``python``.
- ``settings``: the sizes of the run, as in ``plan.py``; ``quick`` and ``seed`` are among them.
- ``peers``: for each its ``name`` and ``title``, what it is ``about``, the versions of its ``packages``, and as
  ``missing`` why it could not be measured, or null.
- ``measurements``: for each its ``scenario``, ``case``, ``peer``, ``metric``, ``unit``, the ``values`` of all rounds in
  their order, and a ``note``. Where a measurement failed ``values`` is empty, and the note says why. All times are in
  seconds, all memory in MiB.

What the scenarios of a bad day (``herd``, ``neighbours``, ``brownout``, ``fairness``) count: sessions ``lost``, the
``requests`` made and the ``least`` that would have done, answers ``refused`` by the quota and ``failed`` by the
brown-out; ``wall`` is until the end, and ``floor`` the least that the quota makes of that. ``last_short`` is the share
of all requests that had been answered when the last short session ended, and ``by_turns`` that share where sessions
take turns.

In bulk (``bulk``) ``time`` is that of a trace.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, Final

import attrs
import msgspec

SCHEMA: Final = 1


@attrs.frozen(kw_only=True)
class Measurement:
    """One figure of one peer, from one or more rounds. Less is better in all of them."""

    scenario: str
    case: str
    peer: str
    metric: str
    unit: str
    values: tuple[float, ...]
    note: str = ""

    @property
    def best(self) -> float:
        """The least of all rounds: what the others add to it is noise, which is never negative."""
        return min(self.values)

    @property
    def median(self) -> float:
        """The round in the middle."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the median round lies above the best one: 0.1 is a tenth."""
        return self.median / self.best - 1 if self.best else 0.0


@attrs.frozen(kw_only=True)
class PeerInfo:
    """Who was measured."""

    name: str
    title: str
    about: str
    packages: dict[str, str]
    missing: str | None = None


@attrs.frozen(kw_only=True)
class Results:
    """A whole run."""

    machine: dict[str, str | int]
    settings: dict[str, Any]
    peers: tuple[PeerInfo, ...]
    measurements: tuple[Measurement, ...]
    schema: int = SCHEMA

    def find(self, scenario: str, case: str, peer: str, metric: str) -> Measurement | None:
        """Return a measurement that did not fail."""
        for found in self.measurements:
            if (found.scenario, found.case, found.peer, found.metric) == (scenario, case, peer, metric):
                return found if found.values else None
        return None

    def failure(self, scenario: str, case: str, peer: str) -> str:
        """Return why a measurement failed; empty where it did not."""
        for found in self.measurements:
            if (found.scenario, found.case, found.peer) == (scenario, case, peer) and not found.values:
                return found.note
        return ""

    def cases(self, scenario: str) -> list[str]:
        """Return the cases of a scenario, in the order in which they were measured."""
        return list(dict.fromkeys(found.case for found in self.measurements if found.scenario == scenario))

    def to_json(self) -> str:
        """Return the text of the file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode() + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """Read the text of a file.

        :raises ValueError: if it is of another schema.
        :raises msgspec.ValidationError: if it is not what its schema says.
        """
        results = msgspec.json.decode(text, type=cls)
        if results.schema != SCHEMA:
            raise ValueError(f"schema {results.schema} instead of {SCHEMA}")
        return results


def ratio(measurement: Measurement | None, to: Measurement | None) -> float | None:
    """How many times as much the first took as the second, best to best; ``None`` where one is missing or zero."""
    if measurement is None or to is None or not to.best:
        return None
    return measurement.best / to.best


def rounded(values: Iterable[float]) -> tuple[float, ...]:
    """Return the values with as many digits as mean anything."""
    return tuple(float(f"{value:.5g}") for value in values)
