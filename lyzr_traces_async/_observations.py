"""The inside of a trace: its observations, as a list and as a tree. Part of the models."""

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

    :ivar id: the observation's id, opaque.
    :ivar type: what it is, such as ``SPAN``, ``GENERATION`` or ``EVENT``.
    :ivar start_time: when it began, aware, in UTC.
    :ivar trace_id: the trace it belongs to, or ``None``.
    :ivar parent_observation_id: the observation it is part of; ``None`` for one that stands at the top.
    :ivar name: what it is called, or ``None``.
    :ivar level: how grave it is, such as ``DEFAULT`` or ``ERROR``, or ``None``.
    :ivar status_message: what it said of its end, or ``None``.
    :ivar model: the model that was asked, or ``None``.
    :ivar environment: where it was recorded, such as ``production``, or ``None``.
    :ivar end_time: when it ended, or ``None`` where that is not known.
    :ivar completion_start_time: when the model's first token came, or ``None``.
    :ivar model_parameters: what the model was asked with, or ``None``.
    :ivar input: what went in: any JSON, ``None`` also where it was absent.
    :ivar output: what came out: likewise.
    :ivar metadata: whatever else was recorded, or ``None``.
    :ivar usage_details: tokens, or other units, by kind; empty where they are not known.
    :ivar cost_details: US dollars by kind; empty where they are not known.
    :ivar extra: fields of the answer that this version of the library does not know, as decoded; usually empty.

    The fields that hold JSON count for equality but not for the hash. Prompts and answers are not in the ``repr``.
    """

    id: str
    type: str
    start_time: datetime
    trace_id: str | None = None
    parent_observation_id: str | None = None
    name: str | None = None
    level: str | None = None
    status_message: str | None = None
    model: str | None = None
    environment: str | None = None
    end_time: datetime | None = None
    completion_start_time: datetime | None = None
    model_parameters: Mapping[str, Any] | None = attrs.field(default=None, hash=False, repr=False)
    input: Any = attrs.field(default=None, hash=False, repr=False)
    output: Any = attrs.field(default=None, hash=False, repr=False)
    metadata: Any = attrs.field(default=None, hash=False, repr=False)
    usage_details: Mapping[str, float] = attrs.field(factory=dict, hash=False)
    cost_details: Mapping[str, float] = attrs.field(factory=dict, hash=False)
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False, repr=False)

    @property
    def duration_seconds(self) -> float | None:
        """How long it took, in seconds; ``None`` where its end is not known. Negative where it ended too early."""
        return _seconds(self.start_time, self.end_time)

    @property
    def time_to_first_token_seconds(self) -> float | None:
        """How long the model's first token took, in seconds; ``None`` where that is not known."""
        return _seconds(self.start_time, self.completion_start_time)


@frozen
class ObservationNode(Model):
    """An observation with those that are part of it.

    :ivar observation: the observation.
    :ivar children: its parts, in the order in which they began.
    """

    observation: Observation
    children: tuple[ObservationNode, ...] = attrs.field(default=(), repr=counted)


@frozen
class TraceDetail(Model):
    """One trace with all that was observed within it.

    :ivar trace_id: the trace's id, opaque, at most 256 characters.
    :ivar name: what the step is called, or ``None``.
    :ivar session_id: the session the trace belongs to, or ``None``.
    :ivar timestamp: when the step began, aware, in UTC.
    :ivar latency_seconds: how long it took, in seconds, or ``None``.
    :ivar total_cost_usd: what it cost, in US dollars, or ``None``.
    :ivar html_path: the trace's path on the tracing dashboard, sometimes a full URL, or ``None``.
    :ivar observations: what was observed, in the server's order.
    :ivar extra: fields of the answer that this version of the library does not know, as decoded; usually empty. It
        counts for equality but not for the hash.
    """

    trace_id: str
    name: str | None
    session_id: str | None
    timestamp: datetime
    latency_seconds: float | None
    total_cost_usd: float | None
    html_path: str | None
    observations: tuple[Observation, ...] = attrs.field(repr=counted)
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    def tree(self) -> tuple[ObservationNode, ...]:
        """Return the observations as trees, each part below what it is part of, in the order in which they began.

        Each observation is there exactly once. One whose parent is not among them stands at the top. Where parents
        form a cycle, it is cut at the one of them that began first.

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
    # From the top down, without recursion: a tree may be deeper than Python's stack.
    order = list(top)
    for place in order:
        order.extend(children[place])
    nodes: dict[int, ObservationNode] = {}
    for place in reversed(order):
        nodes[place] = ObservationNode(in_order[place], tuple([nodes[child] for child in children[place]]))
    return tuple([nodes[place] for place in top])


def _cut_cycles(parents: list[int | None]) -> None:
    """Take the parent away from the first in each cycle."""
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
