"""Samples for the tables: a complete trace, one with only the mandatory fields, observations, and a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lyzr_traces_async import Observation, SessionInfo, Trace, TraceDetail

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
MOMENT = datetime(2026, 3, 25, 18, 19, 24, 347_000, tzinfo=UTC)
TRACE = Trace(
    trace_id="0123456789abcdef0123456789abcdef",
    name="voice-agent-response",
    session_id=SESSION,
    timestamp=MOMENT,
    latency_seconds=1.25,
    total_cost_usd=0.0034,
    observation_count=4,
    html_path="/traces/view/trace-abc-123",
)
BARE = Trace(
    trace_id="t",
    name=None,
    session_id=None,
    timestamp=MOMENT,
    latency_seconds=None,
    total_cost_usd=None,
    observation_count=0,
    html_path=None,
)
DETAIL = TraceDetail("t1", "voice-agent-response", SESSION, MOMENT, 2.0, 0.0084, "/t/abc", ())


def after(seconds: float) -> datetime:
    """Return the moment ``seconds`` after the trace began."""
    return MOMENT + timedelta(seconds=seconds)


def observed(name: str, begin: float = 0.0, end: float | None = None, parent: str | None = None, **more: Any) -> Any:
    """Make an observation whose id is its name."""
    moment = None if end is None else after(end)
    more = {"id": name, "name": name, "parent_observation_id": parent, **more}
    return Observation(type="SPAN", start_time=after(begin), end_time=moment, **more)


AGENT = "69b1f0c24e7d8a5c3b2a1f00"
ENDED_AT = datetime(2026, 3, 25, 19, 0, 12, tzinfo=UTC)
ENDED = SessionInfo(
    session_id=SESSION,
    room_name="room-edb09ff63efc",
    agent_id=AGENT,
    close_reason="job_shutdown",
    started_at=ENDED_AT - timedelta(minutes=2),
    ended_at=ENDED_AT,
    duration_ms=120_000,
    message_count=14,
)
