"""The reason for a wait in the log: it names a quota only if an answer has told one."""

from __future__ import annotations

import logging
from typing import Final

import pytest

from lyzr_traces_async import RetryPolicy, TracesClient
from lyzr_traces_async._fields import Quota
from lyzr_traces_async._pacing import Pacer, Ticket
from lyzr_traces_async.testing import FakeTracesServer

SESSION: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ENDLESS: Final = 1e12


def sent(pacer: Pacer, now: float) -> Ticket:
    """Return the ticket of a request that must be let through."""
    ticket = pacer.admit(now, ENDLESS)
    assert isinstance(ticket, Ticket)
    return ticket


def test_a_quota_that_is_used_up_is_the_reason() -> None:
    """The wait lasts until its window ends."""
    pacer = Pacer()
    pacer.answered(sent(pacer, 0.0), 0.5, status=200, quotas=[Quota("a", 0, 30.0, 100)])
    assert pacer.admit(0.5, ENDLESS) == 30.0
    assert pacer.reason(0.5) == "the quota is used up"


def test_a_refusal_is_the_reason_until_its_wait_is_over() -> None:
    """After one request has got through, the reason is the moment that is left to other clients."""
    pacer = Pacer()
    pacer.answered(sent(pacer, 0.0), 0.5, status=429, quotas=[])
    pacer.refused(0.5, 30.0)
    assert pacer.admit(0.5, ENDLESS) == 30.0
    assert pacer.reason(0.5) == "the service refused a request (429)"
    pacer.answered(sent(pacer, 31.0), 31.5, status=200, quotas=[])
    assert pacer.admit(31.5, ENDLESS) == 1.0
    assert pacer.reason(31.5) == "other clients go first after a refusal"


def test_a_limit_of_the_trace_store_is_the_reason() -> None:
    """It is not a limit of the service itself."""
    pacer = Pacer()
    pacer.answered(sent(pacer, 0.0), 0.5, status=502, quotas=[], upstream_is_limited=True)
    assert pacer.admit(0.5, ENDLESS) == 5.0
    assert pacer.reason(0.5) == "the trace store behind the service refused a request"


@pytest.mark.parametrize(
    ("status", "headers", "message", "said"),
    [
        pytest.param(429, {"X": "y"}, "No", "the service refused a request (429): waiting 1.0 s", id="a bare 429"),
        pytest.param(
            429, {"Retry-After": "31"}, "No", "the service refused a request (429): waiting 31.0 s", id="with a wait"
        ),
        pytest.param(
            502,
            {"X": "y"},
            "Langfuse request failed (429)",
            "the trace store behind the service refused a request: waiting 5.0 s",
            id="of the trace store",
        ),
    ],
)
async def test_the_log_says_why_and_for_how_long_nothing_is_sent(
    status: int, headers: dict[str, str], message: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It names no quota if no answer has told one."""
    caplog.set_level(logging.INFO, logger="lyzr_traces_async")
    policy = RetryPolicy(wait_initial=0, wait_jitter=0)
    async with (
        FakeTracesServer(quota=None) as server,
        TracesClient(server.api_key, base_url=server.base_url, retry=policy) as client,
    ):
        server.add_session(SESSION, 5)
        server.fail_next(status=status, headers=headers, message=message)
        await client.list_session_traces(SESSION)
    lines = [record.getMessage() for record in caplog.records if record.name == "lyzr_traces_async"]
    assert said in lines
    assert "quota" not in " ".join(lines)
