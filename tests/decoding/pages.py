"""A page of traces as the service writes it, with helpers to change and to decode it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async.errors import ResponseDecodeError
from lyzr_traces_async.models import Pagination, Trace

TRACE: Final = {
    "traceId": "t-1",
    "name": "llm",
    "sessionId": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "latencySeconds": 1.25,
    "totalCostUsd": 0.0125,
    "observationCount": 3,
    "htmlPath": "/project/p/traces/t-1",
}
PAGINATION: Final = {"page": 1, "limit": 100, "totalItems": 1, "totalPages": 1}
MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
ATTRIBUTES: Final = {
    "traceId": "trace_id",
    "name": "name",
    "sessionId": "session_id",
    "timestamp": "timestamp",
    "latencySeconds": "latency_seconds",
    "totalCostUsd": "total_cost_usd",
    "observationCount": "observation_count",
    "htmlPath": "html_path",
}


def body(*traces: Any, pagination: Any = PAGINATION, **others: Any) -> bytes:
    """Return the body of a page with these traces."""
    return json.dumps({"traces": list(traces), "pagination": pagination, **others}).encode()


def one(trace: Any) -> Trace:
    """Decode a page with one trace, and return that trace."""
    (decoded,) = decode_page(body(trace))
    return decoded


def refused(of: bytes) -> ResponseDecodeError:
    """Decode a body that must be refused, and return the error."""
    with pytest.raises(ResponseDecodeError) as caught:
        decode_page(of)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the object without some of its fields."""
    return {name: value for name, value in fields.items() if name not in names}


def counts_of(pagination: Pagination) -> list[int]:
    """Return the pagination's values."""
    return [pagination.page, pagination.limit, pagination.total_items, pagination.total_pages]
