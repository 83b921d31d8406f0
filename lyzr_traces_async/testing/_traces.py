"""Encode traces as the service lists them, and make up traces that look like those of a voice agent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import attrs

from ..errors import InvalidArgumentError
from ..models import Trace
from ._encoding import encode as encode_model

# Name, seconds, US dollars and number of observations of the steps that follow each other in a call.
STEPS = (
    ("speech-to-text", 0.21, 0.00012, 1),
    ("voice-agent-response", 0.84, 0.0034, 4),
    ("text-to-speech", 0.33, 0.00095, 2),
)

# One trace in so many has no latency or no cost. Both can be null, and code that does not expect this should fail in
# its tests.
LATENCY_MISSING_EVERY = 50
COST_MISSING_EVERY = 20

FIRST_TIMESTAMP = datetime(2026, 3, 25, 18, 19, 24, 347_000, tzinfo=UTC)
STEP = timedelta(milliseconds=412)
MILLISECOND = timedelta(milliseconds=1)

# If a trace has no latency, its observations are made up as if it had taken this time.
SECONDS_UNKNOWN = 1.0
MOST_SECONDS = 3600.0
LATEST = datetime.max.replace(tzinfo=UTC)


def encode(trace: Trace) -> bytes:
    """Return a trace as JSON, as it is in a list."""
    if not isinstance(trace, Trace):
        raise InvalidArgumentError(f"traces must be a number or an iterable of Trace, but one item is {trace!r}")
    return encode_model(attrs.evolve(trace, timestamp=whole_milliseconds(trace.timestamp)), words_for(trace))


def words_for(trace: Trace) -> str:
    """Return the name of a trace in error texts."""
    return f"trace {trace.trace_id!r}"


def whole_milliseconds(moment: datetime) -> datetime:
    """Return a time as the service keeps it: cut to whole milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def moment_in(trace: Trace, share: float) -> datetime:
    """Return the time at which this share of a trace's duration has passed."""
    seconds = SECONDS_UNKNOWN if trace.latency_seconds is None else trace.latency_seconds
    passed = timedelta(milliseconds=round(1000 * share * min(max(0.0, seconds), MOST_SECONDS)))
    begin = whole_milliseconds(trace.timestamp)
    return begin + min(passed, LATEST - begin)


def generate(session_id: str, first: int, count: int, *, newer: Trace | None, older: Trace | None) -> list[Trace]:
    """Make up ``count`` traces, newest first, that fit between two rows of a list. They are the same every time.

    :param first: the serial number of the oldest trace. If a session never repeats a number, it never repeats a trace.
    :param newer: the trace before them in the list; ``None`` if they are at the beginning.
    :param older: the trace after them in the list; ``None`` if they are at the end.
    """
    if older is not None and newer is not None:
        room = (newer.timestamp - older.timestamp) // MILLISECOND
        ages = [room * n // (count + 1) * MILLISECOND for n in range(1, count + 1)]
        start = older.timestamp
    else:
        ages = [STEP * n for n in range(1, count + 1)]
        if older is not None:
            start = older.timestamp
        elif newer is not None:
            start = newer.timestamp - STEP * (count + 1)
        else:
            start = FIRST_TIMESTAMP - STEP
    return [_generated(session_id, first + n, start + ages[n]) for n in reversed(range(count))]


def _generated(session_id: str, serial: int, timestamp: datetime) -> Trace:
    digest = blake2b(f"{session_id}/{serial}".encode(), digest_size=16)
    trace_id = digest.hexdigest()
    spread = 0.5 + digest.digest()[0] / 128
    name, seconds, dollars, observations = STEPS[serial % len(STEPS)]
    return Trace(
        trace_id=trace_id,
        name=name,
        session_id=session_id,
        timestamp=timestamp,
        latency_seconds=None if (serial + 1) % LATENCY_MISSING_EVERY == 0 else round(seconds * spread, 3),
        total_cost_usd=None if (serial + 1) % COST_MISSING_EVERY == 0 else round(dollars * spread, 6),
        observation_count=observations,
        html_path=f"/project/voice/traces/{trace_id}",
    )
