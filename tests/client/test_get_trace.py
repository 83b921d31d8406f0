"""One trace with its observations, from the fake server over real sockets."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lyzr_traces_async import (
    APIConnectionError,
    InvalidArgumentError,
    NotFoundError,
    ResponseTooLargeError,
    RetryPolicy,
    Trace,
    TracesClient,
)
from lyzr_traces_async._requests import TraceRequest
from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"


async def test_a_trace_comes_with_its_observations(service: FakeTracesServer, client: TracesClient) -> None:
    """One request gets the fields of the list and the observations."""
    for trace in service.add_session(SESSION, traces=6, observations=True):
        detail = await client.get_trace(UUID(SESSION), trace.trace_id)
        assert (detail.trace_id, detail.name, detail.timestamp) == (trace.trace_id, trace.name, trace.timestamp)
        assert (detail.latency_seconds, detail.total_cost_usd) == (trace.latency_seconds, trace.total_cost_usd)
        assert len(detail.observations) == trace.observation_count
        assert detail.tree()
    assert client.stats.requests == 6


HOSTILE = [
    "../x",
    "..",
    ".",
    "?a=b#c",
    "a%2Fb",
    "a/b/../../c",
    "\x00\x1b[2J\n",
    "日本 é",
    " ",
    "x" * 256,
    "😀" * 256,
    "%",
    "&=+",
]


@pytest.mark.parametrize("trace_id", HOSTILE, ids=ascii)
async def test_a_trace_id_of_any_kind_is_found(service: FakeTracesServer, client: TracesClient, trace_id: str) -> None:
    """The id stays one segment of the path, whatever characters it has."""
    (made,) = FakeTracesServer().add_session(SESSION, traces=1)
    service.add_session(SESSION, [attrs.evolve(made, trace_id=trace_id)])
    assert (await client.get_trace(SESSION, trace_id)).trace_id == trace_id
    with pytest.raises(NotFoundError) as caught:
        await client.get_trace(SESSION, "other" + trace_id[5:])
    assert caught.value.trace_id == "other" + trace_id[5:]


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=256))
@example(".")
@example("..")
def test_a_trace_id_is_one_segment_of_the_path(trace_id: str) -> None:
    """The segment has no separator, and is not ``.`` or ``..``."""
    target = TraceRequest(SESSION, trace_id).target
    prefix = f"/traces/session/{SESSION}/"
    assert target.startswith(prefix)
    segment = target.removeprefix(prefix)
    assert not set(segment) & set("/?#\\ ")
    assert segment not in ("", ".", "..")
    assert segment.isascii()


@pytest.mark.parametrize("trace_id", ["", "x" * 257, None, 4, b"x", "cut \ud83d", "sk-canary", "xsk-canaryx"])
async def test_a_malformed_trace_id_is_refused_before_anything_is_sent(
    service: FakeTracesServer, trace_id: Any
) -> None:
    """An id that contains the key is refused as well: servers write URLs into their logs."""
    async with TracesClient("sk-canary", base_url=service.base_url) as client:
        with pytest.raises(InvalidArgumentError, match="trace_id ") as caught:
            await client.get_trace(SESSION, trace_id)
    assert "canary" not in str(caught.value)
    assert len(str(caught.value)) < 250
    assert service.requests == []


async def test_a_404_says_whether_it_is_the_session_or_the_trace(
    service: FakeTracesServer, client: TracesClient
) -> None:
    """The error names the session and the trace."""
    with pytest.raises(NotFoundError, match="no session has this id") as caught:
        await client.get_trace(SESSION, "t-1")
    assert (caught.value.session_id, caught.value.trace_id, caught.value.page) == (SESSION, "t-1", None)
    service.add_session(SESSION, traces=1)
    with pytest.raises(
        NotFoundError, match=r"HTTP 404: Trace not found\. The session exists, but it has no such trace"
    ):
        await client.get_trace(SESSION, "t-1")
    (elsewhere,) = service.add_session(OTHER, traces=1)
    with pytest.raises(NotFoundError, match=r"Trace not found for session\. The session exists, but") as caught:
        await client.get_trace(SESSION, elsewhere.trace_id)
    assert f"[session {SESSION}, trace '{elsewhere.trace_id}', attempt 1, " in str(caught.value)
    with pytest.raises(InvalidArgumentError, match="session_id must be a UUID"):
        await client.get_trace("no", "t-1")


async def test_failures_are_tried_again_as_for_a_page(service: FakeTracesServer, client: TracesClient) -> None:
    """The same policy and the same quota apply."""
    (trace,) = service.add_session(SESSION, traces=1)
    service.fail_next(2, status=502)
    service.fail_next(1, reset=True)
    assert (await client.get_trace(SESSION, trace.trace_id)).trace_id == trace.trace_id
    assert (client.stats.requests, client.stats.retries) == (4, 3)


def encoded(trace: Trace, **changes: object) -> bytes:
    document = {**trace.to_dict(), "observations": [], **changes}
    del document["observationCount"]
    return json.dumps({"trace": document}).encode()


@pytest.mark.parametrize("changes", [{"traceId": "another"}, {"sessionId": OTHER}], ids=str)
async def test_an_answer_that_is_another_trace_is_not_believed(
    service: FakeTracesServer, client: TracesClient, changes: dict[str, str]
) -> None:
    """The answer belongs to another request: it is asked for again, and refused after all attempts."""
    (trace,) = service.add_session(SESSION, traces=1)
    service.fail_next(1, body=encoded(trace, **changes))
    assert (await client.get_trace(SESSION, trace.trace_id)).trace_id == trace.trace_id
    service.fail_next(2, body=encoded(trace, **changes))
    once = client.with_options(retry=RetryPolicy(attempts=2))
    with pytest.raises(APIConnectionError, match="the answer is another trace: it belongs to another request"):
        await once.get_trace(SESSION, trace.trace_id)


async def test_an_answer_in_another_case_of_the_session_id_is_the_same(
    service: FakeTracesServer, client: TracesClient
) -> None:
    """The service compares ids letter by letter, but may write them in another case."""
    (trace,) = service.add_session(SESSION, traces=1)
    service.fail_next(1, body=encoded(trace, sessionId=SESSION.upper()))
    assert (await client.get_trace(SESSION, trace.trace_id)).session_id == SESSION.upper()


async def test_a_trace_that_is_too_large_is_refused(
    service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more of it is held than the limit on bodies allows."""
    (trace,) = service.add_session(SESSION, traces=1)
    monkeypatch.setattr("lyzr_traces_async._transport.MAX_BODY", 10_000)
    service.fail_next(1, body=encoded(trace, observations=["x" * 20_000]))
    with pytest.raises(ResponseTooLargeError, match=r"Pass a smaller `limit`") as caught:
        await client.get_trace(SESSION, trace.trace_id)
    assert caught.value.trace_id == trace.trace_id


async def test_the_log_names_the_trace_in_one_line(
    service: FakeTracesServer, client: TracesClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The line is printable whatever the id is, and does not show the key."""
    caplog.set_level("DEBUG", "lyzr_traces_async")
    service.fail_next(1, status=502)
    with pytest.raises(NotFoundError):
        await client.get_trace(SESSION, "a\n\x1b[2J")
    with pytest.raises(StopAsyncIteration):
        await anext(client.iter_sessions())
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 4
    assert all(rf"[session {SESSION}, trace 'a\n\x1b[2J'" in line for line in said[:3])
    assert "[sessions from 0 on, limit 200, request id " in said[3]
    assert all(line.isprintable() and service.api_key not in line for line in said)
