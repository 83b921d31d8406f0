"""The decoder refuses a damaged page with an error of ours, or reads it correctly."""

from __future__ import annotations

import gzip
import os
import pickle
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lyzr_traces_async import (
    ResponseDecodeError,
    Trace,
    TracePage,
)
from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async._json import read_json
from lyzr_traces_async._shape import read_quickly, read_thoroughly
from tests.helpers import plain_page
from tests.helpers.damage import (
    BODY,
    DOCUMENT,
    REPLACEMENTS,
    TRACE,
    Literal,
    check_text,
    damaged_bytes,
    damaged_structure,
    json_of,
)

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))


def _check(body: bytes) -> bool:
    """Decode a body and check the outcome. Return whether it is still a page."""
    try:
        page = decode_page(body)
    except ResponseDecodeError as error:
        _check_error(error)
        assert _either_way(body) == (None, None)
        return False
    _check_page(page, body)
    quick, thorough = _either_way(body)
    assert repr(thorough) == repr(page)
    assert quick is None or repr(quick) == repr(page)
    return True


def _either_way(body: bytes) -> tuple[TracePage | None, TracePage | None]:
    """Read a page in the quick way and in the thorough way. ``None`` stands for a refusal."""
    ways: list[TracePage | None] = []
    for read in (read_quickly, lambda body: read_thoroughly(read_json(body))):
        try:
            ways.append(read(body))
        except Exception:  # noqa: BLE001 - the decoder knows the kinds, and has tests of its own
            ways.append(None)
    quick, thorough = ways
    return quick, thorough


def _check_page(page: TracePage, body: bytes) -> None:
    reference = plain_page.read(body)
    assert page == reference
    assert repr(page) == repr(reference)  # unlike ==, this distinguishes 1 from 1.0
    assert pickle.loads(pickle.dumps(page)) == page  # noqa: S301 - our own
    assert len({hash(trace) for trace in page}) <= len(page)
    for trace in page:
        _check_trace(trace)


def _check_trace(trace: Trace) -> None:
    numbers = (trace.latency_seconds, trace.total_cost_usd)
    texts = (trace.trace_id, trace.name, trace.session_id, trace.html_path)
    assert all(number is None or type(number) is float for number in numbers)
    assert all(text is None or text.encode() is not None for text in texts)
    offset = trace.timestamp.utcoffset()
    assert offset is not None
    assert not offset


def _check_error(error: ResponseDecodeError) -> None:
    assert error.problems
    assert error.__cause__ is None
    check_text(error)


@settings(max_examples=2 * EXAMPLES, derandomize=True, deadline=None)
@given(damaged_bytes())
def test_damaged_bytes_are_refused_or_read_correctly(body: bytes) -> None:
    """An accepted page equals the standard library's reading of it."""
    _check(body)


@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged_structure())
def test_a_damaged_structure_is_refused_or_read_correctly(body: bytes) -> None:
    """Nodes may be missing, duplicated, of another type or in another place."""
    _check(body)


@given(st.dictionaries(st.text(max_size=10).filter(lambda name: name not in TRACE), REPLACEMENTS, max_size=4))
@settings(derandomize=True, deadline=None)
def test_unknown_fields_are_kept_or_refused(more: dict[str, Any]) -> None:
    """They become the trace's `extra`, unless they are not JSON."""
    document = {**DOCUMENT, "traces": [{**TRACE, **more}]}
    _check(json_of(document).encode("utf-8", "surrogatepass"))


def _with(**changes: str) -> bytes:
    return json_of(
        {**DOCUMENT, "traces": [{**TRACE, **{name: Literal(text) for name, text in changes.items()}}]}
    ).encode()


def _place(**changes: str) -> bytes:
    changed = {name: Literal(text) for name, text in changes.items()}
    return json_of({**DOCUMENT, "pagination": {**DOCUMENT["pagination"], **changed}}).encode()


def _deep(depth: int, opening: bytes, closing: bytes) -> bytes:
    return (
        BODY.replace(b'"new": ', b'"new": ' + opening * depth, 1)
        .replace(b'}}, {"traceId": "2"', b"", 1)
        .replace(b"[1, null]}", b"[1, null]}" + closing * depth, 1)
    )


GOOD: dict[str, bytes] = {
    "as it should be": BODY,
    "with a byte order mark": b"\xef\xbb\xbf" + BODY,
    "with blanks around it": b" \r\n\t" + BODY + b"\n",
    "with repeated keys": json_of(DOCUMENT, frozenset({"traces", "traceId", "page"})).encode(),
    "nested a little": _deep(50, b'{"a": ', b"}"),
    "with an integer as a number": _with(latencySeconds="3", totalCostUsd="9007199254740993"),
    "with a number that is almost nothing": _with(latencySeconds="1e-999"),
    "with escapes": _with(name=r'"\ud83d\ude00\u0000\/\b"'),
    "with a lone surrogate": _with(name=r'"\ud800"'),
    "with a lone surrogate as a key": BODY.replace(b'"new"', rb'"\udc00"'),
    "with lone surrogates beside pairs and backslashes": _with(name=r'"\\\ud83d\ude00\ud83d\\ud83d\udc00\ud83d\ude00"'),
    "with an integer of 30 digits": _with(observationCount="9" * 30),
    "with more pages than can be": _place(totalPages="9" * 400),
}
BAD: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n",
    "two byte order marks": b"\xef\xbb\xbf" * 2 + BODY,
    "a byte order mark behind a blank": b" \xef\xbb\xbf" + BODY,
    **{f"in {coding}": BODY.decode().encode(coding) for coding in ("utf-16", "utf-16-le", "utf-32")},
    "in Latin-1": BODY.decode().replace("😀", "").encode("latin-1"),
    "still compressed": gzip.compress(BODY),
    "twice": BODY + BODY,
    "with something behind it": BODY + b";",
    "nested without end": b"[" * 1_000_000,
    "objects nested without end": b'{"a":' * 1_000_000,
    "nested deep in a field": _deep(100_000, b"[", b"]"),
    "with an integer of 10,000 digits": _with(observationCount="9" * 10_000),
    "with a number of 10,000 digits": _with(latencySeconds="9" * 10_000),
    "with a number out of range": _with(latencySeconds="1e999"),
    "with an integer out of a float's range": _with(latencySeconds="9" * 400),
    "with NaN": _with(latencySeconds="NaN"),
    "with Infinity": _with(totalCostUsd="-Infinity"),
    "with a lone surrogate in UTF-8": _with(name='"HERE"').replace(b"HERE", b"\xed\xa0\x80"),
    "with a control character": _with(name='"\x01"'),
    "with a comment": b"/* page */" + BODY,
    "with a comma too many": BODY[:-1] + b",}",
    "in single quotes": BODY.replace(b'"', b"'"),
    "a time before the first": _with(timestamp='"0001-01-01T00:00:00+23:59"'),
    "a time after the last": _with(timestamp='"9999-12-31T23:59:59-23:59"'),
    "a time with a lone surrogate": _with(timestamp=r'"2026-03-25T18:19:24\ud800"'),
    "a repeated key that spoils it": BODY[:-1] + b', "traces": null}',
    "a page below the first": _place(page="0"),
    "a negative total": _place(totalItems="-1"),
    "a total that is no integer": _place(totalItems="3.0"),
}


def test_a_page_is_read_in_every_spelling_that_json_allows() -> None:
    """JSON leaves a writer some freedom."""
    assert {name: _check(body) for name, body in GOOD.items()} == dict.fromkeys(GOOD, True)


def test_a_body_that_is_no_page_is_refused() -> None:
    """Each raises our own error, which says what is wrong."""
    assert {name: _check(body) for name, body in BAD.items()} == dict.fromkeys(BAD, False)
