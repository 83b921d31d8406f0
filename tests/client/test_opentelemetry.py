"""OpenTelemetry's instrumentation of aiohttp: the spans of this library in a trace of the caller's program."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from lyzr_traces_async import APIConnectionError, AuthenticationError, RetryPolicy, TracesClient
from lyzr_traces_async.testing import FakeTracesServer

KEY = "sk-canary-7Qx2vLr9TzB4"
SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHERS = [f"{number:08x}-5717-4562-b3fc-2c963f66afa6" for number in range(5)]

pytestmark = pytest.mark.parametrize("whose", ["our session", "the caller's session"])


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def instrumented(spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """Instrument aiohttp as the documentation says."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield provider
    instrumentor.uninstrument()
    provider.shutdown()


@pytest.fixture
def tracer(instrumented: TracerProvider) -> Tracer:
    """Return the caller's own tracer."""
    return instrumented.get_tracer("caller")


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(api_key=KEY, quota=None) as server:
        server.add_session(SESSION, traces=45)
        for session_id in OTHERS:
            server.add_session(session_id, traces=3)
        yield server


@pytest.fixture
async def client(server: FakeTracesServer, instrumented: TracerProvider, whose: str) -> AsyncIterator[TracesClient]:
    assert isinstance(instrumented, TracerProvider)  # before a session is created
    retry = RetryPolicy(attempts=3)
    if whose == "our session":
        async with TracesClient(KEY, base_url=server.base_url, retry=retry, timeout=10) as client:
            yield client
    else:
        async with (
            aiohttp.ClientSession() as session,
            TracesClient(KEY, base_url=server.base_url, retry=retry, timeout=10, session=session) as client,
        ):
            yield client


def _requests(spans: InMemorySpanExporter, server: FakeTracesServer) -> list[ReadableSpan]:
    """Check the rules that hold for all traces, and return the spans of requests."""
    finished = spans.get_finished_spans()
    for span in finished:
        assert KEY not in span.to_json()
        assert KEY not in repr(vars(span))
    requests = [span for span in finished if span.kind is SpanKind.CLIENT]
    callers = [span for span in finished if span.kind is not SpanKind.CLIENT]
    assert len(callers) == 1
    context = callers[0].context
    assert context is not None
    assert {(span.parent.span_id, span.parent.trace_id) for span in requests if span.parent} == {
        (context.span_id, context.trace_id)
    }
    assert all(span.parent for span in requests)
    # The server's spans are attached by this field, one for each attempt.
    sent = [request.headers["traceparent"].split("-")[2] for request in server.requests]
    assert sorted(sent) == sorted(f"{span.context.span_id:016x}" for span in requests if span.context)
    return requests


def _said(span: ReadableSpan, *names: str) -> Any:
    """Return an attribute by its name in the older or the newer conventions."""
    return next((value for name, value in (span.attributes or {}).items() if name in names), None)


def _statuses(requests: list[ReadableSpan]) -> Counter[Any]:
    return Counter(_said(span, "http.status_code", "http.response.status_code") for span in requests)


async def test_each_attempt_is_one_span_under_the_callers_own(
    client: TracesClient, server: FakeTracesServer, spans: InMemorySpanExporter, tracer: Tracer
) -> None:
    """A failure, a refusal for the quota, a lost connection and the page are four requests and four spans."""
    server.fail_next(status=502)
    server.fail_next(status=429, headers={"Retry-After": "7"})
    server.fail_next(reset=True)
    with tracer.start_as_current_span("caller"):
        await client.list_session_traces(SESSION)
    requests = _requests(spans, server)
    assert _statuses(requests) == {200: 1, 429: 1, 502: 1, None: 1}
    assert client.stats.requests == 4
    assert {_said(span, "http.url", "url.full") for span in requests} == {
        f"{server.base_url}/traces/session/{SESSION}?page=1&limit=100"
    }


async def test_a_walk_with_several_pages_at_once_stays_under_the_callers_span(
    client: TracesClient, server: FakeTracesServer, spans: InMemorySpanExporter, tracer: Tracer
) -> None:
    """The tasks that read the pages are started on behalf of the caller."""
    server.fail_next(status=500, page=3)
    with tracer.start_as_current_span("caller"):
        assert len([trace async for trace in client.iter_session_traces(SESSION, limit=5)]) == 45
    assert _statuses(_requests(spans, server)) == {200: 10, 500: 1}


async def test_a_stream_of_sessions_stays_under_the_callers_span(
    client: TracesClient, server: FakeTracesServer, spans: InMemorySpanExporter, tracer: Tracer
) -> None:
    """The stream's tasks are started on behalf of the caller, too."""
    with tracer.start_as_current_span("caller"):
        async with client.stream_sessions(OTHERS) as sessions:
            assert len([len(session) async for session in sessions]) == len(OTHERS)
    assert _statuses(_requests(spans, server)) == {200: len(OTHERS)}


async def test_a_request_that_fails_for_good_shows_no_key(
    client: TracesClient, server: FakeTracesServer, spans: InMemorySpanExporter, tracer: Tracer
) -> None:
    """Neither the exception event with its traceback nor the caller's span shows it."""
    server.fail_next(1, truncate=True, body=b"{}{}")
    server.fail_next(1, reset=True)
    server.fail_next(1, stall=3600)
    with (
        pytest.raises(APIConnectionError),
        tracer.start_as_current_span("caller"),
    ):
        await client.list_session_traces(SESSION)
    requests = _requests(spans, server)
    assert len(requests) == 3
    caller = next(span for span in spans.get_finished_spans() if span.kind is not SpanKind.CLIENT)
    assert caller.status.status_code is StatusCode.ERROR
    assert [event.name for event in caller.events] == ["exception"]


async def test_a_refused_key_shows_no_key(
    client: TracesClient, server: FakeTracesServer, spans: InMemorySpanExporter, tracer: Tracer
) -> None:
    """The server echoes the key."""
    server.fail_next(status=401, message=f"Invalid x-api-key {KEY}", headers={"X-Echo": KEY})
    with (
        pytest.raises(AuthenticationError),
        tracer.start_as_current_span("caller"),
    ):
        await client.list_session_traces(SESSION)
    assert _statuses(_requests(spans, server)) == {401: 1}
