"""Strategies that damage the bytes or the structure of a page, and the page before the damage."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from lyzr_traces_async import (
    LyzrTracesError,
)

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TRACE = {
    "traceId": "trace-äbc-123",
    "name": "voice-agent-response 😀",
    "sessionId": SESSION,
    "timestamp": "2026-03-25T18:19:24.347Z",
    "latencySeconds": 1.25,
    "totalCostUsd": 0.0034,
    "observationCount": 4,
    "htmlPath": "/traces/view/trace-abc-123",
}
DOCUMENT: dict[str, Any] = {
    "traces": [
        TRACE,
        {**TRACE, "traceId": "2", "name": None, "latencySeconds": 1, "totalCostUsd": None, "new": {"a": [1, None]}},
        {**TRACE, "traceId": "3", "timestamp": "2026-03-25T18:19:20.000Z"},
    ],
    "pagination": {"page": 1, "limit": 100, "totalItems": 3, "totalPages": 1},
}
BODY = json.dumps(DOCUMENT, ensure_ascii=False).encode()


def check_text(error: LyzrTracesError) -> None:
    assert str(error).encode()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own


@st.composite
def damaged_bytes(draw: st.DrawFn, whole: bytes = BODY) -> bytes:
    """Flip, cut, insert or duplicate bytes, one to four times."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(1, 40)))
        piece = bytes(data[start:end])
        how = draw(st.sampled_from(("flip", "cut", "insert", "duplicate", "end")))
        if how == "flip" and piece:
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del data[start:end]
        elif how == "insert":
            data[start:start] = draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(FRAGMENTS)))
        elif how == "duplicate":
            data[start:start] = piece * draw(st.integers(1, 3))
        else:
            del data[start:]
    return bytes(data)


FRAGMENTS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"null", b"true", b"-", b"1e999", b"-0", b"00", b"9" * 30, b"." + b"0" * 400),
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\udc00\\ud800",
        b"\\u0000",
        b"//",
        b"/**/",
    ),
    *(b"\xef\xbb\xbf", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00", b"\x7f", b"\xe2\x80\xa8"),
)


class Literal(str):
    """A text that is written into the JSON unchanged, even if it is not legal there."""

    __slots__ = ()


LITERALS = tuple(
    map(
        Literal,
        (
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            "1e400",
            "-1e400",
            "01",
            "+1",
            ".5",
            "1.",
            "0x1",
            "'a'",
            "undefined",
            "",
        ),
    )
)
LONE = tuple(map(Literal, (r'"\ud800"', r'"\udfff\ud800"', r'"\ud83d"', r'"a\udc00b"')))
NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**308, 10**400, -(10**400), 1e308, 5e-324)
TEXTS = ("", "4", "null", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-03-25T18:19:24", "a" * 70_000)
TIMES = ("2026-02-30T00:00:00Z", "2026-03-25T24:00:00Z", "2026-03-25T18:19:60Z", "2026-W13-3T18Z", "20260325T181924Z")
REPLACEMENTS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from((None, True, False, [], {}, [[]], {"a": {}}, *LITERALS, *LONE, *NUMBERS, *TEXTS, *TIMES)),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.lists(st.none() | st.integers(), max_size=3),
)


def json_of(value: Any, repeat: frozenset[str] = frozenset()) -> str:
    """Write JSON that may be wrong: literals stay unchanged, and keys of `repeat` appear as null first."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        pairs = [(name, json_of(each, repeat)) for name, each in value.items()]
        again = [(name, "null") for name, _ in pairs if name in repeat]
        members = ",".join(f"{json.dumps(name)}:{text}" for name, text in again + pairs)
        return f"{{{members}}}"
    if isinstance(value, list):
        return f"[{','.join(json_of(each, repeat) for each in value)}]"
    return json.dumps(value)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in _places(value[key], (*path, key)))]


PLACES = _places(DOCUMENT)


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> None:
    """Apply a change at a path, if the path still exists."""
    *way, last = path
    for key in way:
        if not _has(value, key):
            return
        value = value[key]
    if _has(value, last):
        change(value, last)


def _has(value: Any, key: Any) -> bool:
    return key in value if isinstance(value, dict) else isinstance(value, list) and key in range(len(value))


@st.composite
def damaged_structure(draw: st.DrawFn) -> bytes:
    """Drop, replace, wrap or add nodes one to three times, and repeat some keys."""
    document = json.loads(BODY)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PLACES[1:]))
        how = draw(st.sampled_from(("drop", "replace", "replace", "wrap", "add")))
        new = draw(REPLACEMENTS)

        def change(parent: Any, key: Any, how: str = how, new: Any = new) -> None:
            if how == "drop":
                del parent[key]
            elif how == "wrap":
                parent[key] = [parent[key]]
            elif how == "add" and isinstance(parent, dict):
                parent[draw(st.text(max_size=8))] = new
            else:
                parent[key] = new

        _changed(document, path, change)
    repeat = draw(st.frozensets(st.sampled_from(sorted({*TRACE, *DOCUMENT, *DOCUMENT["pagination"]})), max_size=2))
    return json_of(document, repeat).encode("utf-8", "surrogatepass")
