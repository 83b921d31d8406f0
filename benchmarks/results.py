"""The measurements of a run, and the file ``results.json``.

``results.json`` is one object:

- ``schema``: 1. The number changes when the meaning of a field changes. New fields do not change it.
- ``machine``: ``date`` of the run, ``cpu``, ``cores``, ``system`` and ``python``.
- ``settings``: the sizes of the run, as in ``plan.py``; ``quick`` and ``seed`` are among them.
- ``peers``: each has a ``name``, a ``title``, a description ``about``, the versions of its ``packages``, and
  ``missing``: the reason why the peer could not be measured, or null.
- ``measurements``: each has a ``scenario``, ``case``, ``peer``, ``metric``, ``unit``, the ``values`` of all rounds in
  their order, and a ``note``. If a measurement failed, ``values`` is empty and the note says why. All times are in
  seconds, all memory in MiB.

The metrics of the scenarios of a bad day (``herd``, ``neighbours``, ``brownout``, ``fairness``):

- ``lost``: the number of sessions that were lost.
- ``requests``: the number of requests made. ``least``: the least number that returns all pages.
- ``refused``: the answers 429 of the quota. ``failed``: the answers 502 of the brown-out.
- ``wall``: the seconds until the end. ``floor``: the least number of seconds that the quota allows.
- ``last_short``: the share of all requests that had been answered when the last short session ended. ``by_turns``:
  this share if sessions take turns.

In the scenario ``bulk``, ``time`` is the time for one trace.
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
    """One figure of one peer, from one or more rounds. Less is better for every metric."""

    scenario: str
    case: str
    peer: str
    metric: str
    unit: str
    values: tuple[float, ...]
    note: str = ""

    @property
    def best(self) -> float:
        """The least value of all rounds. The other rounds add noise, which is never negative."""
        return min(self.values)

    @property
    def median(self) -> float:
        """The median of all rounds."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the median lies above the best round: 0.1 is a tenth."""
        return self.median / self.best - 1 if self.best else 0.0


@attrs.frozen(kw_only=True)
class PeerInfo:
    """A peer, and whether it was measured."""

    name: str
    title: str
    about: str
    packages: dict[str, str]
    missing: str | None = None


@attrs.frozen(kw_only=True)
class Results:
    """All measurements of a run, with its machine, settings and peers."""

    machine: dict[str, str | int]
    settings: dict[str, Any]
    peers: tuple[PeerInfo, ...]
    measurements: tuple[Measurement, ...]
    schema: int = SCHEMA

    def find(self, scenario: str, case: str, peer: str, metric: str) -> Measurement | None:
        """Return a measurement; ``None`` if there is none or it failed."""
        for found in self.measurements:
            if (found.scenario, found.case, found.peer, found.metric) == (scenario, case, peer, metric):
                return found if found.values else None
        return None

    def failure(self, scenario: str, case: str, peer: str) -> str:
        """Return why a measurement failed; an empty text if it did not."""
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
        """Return the results in the text of a file.

        :raises ValueError: if the file has another schema.
        :raises msgspec.ValidationError: if a field does not have the type that the schema says.
        """
        results = msgspec.json.decode(text, type=cls)
        if results.schema != SCHEMA:
            raise ValueError(f"results.json has schema {results.schema}, this version reads schema {SCHEMA}")
        return results


def ratio(measurement: Measurement | None, to: Measurement | None) -> float | None:
    """Return the first best value divided by the second one; ``None`` if one is missing or the second is zero."""
    if measurement is None or to is None or not to.best:
        return None
    return measurement.best / to.best


def rounded(values: Iterable[float]) -> tuple[float, ...]:
    """Return the values with five significant digits; further digits are noise."""
    return tuple(float(f"{value:.5g}") for value in values)
