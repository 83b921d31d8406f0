"""Any body is a page or refused, and an encoded page is decoded to equal values."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async.errors import ResponseDecodeError
from lyzr_traces_async.models import Pagination, Trace, TracePage
from tests.decoding.pages import ATTRIBUTES, PAGINATION, TRACE, body, counts_of

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
decoding = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)


def mostly(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw from a strategy, and sometimes any JSON value."""
    return st.one_of(strategy, strategy, strategy, json_values)


near_traces = st.fixed_dictionaries(
    {},
    optional={
        name: mostly(st.just(value) if name != "timestamp" else st.just(value) | st.datetimes().map(str))
        for name, value in TRACE.items()
    }
    | {"unknown": json_values},
)
near_pages = st.fixed_dictionaries(
    {},
    optional={
        "traces": mostly(st.lists(mostly(near_traces), max_size=3)),
        "pagination": mostly(
            st.fixed_dictionaries({}, optional={name: mostly(st.integers(-1, 9)) for name in PAGINATION})
        ),
    },
)


def check_any(of: bytes) -> None:
    """Check that a body is a page, or is refused with a list of problems."""
    page: TracePage | None = None
    refusal: ResponseDecodeError | None = None
    try:
        page = decode_page(of)
    except ResponseDecodeError as error:
        refusal = error
    if refusal is not None:
        assert refusal.problems
        assert all(refusal.problems)
        assert refusal.__cause__ is None
        assert refusal.__context__ is None
        return
    assert isinstance(page, TracePage)
    for trace in page:
        assert type(trace.trace_id) is str
        assert trace.timestamp.tzinfo is UTC
        assert type(trace.observation_count) is int
        assert type(trace.latency_seconds) in (float, type(None))


@decoding
@given(json_values | near_pages)
def test_any_json_document_is_a_page_or_refused(document: Any) -> None:
    """No document has another outcome."""
    check_any(json.dumps(document).encode())


@decoding
@given(st.binary(max_size=200) | st.builds(lambda at, junk: body(TRACE)[:at] + junk, st.integers(0, 300), st.binary()))
def test_any_bytes_are_a_page_or_refused(of: bytes) -> None:
    """This includes bytes that only begin as JSON."""
    check_any(of)


@decoding
@given(
    st.lists(
        st.builds(
            Trace,
            trace_id=texts,
            name=st.none() | texts,
            session_id=st.none() | texts,
            timestamp=st.datetimes(
                min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
                max_value=datetime(9999, 12, 30),  # noqa: DTZ001
                timezones=st.just(UTC),
            ),
            latency_seconds=st.none() | numbers,
            total_cost_usd=st.none() | numbers,
            observation_count=st.integers(-(2**63), 2**63 - 1),
            html_path=st.none() | texts,
            extra=st.dictionaries(
                texts.filter(lambda name: name not in TRACE), numbers | texts | st.none(), max_size=3
            ),
        ),
        max_size=4,
    ),
    st.builds(Pagination, st.integers(1, 9), st.integers(1, 100), st.integers(0, 10**9), st.integers(0, 10**9)),
    st.integers(-23, 23),
    st.booleans(),
)
def test_a_page_encoded_like_the_services_is_decoded_to_equal_values(
    traces: list[Trace],
    pagination: Pagination,
    hours: int,
    nulls: bool,  # noqa: FBT001
) -> None:
    """Traces are arbitrary, with unknown fields, any offset, and null fields written or left out."""
    zone = timezone(timedelta(hours=hours))

    def encoded(trace: Trace) -> dict[str, Any]:
        known = {name: getattr(trace, attribute) for name, attribute in ATTRIBUTES.items()}
        known["timestamp"] = trace.timestamp.astimezone(zone).isoformat()
        return {name: value for name, value in known.items() if nulls or value is not None} | dict(trace.extra)

    page = {
        "traces": [encoded(trace) for trace in traces],
        "pagination": dict(zip(PAGINATION, counts_of(pagination), strict=True)),
    }
    assert decode_page(json.dumps(page).encode()) == TracePage(tuple(traces), pagination)
