"""Each field of a page: its type, whether it may be absent, and the problem that a wrong value causes."""

from __future__ import annotations

from typing import Any, Final

import pytest

from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async.models import Pagination, Trace, TracePage
from tests.decoding.pages import ATTRIBUTES, MOMENT, PAGINATION, TRACE, body, counts_of, one, refused, without

# Each kind of JSON value, by its name in error messages.
JSON_VALUES: Final[dict[str, Any]] = {
    "null": None,
    "a boolean": True,
    "an integer": 4,
    "a number": 1.5,
    "a string": "4",
    "an array": [],
    "an object": {},
}
EXPECTED: Final = {
    "traceId": ("a string", {"a string"}),
    "name": ("a string or null", {"a string", "null"}),
    "sessionId": ("a string or null", {"a string", "null"}),
    "timestamp": ("an RFC 3339 date-time", {"a string"}),
    "latencySeconds": ("a number or null", {"a number", "an integer", "null"}),
    "totalCostUsd": ("a number or null", {"a number", "an integer", "null"}),
    "observationCount": ("an integer", {"an integer"}),
    "htmlPath": ("a string or null", {"a string", "null"}),
}
OPTIONAL: Final = ["name", "sessionId", "latencySeconds", "totalCostUsd", "htmlPath"]
REQUIRED: Final = ["traceId", "timestamp", "observationCount"]


def test_a_page_is_decoded_field_by_field() -> None:
    """Each field becomes an attribute."""
    page = decode_page(body(TRACE, pagination={"page": 2, "limit": 10, "totalItems": 33, "totalPages": 4}))
    assert page == TracePage(
        (
            Trace(
                trace_id="t-1",
                name="llm",
                session_id="3fa85f64-5717-4562-b3fc-2c963f66afa6",
                timestamp=MOMENT,
                latency_seconds=1.25,
                total_cost_usd=0.0125,
                observation_count=3,
                html_path="/project/p/traces/t-1",
                extra={},
            ),
        ),
        Pagination(page=2, limit=10, total_items=33, total_pages=4),
    )
    assert isinstance(page.traces, tuple)


def test_an_empty_session_is_a_page_without_traces() -> None:
    """Its totals are 0."""
    page = decode_page(body(pagination={"page": 1, "limit": 1, "totalItems": 0, "totalPages": 0}))
    assert page == TracePage((), Pagination(1, 1, 0, 0))


@pytest.mark.parametrize("field", EXPECTED)
@pytest.mark.parametrize("kind", JSON_VALUES)
def test_a_field_of_a_trace_takes_only_its_own_type(field: str, kind: str) -> None:
    """Values are not converted: "4" is not 4, true is not 1, and null is not "None"."""
    expected, legal = EXPECTED[field]
    trace = {**TRACE, field: JSON_VALUES[kind]}
    if kind in legal and field != "timestamp":
        value = getattr(one(trace), ATTRIBUTES[field])
        assert value == JSON_VALUES[kind]
        assert type(value) is (float if kind == "an integer" and "number" in expected else type(JSON_VALUES[kind]))
    elif kind not in legal:
        error = refused(body(TRACE, trace))
        assert error.problems == (f"traces[1].{field}: expected {expected}, got {kind}",)


@pytest.mark.parametrize("field", PAGINATION)
@pytest.mark.parametrize("kind", JSON_VALUES)
def test_a_field_of_the_pagination_takes_only_an_integer(field: str, kind: str) -> None:
    """The walk calculates with these fields."""
    of = body(TRACE, pagination={**PAGINATION, field: JSON_VALUES[kind]})
    if kind == "an integer":
        assert 4 in counts_of(decode_page(of).pagination)
    else:
        assert refused(of).problems == (f"pagination.{field}: expected an integer, got {kind}",)


@pytest.mark.parametrize(("field", "minimum"), [("page", 1), ("limit", 1), ("totalItems", 0), ("totalPages", 0)])
def test_a_field_of_the_pagination_has_a_least_value(field: str, minimum: int) -> None:
    """A page 0 or a limit of 0 makes no sense."""
    assert minimum in counts_of(decode_page(body(pagination={**PAGINATION, field: minimum})).pagination)
    error = refused(body(pagination={**PAGINATION, field: minimum - 1}))
    assert error.problems == (f"pagination.{field}: expected an integer >= {minimum}, got {minimum - 1}",)


@pytest.mark.parametrize("field", OPTIONAL)
@pytest.mark.parametrize("absent", [True, False])
def test_an_optional_field_that_is_null_or_absent_is_none(field: str, *, absent: bool) -> None:
    """The other fields are read as usual, and ``extra`` stays empty."""
    trace = without(TRACE, field) if absent else {**TRACE, field: None}
    decoded = one(trace)
    assert getattr(decoded, ATTRIBUTES[field]) is None
    assert decoded.extra == {}
    for other in set(OPTIONAL) - {field}:
        assert getattr(decoded, ATTRIBUTES[other]) == TRACE[other]


def test_a_trace_may_have_its_required_fields_alone() -> None:
    """All other fields are None."""
    decoded = one(without(TRACE, *OPTIONAL))
    assert decoded == Trace("t-1", None, None, MOMENT, None, None, 3, None)


@pytest.mark.parametrize("field", REQUIRED)
def test_a_required_field_that_is_absent_is_named(field: str) -> None:
    """The problem has its path, in the names of the API."""
    assert refused(body(TRACE, TRACE, without(TRACE, field))).problems == (f"traces[2].{field}: required, but missing",)


@pytest.mark.parametrize("field", PAGINATION)
def test_an_absent_field_of_the_pagination_is_named(field: str) -> None:
    """All fields of the pagination are required."""
    problems = refused(body(pagination=without(PAGINATION, field))).problems
    assert problems == (f"pagination.{field}: required, but missing",)


@pytest.mark.parametrize(
    "unknown",
    [
        {"tags": ["a"]},
        {"a": None, "b": {"c": [1, 2.5, True]}},
        {"trace_id": "x"},
        {"": 0},
        {"extra": {"a": 1}},
        {"extra": 5},
    ],
)
@pytest.mark.parametrize("absent", [(), ("name",), ("name", "htmlPath"), tuple(OPTIONAL)])
def test_unknown_fields_are_kept_as_decoded(unknown: dict[str, Any], absent: tuple[str, ...]) -> None:
    """This holds if known fields are absent too, so that the number of fields alone does not show the unknown ones."""
    decoded = one({**without(TRACE, *absent), **unknown})
    assert decoded.extra == unknown
    assert decoded.trace_id == "t-1"
    assert [decoded.name, decoded.html_path].count(None) == len({"name", "htmlPath"} & set(absent))


def test_unknown_fields_of_page_and_pagination_are_no_error() -> None:
    """The service may add fields at any time."""
    page = decode_page(body(TRACE, pagination={**PAGINATION, "next": 2}, requestId="r"))
    assert page.pagination == Pagination(1, 100, 1, 1)


def test_traces_do_not_share_their_extra() -> None:
    """Each trace has its own, even if it is empty."""
    page = decode_page(body(TRACE, TRACE, {**TRACE, "a": 1}))
    assert len({id(trace.extra) for trace in page}) == 3


@pytest.mark.parametrize("field", ["latencySeconds", "totalCostUsd"])
def test_an_integer_is_a_legal_number(field: str) -> None:
    """It becomes a float. One that no float can hold is refused."""
    for number in (0, 1, -1, 2**60):
        value = getattr(one({**TRACE, field: number}), ATTRIBUTES[field])
        assert type(value) is float
        assert value == number
    (problem,) = refused(body({**TRACE, field: 10**400})).problems
    assert problem.startswith((f"traces[0].{field}: ", "not JSON"))
