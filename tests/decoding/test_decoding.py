"""The decoder: what is read, what is refused, and that nothing else can come of any body."""

from __future__ import annotations

import json
import math
import os
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lyzr_traces_async._arguments import Secret
from lyzr_traces_async._decoding import decode_page, text_of
from lyzr_traces_async.errors import ResponseDecodeError
from lyzr_traces_async.models import Pagination, Trace, TracePage

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
decoding = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

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
KEY: Final = "sk-live-0123456789"
MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)

LEAP: Final = datetime(2016, 12, 31, 23, 59, 59, 999999, UTC)
LEAP_PROBLEM: Final = "second 60 is a leap second, which occurs only at 23:59 UTC on the last day of a month"

# Every kind of JSON value, with what it is called in messages.
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
OPTIONAL: Final = ["name", "sessionId", "latencySeconds", "totalCostUsd", "htmlPath"]
REQUIRED: Final = ["traceId", "timestamp", "observationCount"]


def body(*traces: Any, pagination: Any = PAGINATION, **others: Any) -> bytes:
    """Return a body with these traces."""
    return json.dumps({"traces": list(traces), "pagination": pagination, **others}).encode()


def one(trace: Any) -> Trace:
    """Return the one trace of a page with it."""
    (decoded,) = decode_page(body(trace))
    return decoded


def refused(of: bytes) -> ResponseDecodeError:
    """Return the error of a body that has to be refused."""
    with pytest.raises(ResponseDecodeError) as caught:
        decode_page(of)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the object without some of its fields."""
    return {name: value for name, value in fields.items() if name not in names}


def test_a_page_is_decoded_field_by_field() -> None:
    """Each into its own attribute."""
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
    """Nothing is coerced: "4" is not 4, true is not 1, and null is not "None"."""
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
    """The walk counts with them."""
    of = body(TRACE, pagination={**PAGINATION, field: JSON_VALUES[kind]})
    if kind == "an integer":
        assert 4 in vars_of(decode_page(of).pagination)
    else:
        assert refused(of).problems == (f"pagination.{field}: expected an integer, got {kind}",)


def vars_of(pagination: Pagination) -> list[int]:
    """Return the pagination's values."""
    return [pagination.page, pagination.limit, pagination.total_items, pagination.total_pages]


@pytest.mark.parametrize(("field", "minimum"), [("page", 1), ("limit", 1), ("totalItems", 0), ("totalPages", 0)])
def test_a_field_of_the_pagination_has_a_least_value(field: str, minimum: int) -> None:
    """A page 0, or a limit of nothing, makes no sense."""
    assert minimum in vars_of(decode_page(body(pagination={**PAGINATION, field: minimum})).pagination)
    error = refused(body(pagination={**PAGINATION, field: minimum - 1}))
    assert error.problems == (f"pagination.{field}: expected an integer >= {minimum}, got {minimum - 1}",)


@pytest.mark.parametrize("field", OPTIONAL)
@pytest.mark.parametrize("absent", [True, False])
def test_an_optional_field_that_is_null_or_absent_is_none(field: str, *, absent: bool) -> None:
    """And the others are read all the same; nothing is left over in ``extra``."""
    trace = without(TRACE, field) if absent else {**TRACE, field: None}
    decoded = one(trace)
    assert getattr(decoded, ATTRIBUTES[field]) is None
    assert decoded.extra == {}
    for other in set(OPTIONAL) - {field}:
        assert getattr(decoded, ATTRIBUTES[other]) == TRACE[other]


def test_a_trace_may_have_its_required_fields_alone() -> None:
    """All the others are None."""
    decoded = one(without(TRACE, *OPTIONAL))
    assert decoded == Trace("t-1", None, None, MOMENT, None, None, 3, None)


@pytest.mark.parametrize("field", REQUIRED)
def test_a_required_field_that_is_absent_is_named(field: str) -> None:
    """With its path on the wire."""
    assert refused(body(TRACE, TRACE, without(TRACE, field))).problems == (f"traces[2].{field}: required, but missing",)


@pytest.mark.parametrize("field", PAGINATION)
def test_an_absent_field_of_the_pagination_is_named(field: str) -> None:
    """All of them are required."""
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
    """Also together with absent ones, where the number of fields alone does not show them."""
    decoded = one({**without(TRACE, *absent), **unknown})
    assert decoded.extra == unknown
    assert decoded.trace_id == "t-1"
    assert [decoded.name, decoded.html_path].count(None) == len({"name", "htmlPath"} & set(absent))


def test_unknown_fields_of_page_and_pagination_are_no_error() -> None:
    """Fields may be added at any time."""
    page = decode_page(body(TRACE, pagination={**PAGINATION, "next": 2}, requestId="r"))
    assert page.pagination == Pagination(1, 100, 1, 1)


def test_traces_do_not_share_their_extra() -> None:
    """Each has its own, also where it is empty."""
    page = decode_page(body(TRACE, TRACE, {**TRACE, "a": 1}))
    assert len({id(trace.extra) for trace in page}) == 3


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05.678Z", MOMENT),
        ("2026-01-02T03:04:05.678+00:00", MOMENT),
        ("2026-01-02T05:04:05.678+02:00", MOMENT),
        ("2026-01-01T21:34:05.678-05:30", MOMENT),
        ("2026-01-02T03:04:05.678901Z", MOMENT.replace(microsecond=678901)),
        ("2026-01-02T03:04:05Z", MOMENT.replace(microsecond=0)),
        ("2026-01-02 03:04:05Z", MOMENT.replace(microsecond=0)),
        ("2026-01-02t03:04:05.678z", MOMENT),
        ("2026-01-02T03:04:05.678z", MOMENT),
        ("2026-01-02 03:04:05z", MOMENT.replace(microsecond=0)),
        ("2026-01-02t05:04:05.678+02:00", MOMENT),
        ("2026-01-02T03:04:05.6789019Z", MOMENT.replace(microsecond=678901)),
        ("2026-01-02t03:04:05.678901999999z", MOMENT.replace(microsecond=678901)),
        ("2016-12-31T23:59:60Z", LEAP),
        ("2016-12-31t23:59:60z", LEAP),
        ("2016-12-31 23:59:60.25Z", LEAP),
        ("2016-12-31T15:59:60.999999-08:00", LEAP),
        ("2017-01-01T05:29:60+05:30", LEAP),
        ("2028-02-29T23:59:60Z", LEAP.replace(year=2028, month=2, day=29)),
        ("9999-12-31T23:59:60Z", LEAP.replace(year=9999)),
    ],
)
def test_a_timestamp_is_aware_and_in_utc(text: str, moment: datetime) -> None:
    """Whatever its offset was, its letters, or its second; what is below a microsecond is cut off."""
    timestamp = one({**TRACE, "timestamp": text}).timestamp
    assert timestamp == moment
    assert timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2026-01-02T03:04:05", "expected an RFC 3339 date-time with its offset from UTC, got one without"),
        ("2026-01-02", "expected an RFC 3339 date-time with its offset from UTC, got one without"),
        ("yesterday", "Invalid isoformat string: 'yesterday'"),
        ("", "Invalid isoformat string: ''"),
        ("2026-13-02T03:04:05Z", "month must be in 1..12"),
        ("0001-01-01T00:00:00+01:00", "date value out of range"),
        ("9999-12-31T23:59:59-01:00", "date value out of range"),
        ("2026-13-02t03:04:05z", "month must be in 1..12"),
        ("2026-01-02T03:04:61Z", "second must be in 0..59"),
        ("2016-12-31T23:59:60", "second must be in 0..59"),
        ("2016-12-30T23:59:60Z", LEAP_PROBLEM),
        ("2027-02-29T23:59:60Z", "day is out of range for month"),
        ("2016-12-31T23:58:60Z", LEAP_PROBLEM),
        ("2016-12-31T22:59:60Z", LEAP_PROBLEM),
        ("2016-12-31T23:59:60+01:00", LEAP_PROBLEM),
        ("0001-01-01T00:59:60+01:00", "date value out of range"),
        ("2026-W01-1T03z", "Invalid isoformat string: '2026-W01-1T03z'"),
        ("2026-01-02T03:04:05zz", "Invalid isoformat string: '2026-01-02T03:04:05zz'"),
        ("2026-01-02x03:04:05z", "Invalid isoformat string: '2026-01-02x03:04:05z'"),
        ("\u0662026-01-02T03:04:05z", "Invalid isoformat string: '\u0662026-01-02T03:04:05z'"),
    ],
)
def test_a_timestamp_that_is_none_is_refused(text: str, problem: str) -> None:
    """A naive one too: nobody knows which moment it means."""
    assert refused(body({**TRACE, "timestamp": text})).problems == (f"traces[0].timestamp: {problem}",)


@pytest.mark.parametrize("field", ["latencySeconds", "totalCostUsd"])
def test_an_integer_is_a_legal_number(field: str) -> None:
    """It becomes the float that it means; one that no float can hold is refused."""
    for number in (0, 1, -1, 2**60):
        value = getattr(one({**TRACE, field: number}), ATTRIBUTES[field])
        assert type(value) is float
        assert value == number
    (problem,) = refused(body({**TRACE, field: 10**400})).problems
    assert problem.startswith((f"traces[0].{field}: ", "not JSON"))


def test_every_problem_is_told_with_its_path() -> None:
    """Not only the first one; the message shows three."""
    error = refused(
        body(
            {**TRACE, "traceId": 1, "name": []},
            TRACE,
            {**without(TRACE, "timestamp"), "observationCount": "3"},
            "text",
            None,
            pagination={"page": 0, "limit": True, "totalItems": 1},
        )
    )
    assert set(error.problems) == {
        "traces[0].traceId: expected a string, got an integer",
        "traces[0].name: expected a string or null, got an array",
        "traces[2].timestamp: required, but missing",
        "traces[2].observationCount: expected an integer, got a string",
        "traces[3]: expected an object, got a string",
        "traces[4]: expected an object, got null",
        "pagination.page: expected an integer >= 1, got 0",
        "pagination.limit: expected an integer, got a boolean",
        "pagination.totalPages: required, but missing",
    }
    assert len(error.problems) == 9
    assert "; ".join(error.problems[:3]) + "; and 6 more." in str(error)
    assert error.problems[3] not in str(error)


@pytest.mark.parametrize(("wrong", "more"), [(2, ""), (3, ""), (4, "; and 1 more")])
def test_the_message_shows_three_problems_and_how_many_more_there_are(wrong: int, more: str) -> None:
    """And where the answer may have come from."""
    error = refused(body(*[None] * wrong))
    shown = "; ".join(f"traces[{i}]: expected an object, got null" for i in range(min(wrong, 3)))
    assert str(error).startswith(f"the answer is not a page of traces: {shown}{more}. ")
    assert "base URL" in str(error)


@pytest.mark.parametrize(
    ("of", "problems"),
    [
        (b"{}", {"traces: required, but missing", "pagination: required, but missing"}),
        (b"[]", {"expected an object, got an array"}),
        (b"null", {"expected an object, got null"}),
        (b"true", {"expected an object, got a boolean"}),
        (b"1", {"expected an object, got an integer"}),
        (b"1.5", {"expected an object, got a number"}),
        (b'"x"', {"expected an object, got a string"}),
        (body(pagination=[]), {"pagination: expected an object, got an array"}),
        (body(pagination=None), {"pagination: expected an object, got null"}),
        (body(pagination="x"), {"pagination: expected an object, got a string"}),
        (json.dumps({"pagination": PAGINATION}).encode(), {"traces: required, but missing"}),
        (body(traces={}), {"traces: expected an array, got an object"}),
        (body(traces=None), {"traces: expected an array, got null"}),
        (body(traces="abc"), {"traces: expected an array, got a string"}),
        (body([]), {"traces[0]: expected an object, got an array"}),
        (body(7), {"traces[0]: expected an object, got an integer"}),
    ],
)
def test_a_document_of_another_shape_is_refused(of: bytes, problems: set[str]) -> None:
    """With what was expected in which place."""
    assert set(refused(of).problems) == problems


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="blank"),
        pytest.param(b"<!DOCTYPE html><title>502</title>", id="HTML"),
        pytest.param(b"{", id="cut off"),
        pytest.param(body(TRACE)[:-1], id="cut off at the last byte"),
        pytest.param(body(TRACE) + b"x", id="something behind it"),
        pytest.param(body({**TRACE, "latencySeconds": math.nan}), id="NaN"),
        pytest.param(body({**TRACE, "latencySeconds": math.inf}), id="Infinity"),
        pytest.param(body({**TRACE, "extra": -math.inf}), id="-Infinity in an unknown field"),
        pytest.param(body(TRACE).replace(b"llm", b"\xff\xfe"), id="no UTF-8"),
        pytest.param(b"\xef\xbb\xbf" * 2 + body(TRACE), id="two byte order marks"),
        pytest.param(body(TRACE).decode().encode("utf-16"), id="UTF-16"),
        pytest.param(body(TRACE).replace(b'"llm"', rb'"\ud80"'), id="half an escape"),
        pytest.param(body(TRACE).replace(b'"llm"', rb'"\ud800\x"'), id="a lone surrogate before what is no escape"),
        pytest.param(body(TRACE).replace(b"1.25", b"1e999"), id="a number beyond all floats"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested too deeply"),
        pytest.param(body(TRACE).replace(b'"llm"', b"[" * 100_000 + b"]" * 100_000), id="nested too deeply inside"),
    ],
)
def test_what_is_not_json_is_refused(of: bytes) -> None:
    """As one problem, which says so."""
    error = refused(of)
    (problem,) = error.problems
    assert problem.startswith("not JSON: ")


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xef\xbb\xbf", id="a byte order mark alone"),
        pytest.param(b"<!DOCTYPE html><title>502</title>", id="HTML"),
        pytest.param(body(TRACE)[:-1], id="cut short at the last byte"),
        pytest.param(body(TRACE)[:70], id="cut short in a text"),
        pytest.param(body({**TRACE, "name": "\ud83d"})[:-1], id="cut short, with half a surrogate pair"),
        pytest.param(body(TRACE).replace(b"llm", b"\xff\xfe"), id="no UTF-8"),
        pytest.param(body(TRACE) * 2, id="twice"),
        pytest.param(body({**TRACE, "latencySeconds": math.nan}), id="NaN"),
    ],
)
def test_what_is_no_json_is_marked_for_the_retries(of: bytes) -> None:
    """It may have become so on its way, and come whole the next time; so it is after a journey between processes."""
    error = refused(of)
    assert error._no_json
    assert pickle.loads(pickle.dumps(error))._no_json  # noqa: S301 - our own


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(b"null", id="null"),
        pytest.param(b'{"error": "no"}', id="another object"),
        pytest.param(body({**TRACE, "traceId": None}), id="a field of another type"),
        pytest.param(body({**TRACE, "timestamp": "soon"}), id="a time that is none"),
        pytest.param(body(TRACE).replace(b"1.25", b"9" * 5000), id="an integer of more digits than are read"),
        pytest.param(body(TRACE).replace(b"1.25", b"1e999"), id="a number beyond all floats"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested too deeply"),
    ],
)
def test_json_of_another_shape_is_not_marked_for_the_retries(of: bytes) -> None:
    """Nor is what is JSON, but more of it than can be held: the next answer would be the same."""
    assert not refused(of)._no_json


@pytest.mark.parametrize("more", [b"", b" ", b"\r\n\t"])
def test_a_byte_order_mark_is_skipped(more: bytes) -> None:
    """Some writers set one before everything (RFC 8259, 8.1)."""
    assert decode_page(b"\xef\xbb\xbf" + more + body(TRACE)) == decode_page(body(TRACE))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (r"hi \ud83d", "hi \ufffd"),
        (r"\uDE00 \ud83D\uDe00 \ud83d", "\ufffd \U0001f600 \ufffd"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (r"\ud83d\n\ude00", "\ufffd\n\ufffd"),
    ],
)
def test_half_a_surrogate_pair_is_read_as_the_replacement_character(written: str, name: str) -> None:
    """What JavaScript writes of a text that was cut in the middle of an emoji does not cost a whole page."""
    (decoded,) = decode_page(body(TRACE).replace(b"llm", written.encode()))
    assert decoded.name == name


def test_what_is_said_of_a_page_that_cannot_be_read_is_bounded() -> None:
    """A page may have a problem in every field, and quote megabytes."""
    error = refused(body(*[TRACE | {"timestamp": "A" * 5000}] * 2000))
    assert len(error.problems) == 1000
    assert max(map(len, error.problems)) < 310
    assert error.problems[0].endswith("AAA...")
    assert "; and 1997 more. Check" in str(error)
    assert len(str(error)) < 1500


def test_a_problem_is_cut_where_it_is_too_long_and_not_before() -> None:
    """After 300 characters, which is said."""
    shortest = refused(body(TRACE | {"timestamp": "A"})).problems[0]
    most = 300 - len(shortest) + 1
    (whole,) = refused(body(TRACE | {"timestamp": "A" * most})).problems
    (cut,) = refused(body(TRACE | {"timestamp": "A" * (most + 1)})).problems
    assert len(whole) == 300
    assert whole.endswith("'")
    assert cut == whole[:-1] + "A..."


def test_what_is_shown_of_a_body_does_not_end_within_the_key() -> None:
    """However long its spelling is."""
    spelled = "".join(f"%{ord(letter):02x}" for letter in KEY)
    for dots in (2040, 2048 - len(spelled) // 2, 2047):
        assert "%" not in text_of(("." * dots + spelled * 20).encode(), Secret(KEY).mask)


def test_the_beginning_of_what_is_no_page_is_shown() -> None:
    """Most often that tells at a glance what it is."""
    assert str(refused(b"<!DOCTYPE html>\n <title>Sign in</title>")).endswith(
        "The answer: it begins with '<!DOCTYPE html> <title>Sign in</title>'."
    )
    assert str(refused(b"")).endswith("The answer: it is empty.")


def test_of_a_key_that_comes_twice_the_last_one_holds() -> None:
    """As in nearly all JSON readers (RFC 8259, 4)."""
    of = body(TRACE).replace(b'"name": "llm"', b'"name": 1, "name": "tts"')
    (decoded,) = decode_page(of)
    assert decoded.name == "tts"
    assert decoded.extra == {}


def test_integers_of_any_size_are_either_read_or_refused() -> None:
    """Without a loss of digits."""
    assert one({**TRACE, "observationCount": 2**63}).observation_count == 2**63
    assert one({**TRACE, "observationCount": -5}).observation_count == -5
    for digits in (400, 5000):
        of = body(TRACE).replace(b'"observationCount": 3', b'"observationCount": ' + b"9" * digits)
        try:
            (decoded,) = decode_page(of)
        except ResponseDecodeError:
            continue
        assert decoded.observation_count == 10**digits - 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)


def mostly(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw from a strategy, and now and then any JSON value."""
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
    """Check that a body is a page, or refused in full words."""
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
    """There is no third way."""
    check_any(json.dumps(document).encode())


@decoding
@given(st.binary(max_size=200) | st.builds(lambda at, junk: body(TRACE)[:at] + junk, st.integers(0, 300), st.binary()))
def test_any_bytes_are_a_page_or_refused(of: bytes) -> None:
    """Also where they only begin as JSON."""
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
def test_what_is_encoded_as_the_service_does_is_decoded_as_it_was(
    traces: list[Trace],
    pagination: Pagination,
    hours: int,
    nulls: bool,  # noqa: FBT001
) -> None:
    """Arbitrary traces, unknown fields included, at any offset, with null fields written or left out."""
    zone = timezone(timedelta(hours=hours))

    def encoded(trace: Trace) -> dict[str, Any]:
        known = {name: getattr(trace, attribute) for name, attribute in ATTRIBUTES.items()}
        known["timestamp"] = trace.timestamp.astimezone(zone).isoformat()
        return {name: value for name, value in known.items() if nulls or value is not None} | dict(trace.extra)

    page = {
        "traces": [encoded(trace) for trace in traces],
        "pagination": dict(zip(PAGINATION, vars_of(pagination), strict=True)),
    }
    assert decode_page(json.dumps(page).encode()) == TracePage(tuple(traces), pagination)
