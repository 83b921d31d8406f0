"""The observations within a trace, as a list and as a tree. Part of the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from ._wire import Model, counted, frozen

__all__ = ["Observation", "ObservationNode", "TraceDetail"]


def _seconds(begin: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - begin).total_seconds()


@frozen
class Observation(Model):
    """One observation within a trace: a span, an event, or a model's generation.

    The fields that hold JSON or a mapping count for equality but not for the hash. The ``repr`` shows no prompts or
    answers.
    """

    id: str
    """The observation's id, opaque."""
    type: str
    """The kind of observation, such as ``SPAN``, ``GENERATION`` or ``EVENT``."""
    start_time: datetime
    """When the observation began, with the time zone UTC."""
    trace_id: str | None = None
    """The trace that the observation belongs to, or ``None``."""
    parent_observation_id: str | None = None
    """The observation that this one is part of, or ``None`` at the top level."""
    name: str | None = None
    """The name of the observation, or ``None``."""
    level: str | None = None
    """The severity, such as ``DEFAULT`` or ``ERROR``, or ``None``."""
    status_message: str | None = None
    """The message that describes the outcome, or ``None``."""
    model: str | None = None
    """The model that was called, or ``None``."""
    environment: str | None = None
    """The environment of the recording, such as ``production``, or ``None``."""
    end_time: datetime | None = None
    """When the observation ended, or ``None`` if that is not known."""
    completion_start_time: datetime | None = None
    """When the model's first token came, or ``None``."""
    model_parameters: Mapping[str, Any] | None = attrs.field(default=None, hash=False, repr=False)
    """The parameters of the call to the model, or ``None``."""
    input: Any = attrs.field(default=None, hash=False, repr=False)
    """The input: any JSON value. ``None`` if the field is null or absent."""
    output: Any = attrs.field(default=None, hash=False, repr=False)
    """The output: any JSON value. ``None`` if the field is null or absent."""
    metadata: Any = attrs.field(default=None, hash=False, repr=False)
    """Other recorded data, or ``None``."""
    usage_details: Mapping[str, float] = attrs.field(factory=dict, hash=False)
    """The number of tokens, or of other units, by kind; empty if not known."""
    cost_details: Mapping[str, float] = attrs.field(factory=dict, hash=False)
    """The cost in US dollars, by kind; empty if not known."""
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False, repr=False)
    """Fields of the answer that this version of the library does not know, as decoded; usually empty."""

    @property
    def duration_seconds(self) -> float | None:
        """How long the observation took, in seconds, or ``None`` if its end is not known.

        The value is negative if ``end_time`` is before ``start_time``.
        """
        return _seconds(self.start_time, self.end_time)

    @property
    def time_to_first_token_seconds(self) -> float | None:
        """How long the model's first token took, in seconds, or ``None`` if that is not known."""
        return _seconds(self.start_time, self.completion_start_time)


@frozen
class ObservationNode(Model):
    """An observation together with its parts."""

    observation: Observation
    """The observation."""
    children: tuple[ObservationNode, ...] = attrs.field(default=(), repr=counted)
    """The parts of the observation, ordered by when they began."""


@frozen
class TraceDetail(Model):
    """One trace with all its observations."""

    trace_id: str
    """The trace's id, opaque. The service documents at most 256 characters."""
    name: str | None
    """The name of the step, or ``None``."""
    session_id: str | None
    """The session that the trace belongs to, or ``None``."""
    timestamp: datetime
    """When the step began, with the time zone UTC."""
    latency_seconds: float | None
    """How long the step took, in seconds, or ``None`` if that is not known."""
    total_cost_usd: float | None
    """The cost of the step, in US dollars, or ``None`` if that is not known."""
    html_path: str | None
    """The trace's path on the tracing dashboard, sometimes a full URL, or ``None``."""
    observations: tuple[Observation, ...] = attrs.field(repr=counted)
    """The observations within the trace, in the server's order."""
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    """Fields of the answer that this version of the library does not know, as decoded; usually empty.

    They count for equality but not for the hash.
    """

    def tree(self) -> tuple[ObservationNode, ...]:
        """Return the observations as trees: each observation below its parent, ordered by when they began.

        Each observation occurs exactly once. An observation whose parent is missing stands at the top. If parents form
        a cycle, the observation of the cycle that began first stands at the top.

        Example::

            for node in detail.tree():
                print(node.observation.name, [child.observation.name for child in node.children])
        """
        return _tree(self.observations)


def _tree(observations: Sequence[Observation]) -> tuple[ObservationNode, ...]:
    in_order = sorted(observations, key=lambda one: one.start_time)
    places = {one.id: place for place, one in reversed(list(enumerate(in_order)))}
    parents = [places.get(one.parent_observation_id or "") for one in in_order]
    _cut_cycles(parents)
    children: list[list[int]] = [[] for _ in in_order]
    for place, parent in enumerate(parents):
        if parent is not None:
            children[parent].append(place)
    top = [place for place, parent in enumerate(parents) if parent is None]
    # No recursion: a tree may be deeper than Python's stack. Parents come before their children in `order`.
    order = list(top)
    for place in order:
        order.extend(children[place])
    nodes: dict[int, ObservationNode] = {}
    for place in reversed(order):
        nodes[place] = ObservationNode(in_order[place], tuple([nodes[child] for child in children[place]]))
    return tuple([nodes[place] for place in top])


def _cut_cycles(parents: list[int | None]) -> None:
    """Remove the parent of the first observation in each cycle."""
    settled: set[int] = set()
    for begin in range(len(parents)):
        path: dict[int, None] = {}
        place: int | None = begin
        while place is not None and place not in settled and place not in path:
            path[place] = None
            place = parents[place]
        if place in path:
            steps = list(path)
            parents[min(steps[steps.index(place) :])] = None
        settled.update(path)
