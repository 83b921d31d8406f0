"""The values that the client returns and takes.

All of them are slotted, picklable, and equal by value. Type checkers treat them as immutable. At run time they are not
frozen: constructing a frozen class takes twice as long, and the client constructs a trace for every row of every page.
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
    """One step of a voice session, such as speech-to-text, a language model's answer, or text-to-speech.

    The service may cut a text in the middle of an emoji and so send half of a surrogate pair: it becomes U+FFFD.
    """

    trace_id: str
    """The trace's id, opaque. The service documents at most 256 characters."""
    name: str | None
    """The name of the step, or ``None``."""
    session_id: str | None
    """The session that the trace belongs to, or ``None``."""
    timestamp: datetime
    """When the step began, with the time zone UTC.

    Digits below a microsecond are cut off. A leap second becomes the last microsecond before midnight.
    """
    latency_seconds: float | None
    """How long the step took, in seconds, or ``None`` if that is not known."""
    total_cost_usd: float | None
    """The cost of the step's tokens, in US dollars, or ``None`` if that is not known."""
    observation_count: int
    """How many spans were recorded within this trace."""
    html_path: str | None
    """The trace's path on the tracing dashboard, sometimes a full URL, or ``None``."""
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    """Fields of the answer that this version of the library does not know, as decoded; usually empty.

    They count for equality but not for the hash.
    """


@frozen
class Pagination(Model):
    """The position of a page in its list, as the server reported it."""

    page: int
    """The page's number, counted from 1."""
    limit: int
    """The largest number of traces that a page can hold."""
    total_items: int
    """How many traces the session has; 0 for a session without traces."""
    total_pages: int
    """How many pages the session has; 0 for a session without traces. It may change as traces arrive."""


class _Traces(Model, Sequence[Trace]):
    """A model that is the sequence of its ``traces``."""

    __slots__ = ()

    @property
    @abstractmethod
    def traces(self) -> tuple[Trace, ...]:
        """The items of the sequence."""

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
    """One page of a session's traces, newest first. The page is a sequence of its traces."""

    traces: tuple[Trace, ...] = attrs.field(repr=counted)
    """The page's traces. A page in the middle may have fewer than ``pagination.limit``, or none."""
    pagination: Pagination
    """The position of the page in the list."""


@frozen
class SessionTraces(_Traces):
    """All traces of one session, or the error that prevented reading them. It is a sequence of the traces.

    Example::

        if session.error is None:
            print(session.session_id, len(session), "traces")
    """

    session_id: str
    """The session's id as it was given; a ``UUID`` in lower case."""
    error: LyzrTracesError | None
    """Why the session could not be read, or ``None`` if it was read."""
    _traces: tuple[Trace, ...] = attrs.field(default=(), repr=counted)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The session's traces, newest first.

        :raises LyzrTracesError: :attr:`error`, if the session failed. A caller who forgets to check ``error`` therefore
            can't mistake a failed session for an empty one.
        """
        if self.error is not None:
            raise self.error
        return self._traces

    def to_dict(self) -> dict[str, Any]:
        """Return the session as JSON values: ``sessionId``, ``error`` and ``traces``.

        Either ``error`` or ``traces`` is ``None``.
        """
        failed = self.error is not None
        return {
            "sessionId": self.session_id,
            "error": f"{type(self.error).__name__}: {self.error}" if failed else None,
            "traces": None if failed else [trace.to_dict() for trace in self._traces],
        }


@frozen
class SessionInfo(Model):
    """A session that has ended, as the list of transcripts describes it."""

    session_id: str
    """The session's id, exactly as the service spells it."""
    room_name: str
    """The LiveKit room in which the session took place."""
    agent_id: str | None
    """The agent that spoke, or ``None``."""
    close_reason: str | None
    """Why the session ended, or ``None``."""
    started_at: datetime
    """When the session began, with the time zone UTC."""
    ended_at: datetime
    """When the session ended, with the time zone UTC."""
    duration_ms: int | None
    """How long the session took, in milliseconds, or ``None``."""
    message_count: int
    """How many messages the session's chat has."""
    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    """The answer's other fields, as decoded, without the chat, the session's report and any field larger than 4 KiB.

    They count for equality but not for the hash.
    """


@frozen
class ClientStats(Model):
    """The counts of a client's work so far: a snapshot, which does not change. Taking it makes no request."""

    requests: int = 0
    """Requests sent; each attempt counts."""
    retries: int = 0
    """Requests sent again after a failure, including those after a 429."""
    rate_limited: int = 0
    """Answers with status 429."""
    seconds_paced: float = 0.0
    """Seconds of wall-clock time during which the quota held requests back."""
    duplicates_dropped: int = 0
    """Traces that came again because the list moved, and were dropped."""
    pages_reread: int = 0
    """Pages requested again because the list moved."""


@frozen
class QuotaState(Model):
    """What a client knows of the service's quota: a snapshot, which does not change. Taking it makes no request.

    If the service has several quotas, this is the tightest: the one that allows the fewest requests in the time ahead.

    Example::

        if client.quota is not None:
            print(client.quota.remaining, "requests left, more in", round(client.quota.resets_in), "s")
    """

    requests: int | None
    """How many requests a window allows, or ``None`` if that is not known."""
    remaining: int
    """How many requests this client may still send in the running window. 0 while the service refuses requests."""
    resets_in: float
    """Seconds until the next window, or until the client may send again. 0.0 if the last known window is over."""
    window_seconds: float | None
    """How many seconds a window lasts, or ``None`` if that is not known.

    If the service does not state the length, this is the longest remaining time that it has reported.
    """


@frozen
class RetryPolicy(Model):
    """How often and how long the client retries.

    After the ``n``-th failure the client waits ``wait_initial * 2 ** (n - 1)`` seconds plus a random time of up to
    ``wait_jitter``, but never longer than ``wait_max``. After a dropped connection it retries once without a wait.

    :param attempts: requests for one answer in all, at least 1. A request that gets a 429 does not count.
    :param wait_initial: the first wait, in seconds.
    :param wait_max: the longest wait, in seconds.
    :param wait_jitter: the largest random addition to a wait, in seconds.
    :param max_rate_limit_wait: the longest single wait after a 429, in seconds. A request gives up when the server asks
        for a longer wait, or when the server has refused it for this long and no request of the client got through
        meanwhile. While others get through, it waits for its turn, but gives up after 20 refusals.
    :raises InvalidArgumentError: if ``attempts`` is not an integer of at least 1, or a wait is negative or not finite.

    Example: ``RetryPolicy(attempts=1)`` tries once and never again.
    """

    attempts: int = 6
    """How many requests the client makes for one answer, at least 1. A request that gets a 429 does not count."""
    wait_initial: float = 0.5
    """The first wait, in seconds."""
    wait_max: float = 20.0
    """The longest wait, in seconds."""
    wait_jitter: float = 1.0
    """The largest random addition to a wait, in seconds."""
    max_rate_limit_wait: float = 120.0
    """The longest single wait after a 429, in seconds. A request that would have to wait longer gives up."""

    def __attrs_post_init__(self) -> None:
        check_count("RetryPolicy: attempts", self.attempts)
        for name in ("wait_initial", "wait_max", "wait_jitter", "max_rate_limit_wait"):
            check_seconds(f"RetryPolicy: {name}", getattr(self, name), zero=True)
