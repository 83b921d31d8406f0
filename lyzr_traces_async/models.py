"""The values that users meet.

All of them are immutable to the type checker, slotted, picklable, and equal by value. At run time they are plain
``attrs`` classes: a class frozen at run time too takes twice as long to construct, and a trace is constructed for
every row of every page.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, overload

import attrs

from ._arguments import check_count, check_seconds
from ._observations import Observation, ObservationNode, TraceDetail
from ._wire import Model, counted, frozen
from .errors import LyzrTracesError

__all__ = [
    "ClientStats",
    "Observation",
    "ObservationNode",
    "Pagination",
    "QuotaState",
    "RetryPolicy",
    "SessionInfo",
    "SessionTraces",
    "Trace",
    "TraceDetail",
    "TracePage",
]


@frozen
class Trace(Model):
    """One step of a voice session: speech-to-text, a language model's answer, text-to-speech and so on.

    :ivar trace_id: the trace's id, opaque, at most 256 characters.
    :ivar name: what the step is called, or ``None``.
    :ivar session_id: the session the trace belongs to, or ``None``.
    :ivar timestamp: when the step began, aware, in UTC. Digits below a microsecond are cut off; a leap second is
        read as the last microsecond before midnight.
    :ivar latency_seconds: how long it took, in seconds, or ``None`` where that is not known.
    :ivar total_cost_usd: what its tokens cost, in US dollars, or ``None`` where that is not known.
    :ivar observation_count: how many spans were recorded within this trace.
    :ivar html_path: the trace's path on the tracing dashboard, sometimes a full URL, or ``None``.
    :ivar extra: fields of the answer that this version of the library does not know, as decoded; usually empty. It
        counts for equality but not for the hash.

    Half of a surrogate pair, as a text that was cut in the middle of an emoji may end with, is read as U+FFFD.
    """

    trace_id: str
    name: str | None
    session_id: str | None
    timestamp: datetime
    latency_seconds: float | None
    total_cost_usd: float | None
    observation_count: int
    html_path: str | None
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


@frozen
class Pagination(Model):
    """Where a page stands in its list, as the server said.

    :ivar page: the page's number, counted from 1.
    :ivar limit: how many traces a page holds at most.
    :ivar total_items: how many traces the session has; 0 for a session without any.
    :ivar total_pages: how many pages the session has; 0 for a session without any. It may differ from page to page,
        as traces arrive.
    """

    page: int
    limit: int
    total_items: int
    total_pages: int


class _Traces(Model, Sequence[Trace]):
    """A sequence of its ``traces``."""

    __slots__ = ()

    @property
    @abstractmethod
    def traces(self) -> tuple[Trace, ...]:
        """What it is a sequence of."""

    @overload
    def __getitem__(self, index: int) -> Trace: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Trace, ...]: ...

    def __getitem__(self, index: int | slice) -> Trace | tuple[Trace, ...]:
        return self.traces[index]

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.traces)

    def __len__(self) -> int:
        return len(self.traces)


@frozen
class TracePage(_Traces):
    """One page of a session's traces, newest first: a sequence of them.

    :ivar traces: the page's traces. A page in the middle may have fewer than ``pagination.limit``, or none.
    :ivar pagination: where the page stands in the list.
    """

    traces: tuple[Trace, ...] = attrs.field(repr=counted)
    pagination: Pagination


@frozen
class SessionTraces(_Traces):
    """All traces of one session, a sequence of them, or why they could not be had.

    :ivar session_id: the session, as it was given; a ``UUID`` in lower case.
    :ivar error: what went wrong, or ``None``.

    Example::

        if session.error is None:
            print(session.session_id, len(session), "traces")
    """

    session_id: str
    error: LyzrTracesError | None
    _traces: tuple[Trace, ...] = attrs.field(default=(), repr=counted)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The session's traces, newest first.

        :raises LyzrTracesError: :attr:`error`, if the session failed: forgetting to check loses nothing silently.
        """
        if self.error is not None:
            raise self.error
        return self._traces

    def to_dict(self) -> dict[str, Any]:
        """Return the session as JSON values: ``sessionId``, ``error`` and ``traces``, of which one is ``None``."""
        failed = self.error is not None
        return {
            "sessionId": self.session_id,
            "error": f"{type(self.error).__name__}: {self.error}" if failed else None,
            "traces": None if failed else [trace.to_dict() for trace in self._traces],
        }


@frozen
class SessionInfo(Model):
    """A session that has ended, as the list of transcripts tells of it.

    :ivar session_id: the session's id, exactly as the service has it.
    :ivar room_name: the LiveKit room it took place in.
    :ivar agent_id: the agent that spoke, or ``None``.
    :ivar close_reason: why it ended, or ``None``.
    :ivar started_at: when it began, aware, in UTC.
    :ivar ended_at: when it ended, aware, in UTC.
    :ivar duration_ms: how long it took, in milliseconds, or ``None``.
    :ivar message_count: how many messages its chat has.
    :ivar extra: the answer's other fields, as decoded. The chat, the session's report and whatever else is larger than
        4 KiB is passed over. It counts for equality but not for the hash.
    """

    session_id: str
    room_name: str
    agent_id: str | None
    close_reason: str | None
    started_at: datetime
    ended_at: datetime
    duration_ms: int | None
    message_count: int
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


@frozen
class ClientStats(Model):
    """What a client has done so far; a snapshot that does not change. Cheap to take at any time.

    :ivar requests: requests sent, each attempt counted.
    :ivar retries: requests sent again after a failure, those after a 429 included.
    :ivar rate_limited: answers with status 429.
    :ivar seconds_paced: seconds of the wall clock during which the quota held requests back.
    :ivar duplicates_dropped: traces that came again because the list moved, and were dropped.
    :ivar pages_reread: pages asked for again because the list moved.
    """

    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    seconds_paced: float = 0.0
    duplicates_dropped: int = 0
    pages_reread: int = 0


@frozen
class QuotaState(Model):
    """What a client knows of the service's quota; a snapshot that does not change. Cheap to take at any time.

    Where the service has several quotas it is the tightest: the one that gives the fewest requests for the time ahead.

    :ivar requests: how many requests a window allows, or ``None`` where that is not known.
    :ivar remaining: how many requests this client may still send in the running window. 0 while the service has told
        it to send nothing.
    :ivar resets_in: seconds until the next window begins, or until requests may be sent again; 0.0 where the last
        window that is known of is over.
    :ivar window_seconds: how many seconds a window lasts. Where the service does not say so, it is the longest time
        that was ever left of one. ``None`` where nothing is known.

    Example::

        if client.quota is not None:
            print(client.quota.remaining, "requests left, more in", round(client.quota.resets_in), "s")
    """

    requests: int | None
    remaining: int
    resets_in: float
    window_seconds: float | None


@frozen
class RetryPolicy(Model):
    """How often and how long to try again.

    Between attempt ``n`` and the next lie ``wait_initial * 2 ** (n - 1)`` seconds plus up to ``wait_jitter`` at
    random, never more than ``wait_max``.

    :param attempts: how many requests to make for one page in all; at least 1. A 429 does not count.
    :param wait_initial: the first wait, in seconds.
    :param wait_max: the longest wait, in seconds.
    :param wait_jitter: the most that chance adds to a wait, in seconds.
    :param max_rate_limit_wait: when a request gives up for 429 answers: where the server asks to wait for more seconds
        than these, or where for so long it has been refused and nothing of the client has got through. While others of
        its requests succeed, one only waits its turn.
    :raises InvalidArgumentError: if ``attempts`` is no integer of at least 1, or a wait is negative or not finite.

    Example: ``RetryPolicy(attempts=1)`` tries once and never again.
    """

    attempts: int = 6
    wait_initial: float = 0.5
    wait_max: float = 20.0
    wait_jitter: float = 1.0
    max_rate_limit_wait: float = 120.0

    def __attrs_post_init__(self) -> None:
        check_count("RetryPolicy: attempts", self.attempts)
        for name in ("wait_initial", "wait_max", "wait_jitter", "max_rate_limit_wait"):
            check_seconds(f"RetryPolicy: {name}", getattr(self, name), zero=True)
