"""The values that users meet.

All of them are immutable to the type checker, slotted, picklable, and equal by value. At run time they are plain
``attrs`` classes: a class frozen at run time too takes twice as long to construct, and a trace is constructed for
every row of every page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from ._arguments import check_count, check_seconds
from .errors import LyzrTracesError

if TYPE_CHECKING:
    from attrs import frozen
else:
    frozen = partial(attrs.define, unsafe_hash=True)

__all__ = ["ClientStats", "Pagination", "RetryPolicy", "SessionTraces", "Trace", "TracePage"]


@frozen
class Trace:
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
class Pagination:
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


@frozen
class TracePage:
    """One page of a session's traces, newest first. It can be iterated over and has a length.

    :ivar traces: the page's traces. A page in the middle may have fewer than ``pagination.limit``, or none.
    :ivar pagination: where the page stands in the list.
    """

    traces: tuple[Trace, ...]
    pagination: Pagination

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.traces)

    def __len__(self) -> int:
        return len(self.traces)


@frozen
class SessionTraces:
    """All traces of one session, or why they could not be had. It can be iterated over and has a length.

    :ivar session_id: the session, as it was given; a ``UUID`` in lower case.
    :ivar error: what went wrong, or ``None``.

    Example::

        if session.error is None:
            print(session.session_id, len(session), "traces")
    """

    session_id: str
    error: LyzrTracesError | None
    _traces: tuple[Trace, ...] = attrs.field(default=(), repr=lambda traces: f"<{len(traces)}>")

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The session's traces, newest first.

        :raises LyzrTracesError: :attr:`error`, if the session failed: forgetting to check loses nothing silently.
        """
        if self.error is not None:
            raise self.error
        return self._traces

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.traces)

    def __len__(self) -> int:
        return len(self.traces)


@frozen
class ClientStats:
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
class RetryPolicy:
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
