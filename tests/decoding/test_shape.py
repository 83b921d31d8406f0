"""The two ways to read a page: a page that the quick way accepts has the same values in the thorough way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final, get_type_hints

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lyzr_traces_async import _decoding
from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async._json import read_json
from lyzr_traces_async._shape import WIRE_NAMES, read_quickly, read_thoroughly
from lyzr_traces_async.errors import ResponseDecodeError
from lyzr_traces_async.models import Trace, TracePage

EXAMPLES: Final = 2 * int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
reading = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Spellings of values that JSON readers may treat differently, legal and illegal ones.
INTEGERS: Final = ("0", "-0", "1", str(2**53 + 1), str(2**63), str(2**64), str(-(2**63) - 1), "9" * 30, "9" * 400)
NUMBERS: Final = (
    *("0", "-0", "1.0", "1e0", "1E+2", "0.1e1", "-0.0", "100e-2", "1e-400", "5e-324", "1e308", "9" * 30, "9" * 309),
    *("1." + "3" * 400, "0." + "0" * 400 + "1", "9" * 400 + "e-100", "1.7976931348623157e308", str(2**53 + 1)),
)
TEXTS: Final = (r'"\ud83d\ude00"', r'"\u0000\/\b"', '"\x7f"', '"é😀"', '""', '"4"', '"null"')
TIMES: Final = (
    *("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05.1Z", "2026-01-02T03:04:05.1234567Z"),
    *(
        "2026-01-02T03:04:05.9999999Z",
        "2026-12-31T23:59:59.9999995Z",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05.Z",
    ),
    *(
        "2026-01-02T03:04:05+05:30",
        "2026-01-02T03:04:05-00:00",
        "2026-01-02T03:04:05+23:59",
        "2026-01-02T03:04:05+05:60",
    ),
    *(
        "2026-01-02T03:04:05+01:00:30",
        "2026-01-02T03:04:05+0100",
        "20260102T030405Z",
        "2026-01-02T03:04Z",
        "2026-W01-1T03Z",
    ),
    *("2026-01-02t03:04:05z", "2016-12-31T23:59:60Z", "2026-01-02T03:04:05 Z", "9999-12-31T23:59:59.9999999-00:00"),
)
NO_TIMES: Final = (
    *("2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05", "2026-01-02", "2026-01-02T24:00:00Z", "2026-03-25T18:19:60Z"),
    *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.9999999-00:01", "2026-02-29T00:00:00Z", "2026-1-2T3:4:5Z", ""),
)
NO_VALUES: Final = (
    *("1e400", "9" * 5000, "1.7976931348623159e308", "01", "+1", ".5", "1.", "1e", "NaN", "-Infinity", "0x1", "1_0"),
    *(r'"\ud83d"', '"\x01"', r'"\x"', '"\ud83d"', "'a'", "", "nul"),
)
OTHERS: Final = ("null", "true", "false", "[]", "{}", "[[1, {}]]", '{"a": 1}')
VALUES: Final = (*INTEGERS, *NUMBERS, *TEXTS, *OTHERS, *map(json.dumps, (*TIMES, *NO_TIMES)), *NO_VALUES)

anything = st.sampled_from(VALUES)
texts = st.sampled_from(TEXTS) | st.builds(
    lambda text, escaped: json.dumps(text, ensure_ascii=escaped),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    st.booleans(),
)
integers = st.sampled_from(INTEGERS) | st.integers().map(str)
floats = st.floats(allow_nan=False, allow_infinity=False).map(json.dumps)
times = st.sampled_from(TIMES) | st.builds(
    lambda moment, separator, digits, zone: (
        f"{moment.date()}{separator}{moment:%H:%M:%S}" + (f".{digits}" if digits else "") + zone
    ),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),  # noqa: DTZ001 - the zone is another matter
    st.sampled_from("TTTt _"),
    st.text("0159", max_size=9),
    st.sampled_from(("Z", "Z", "+00:00", "+05:30", "-08:00", "-23:59")),
)
KINDS: Final[dict[Any, st.SearchStrategy[str]]] = {
    str: texts,
    str | None: texts | st.just("null"),
    int: integers,
    float | None: floats | st.sampled_from(NUMBERS) | st.just("null"),
    datetime: times.map(lambda text: f'"{text}"'),
}
names = st.sampled_from(("", "extra", "trace_id", "traceID", "new", r"na\u006de", r"\ud800"))


@st.composite
def objects(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[str]]) -> str:
    """Write an object with these fields in any order, sometimes with one too many, missing, twice or different."""
    members = [(name, draw(values)) for name, values in fields.items()]
    change = draw(st.sampled_from(("", "", "", "order", "order", "more", "less", "twice", "twice", "other")))
    at = draw(st.integers(0, len(members) - 1))
    if change == "order":
        members = draw(st.permutations(members))
    elif change == "more":
        members.insert(at, (draw(names), draw(anything)))
    elif change == "less":
        del members[at]
    elif change == "twice":
        members.insert(0, (members[at][0], draw(st.one_of(fields[members[at][0]], anything))))
    elif change == "other":
        members[at] = (members[at][0], draw(anything))
    blank = draw(st.sampled_from(("", " ", "\r\n\t")))
    return "{" + f"{blank},{blank}".join(f'"{name}"{blank}:{blank}{value}' for name, value in members) + "}"


traces = objects({WIRE_NAMES[name]: KINDS[kind] for name, kind in get_type_hints(Trace).items() if name in WIRE_NAMES})
counts = st.integers(1, 3).map(str) | st.sampled_from(INTEGERS[2:])
places = objects(dict.fromkeys(("page", "limit", "totalItems", "totalPages"), counts))
pages = objects({"traces": st.lists(traces, max_size=3).map(lambda rows: f"[{','.join(rows)}]"), "pagination": places})
bodies = st.builds(
    lambda before, page, behind: (before + page + behind).encode("utf-8", "surrogatepass"),
    st.sampled_from(("", "", "", "", " ", "\ufeff", "\ufeff\ufeff")),
    pages,
    st.sampled_from(("", "", "", "", "\n", ",")),
)

TRACE: Final = {
    "traceId": "t-1",
    "name": "llm",
    "sessionId": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "latencySeconds": 1.25,
    "totalCostUsd": 1,
    "observationCount": 3,
    "htmlPath": "/project/p/traces/t-1",
}


def body(*rows: Any, **others: Any) -> bytes:
    """Return the body of a page of these traces."""
    pagination = {"page": 1, "limit": 100, "totalItems": len(rows), "totalPages": 1}
    return json.dumps({"traces": rows, "pagination": pagination, **others}).encode()


def page_of(read: Callable[[bytes], TracePage], of: bytes) -> str:
    """Return the repr of the page, which distinguishes 1 from 1.0, or the name of the exception."""
    try:
        return repr(read(of))
    except Exception as error:  # noqa: BLE001 - which ones there are is another test's affair
        return type(error).__name__


@reading
@given(bodies)
@example(body(TRACE))
@example(b"\xef\xbb\xbf" + body(TRACE))
@example(body(*({**TRACE, "timestamp": time} for time in TIMES[:4])))
def test_both_ways_read_the_same_page(of: bytes) -> None:
    """The quick way accepts nothing that the thorough way refuses."""
    quick, thorough = page_of(read_quickly, of), page_of(lambda of: read_thoroughly(read_json(of)), of)
    if quick.startswith("TracePage("):
        assert quick == thorough
    try:
        page = decode_page(of)
    except ResponseDecodeError:
        assert not thorough.startswith("TracePage(")
    else:
        assert repr(page) == thorough


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", TRACE)
def test_each_field_is_read_the_same_in_either_way(name: str, value: str) -> None:
    """For any value, the quick way gives the same result or leaves the page to the thorough way."""
    rows = ",".join(f"{json.dumps(each)}:{value if each == name else json.dumps(TRACE[each])}" for each in TRACE)
    of = body("HERE").replace(b'"HERE"', f"{{{rows}}}".encode("utf-8", "surrogatepass"))
    quick, thorough = page_of(read_quickly, of), page_of(lambda of: read_thoroughly(read_json(of)), of)
    assert quick == thorough or not quick.startswith("TracePage(")


USUAL: Final = {
    "all fields": TRACE,
    "nulls": TRACE | dict.fromkeys(("name", "sessionId", "latencySeconds", "totalCostUsd", "htmlPath")),
    "no nullable fields": {name: TRACE[name] for name in ("traceId", "timestamp", "observationCount")},
    "an offset": {**TRACE, "timestamp": "2026-01-02T03:04:05.678+05:30"},
    "any digits": {**TRACE, "timestamp": "2026-01-02T03:04:05.678901234Z"},
    "large integers": {**TRACE, "observationCount": 2**70, "latencySeconds": 2**70},
}


@pytest.mark.parametrize("usual", USUAL)
def test_a_usual_page_is_read_once(usual: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick way reads it alone. Otherwise the page would only take longer, which no other test notices."""

    def read_again(_: Any) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(_decoding, "read_thoroughly", read_again)
    assert len(decode_page(body(TRACE, USUAL[usual]))) == 2


@pytest.mark.parametrize(
    "unusual",
    [
        body({**TRACE, "new": 1}),
        body(TRACE, new=1),
        body(TRACE, pagination={"page": 1, "limit": 1, "totalItems": 0, "totalPages": 0, "new": 1}),
        body({**TRACE, "timestamp": "2026-01-02t03:04:05z"}),
        body({**TRACE, "name": "\ud83d"}),
        b"\xef\xbb\xbf" + body(TRACE),
        body(TRACE).replace(b'"name"', b'"name": 1, "name"'),
    ],
)
def test_an_unusual_page_is_left_to_the_thorough_way(unusual: bytes) -> None:
    """It is read without losing a field."""
    assert page_of(read_quickly, unusual) in ("ValidationError", "ValueError", "DecodeError")
    assert len(decode_page(unusual)) == 1


def test_offsets_are_the_same_moment_in_either_way() -> None:
    """Both give it in UTC, for every offset."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001 - the zones follow
    for minutes in range(-1439, 1440, 7):
        local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()
        of = body({**TRACE, "timestamp": local})
        assert repr(read_quickly(of)) == repr(read_thoroughly(read_json(of)))


def test_the_names_on_the_wire_are_those_of_the_documentation() -> None:
    """They are derived from the model and keep its order."""
    assert list(WIRE_NAMES.values()) == list(TRACE)
    assert list(WIRE_NAMES) == [field.name for field in attrs.fields(Trace) if field.name != "extra"]
