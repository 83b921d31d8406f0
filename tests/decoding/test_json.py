"""Bodies that are not JSON, and the freedom that JSON leaves its writer."""

from __future__ import annotations

import math
import pickle

import pytest

from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async.errors import ResponseDecodeError
from tests.decoding.pages import TRACE, body, one, refused


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
def test_a_body_that_is_not_json_is_refused(of: bytes) -> None:
    """The error has one problem, which says so."""
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
def test_a_body_that_is_not_json_may_be_retried(of: bytes) -> None:
    """It may have been damaged on its way. The mark survives pickling."""
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
def test_json_of_another_shape_is_not_retried(of: bytes) -> None:
    """Valid JSON beyond our limits is not retried either: the next answer would be the same."""
    assert not refused(of)._no_json


@pytest.mark.parametrize("more", [b"", b" ", b"\r\n\t"])
def test_a_byte_order_mark_is_skipped(more: bytes) -> None:
    """Some writers put one at the start (RFC 8259, 8.1)."""
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
    """JavaScript writes one if it cuts a text within an emoji. That must not cost a whole page."""
    (decoded,) = decode_page(body(TRACE).replace(b"llm", written.encode()))
    assert decoded.name == name


def test_the_last_of_two_equal_keys_counts() -> None:
    """Nearly all JSON readers do the same (RFC 8259, 4)."""
    of = body(TRACE).replace(b'"name": "llm"', b'"name": 1, "name": "tts"')
    (decoded,) = decode_page(of)
    assert decoded.name == "tts"
    assert decoded.extra == {}


def test_integers_of_any_size_are_either_read_or_refused() -> None:
    """An accepted integer has all its digits."""
    assert one({**TRACE, "observationCount": 2**63}).observation_count == 2**63
    assert one({**TRACE, "observationCount": -5}).observation_count == -5
    for digits in (400, 5000):
        of = body(TRACE).replace(b'"observationCount": 3', b'"observationCount": ' + b"9" * digits)
        try:
            (decoded,) = decode_page(of)
        except ResponseDecodeError:
            continue
        assert decoded.observation_count == 10**digits - 1
