"""The body of a good answer, from bytes to values. Pure.

Types are checked, never coerced: ``"4"`` is not an integer, ``true`` is not ``1``, ``null`` is not ``"None"``. The one
exception is in the contract: an integer is a legal number of seconds or dollars.

There are two converters. The fast one stops at the first thing it does not like, without saying where; the thorough
one is then asked to read the same page again, and either finds every problem with its path, or that all is well: a
field that may be absent was. That is quicker than one thorough converter, which costs a third more on every page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from cattrs import BaseValidationError, Converter, transform_error
from cattrs.gen import make_dict_structure_fn, override

from .errors import ResponseDecodeError
from .models import Pagination, Trace, TracePage

__all__ = ["LOOKED_AT", "WIRE_NAMES", "beginning_of", "decode_page", "text_of"]

_TEXT_SHOWN: Final = 2048
# Of a text that is to be shown. So much more than that, that what is shown does not end within the key.
LOOKED_AT: Final = 64 * _TEXT_SHOWN

# A trace's fields, and what the API calls them, in its order.
WIRE_NAMES: Final = {
    "trace_id": "traceId",
    "name": "name",
    "session_id": "sessionId",
    "timestamp": "timestamp",
    "latency_seconds": "latencySeconds",
    "total_cost_usd": "totalCostUsd",
    "observation_count": "observationCount",
    "html_path": "htmlPath",
}
_KNOWN: Final = frozenset(WIRE_NAMES.values())
_NULLABLE: Final = dict.fromkeys(("name", "sessionId", "latencySeconds", "totalCostUsd", "htmlPath"))

_JSON_NAMES: Final = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "null",
}


_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

# A page may have a problem in every field of every trace, and quote a text of any length with each.
_PROBLEMS_SHOWN: Final = 1000
_PROBLEM_SHOWN: Final = 300


def _unexpected(expected: str, value: object) -> TypeError:
    return TypeError(f"expected {expected}, got {_JSON_NAMES[type(value)]}")


def _string(value: Any, _: Any) -> str:
    if value.__class__ is not str:
        raise _unexpected("a string", value)
    return value


def _optional_string(value: Any, _: Any) -> str | None:
    if value is not None and value.__class__ is not str:
        raise _unexpected("a string or null", value)
    return value


def _integer(value: Any, _: Any) -> int:
    if value.__class__ is not int:
        raise _unexpected("an integer", value)
    return value


def _optional_number(value: Any, _: Any) -> float | None:
    if value is None or value.__class__ is float:
        return value
    if value.__class__ is int:
        return float(value)
    raise _unexpected("a number or null", value)


def _timestamp(value: Any, _: Any) -> datetime:
    if value.__class__ is not str:
        raise _unexpected("an RFC 3339 date-time", value)
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("expected an RFC 3339 date-time with its offset from UTC, got one without")
    return moment.astimezone(UTC)


def _at_least(minimum: int) -> Callable[[Any, Any], int]:
    def count(value: Any, _: Any) -> int:
        number = _integer(value, _)
        if number < minimum:
            raise ValueError(f"expected an integer >= {minimum}, got {number}")
        return number

    return count


_TRACE_HOOKS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "trace_id": _string,
    "name": _optional_string,
    "session_id": _optional_string,
    "timestamp": _timestamp,
    "latency_seconds": _optional_number,
    "total_cost_usd": _optional_number,
    "observation_count": _integer,
    "html_path": _optional_string,
}


_Hook = Callable[[Any, Any], Any]


def _fields_of(cls: type, converter: Converter, **fields: Any) -> _Hook:
    return make_dict_structure_fn(cls, converter, _cattrs_detailed_validation=converter.detailed_validation, **fields)


def _only(kind: type, expected: str, hook: _Hook) -> _Hook:
    def checked(value: Any, cls: Any) -> Any:
        if value.__class__ is not kind:
            raise _unexpected(expected, value)
        return hook(value, cls)

    return checked


def _trace_hook(converter: Converter) -> _Hook:
    structure = _fields_of(
        Trace,
        converter,
        extra=override(omit=True),
        **{name: override(rename=WIRE_NAMES[name], struct_hook=hook) for name, hook in _TRACE_HOOKS.items()},
    )

    def fast(value: Any, cls: Any) -> Trace:
        trace: Trace = structure(value, cls)
        if len(value) != len(_KNOWN):
            extra = {name: value[name] for name in value if name not in _KNOWN}
            trace.extra = extra  # type: ignore[misc]  # frozen to the type checker only; nobody has seen it yet
        return trace

    def thorough(value: Any, cls: Any) -> Trace:
        return fast(_NULLABLE | value, cls)

    return _only(dict, "an object", thorough) if converter.detailed_validation else fast


def _page_hook(*, thorough: bool) -> _Hook:
    converter = Converter(detailed_validation=thorough)
    converter.register_structure_hook(Trace, _trace_hook(converter))
    pagination = _fields_of(
        Pagination,
        converter,
        page=override(struct_hook=_at_least(1)),
        limit=override(struct_hook=_at_least(1)),
        total_items=override(rename="totalItems", struct_hook=_at_least(0)),
        total_pages=override(rename="totalPages", struct_hook=_at_least(0)),
    )
    page = _fields_of(
        TracePage,
        converter,
        traces=override(struct_hook=_only(list, "an array", converter.get_structure_hook(tuple[Trace, ...]))),
        pagination=override(struct_hook=_only(dict, "an object", pagination)),
    )
    return _only(dict, "an object", page)


_read_json: Final = msgspec.json.Decoder().decode
_read_fast: Final[Callable[[Any, Any], TracePage]] = _page_hook(thorough=False)
_read_thoroughly: Final[Callable[[Any, Any], TracePage]] = _page_hook(thorough=True)


def decode_page(body: bytes, mask: Callable[[str], str] = str) -> TracePage:
    """Read the body of a 200.

    :param body: the answer's body, decompressed.
    :param mask: takes the API key out of a text, should the server have echoed it.
    :raises ResponseDecodeError: if it is not JSON (RFC 8259), or not what the endpoint's documentation promises.
    """
    no_json = False
    try:
        document = _parse(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        found: tuple[str, ...] = (f"not JSON: {exc}",)
        # It may be JSON all the same, with a number too large to be read, or nested too deeply.
        no_json = not isinstance(exc, msgspec.ValidationError | RecursionError)
    else:
        try:
            return _read_fast(document, TracePage)
        except (KeyError, TypeError, ValueError, OverflowError):
            pass
        try:
            return _read_thoroughly(document, TracePage)
        except (TypeError, BaseValidationError) as exc:
            found = _problems(exc)
    problems = tuple(_shortened(mask(problem)) for problem in found[:_PROBLEMS_SHOWN])
    shown = "; ".join(problems[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    failure = ResponseDecodeError(
        f"the answer is not a page of traces: {shown}. Does the base URL lead to the API, and is there a newer version "
        f"of this library? As for the answer: {beginning_of(body, mask)}.",
        problems=problems,
    )
    failure._no_json = no_json
    raise failure


def _parse(body: bytes) -> Any:
    try:
        return _read_json(body)
    except msgspec.DecodeError:
        # Half of a surrogate pair is within the grammar (RFC 8259, 8.2), and what JavaScript writes of a text that was
        # cut in the middle of an emoji. It stands for no character.
        mended = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape["half"] else escape[0], body)
        if mended == body:
            raise
        return _read_json(mended)


def _shortened(problem: str) -> str:
    return problem if len(problem) <= _PROBLEM_SHOWN else f"{problem[:_PROBLEM_SHOWN]}..."


def _problems(exc: Exception) -> tuple[str, ...]:
    if not isinstance(exc, BaseValidationError):
        return (str(exc),)
    return tuple(map(_on_the_wire, transform_error(exc, path="", format_exception=_describe)))


def _describe(exc: BaseException, _: type | None) -> str:
    return "required, but missing" if isinstance(exc, KeyError) else str(exc)


def _on_the_wire(problem: str) -> str:
    """Turn cattrs' ``what @ .path.of_attributes[3]`` into ``path.ofAttributes[3]: what``."""
    what, _, path = problem.rpartition(" @ ")
    path = re.sub("_([a-z])", lambda match: match[1].upper(), path.removeprefix("."))
    return f"{path}: {what}"


def text_of(body: bytes, mask: Callable[[str], str]) -> str:
    """Return the first 2 KiB of a body as text, without the key."""
    return mask(body[:LOOKED_AT].decode(errors="replace"))[:_TEXT_SHOWN]


def beginning_of(body: bytes, mask: Callable[[str], str]) -> str:
    """Return a phrase that shows how a body begins."""
    text = " ".join(text_of(body, mask)[:120].split())
    return f"it begins with {text!r}" if text else "it is empty"
