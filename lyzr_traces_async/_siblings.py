"""Reading the answers of two other endpoints: one trace with its observations, and the list of ended sessions. Pure.

Only the small fields of a session are parsed. Its chat may have megabytes, and is skipped unparsed.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import attrs
import msgspec

from ._checks import Hook, at_least, fields_of, list_of, only, reader
from ._json import read_json, read_mended
from ._wire import camel_case
from .models import Observation, SessionInfo, TraceDetail

__all__ = ["SessionsPage", "light_parts", "read_sessions", "read_trace"]

# The size up to which an unknown field of a session is read, in bytes of JSON, and the fields that are never read.
_LIGHT: Final = 4096
_HEAVY: Final = frozenset({"chatHistory", "sessionReport"})
_KNOWN: Final = frozenset(camel_case(field.name) for field in attrs.fields(SessionInfo))


@attrs.frozen
class _TraceAnswer:
    trace: TraceDetail


@attrs.frozen
class SessionsPage:
    """A part of the list of sessions."""

    items: tuple[SessionInfo, ...]
    total: int
    """How many sessions the whole list has."""
    offset: int
    next_offset: int | None
    """The offset of the next part, or ``None`` at the end of the list."""


# Each reader is built on first use: building it is the slowest step here, and most programs need neither.


@cache
def _trace_reader() -> Hook:
    observations = list_of(Observation, reader(Observation))
    fields = fields_of(_TraceAnswer, {"trace": reader(TraceDetail, observations=observations)})
    return only(dict, "an object", fields)


@cache
def _sessions_reader() -> Hook:
    checks: dict[str, Hook] = {
        "items": list_of(SessionInfo, reader(SessionInfo)),
        "total": at_least(0),
        "offset": at_least(0),
        "next_offset": lambda value, cls: None if value is None else at_least(1)(value, cls),
    }
    return only(dict, "an object", fields_of(SessionsPage, checks))


def read_trace(document: Any) -> TraceDetail:
    """Read one trace with its observations from its parsed JSON.

    :raises TypeError: if ``document`` is not an object.
    :raises cattrs.BaseValidationError: if ``document`` has problems. The error lists all of them.
    """
    answer: _TraceAnswer = _trace_reader()(document, _TraceAnswer)
    return answer.trace


def read_sessions(document: Any) -> SessionsPage:
    """Read a part of the list of sessions from its parsed JSON. Raises as :func:`read_trace` does."""
    page: SessionsPage = _sessions_reader()(document, SessionsPage)
    return page


_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def light_parts(body: bytes) -> Any:
    """Parse a list of sessions without their large fields.

    :raises msgspec.MsgspecError: if ``body`` is not JSON.
    :raises UnicodeDecodeError: if ``body`` is not UTF-8.
    """
    document = _fields_of(body)
    if not isinstance(document, dict):
        return document
    parsed = {name: read_json(bytes(field)) for name, field in document.items() if name != "items"}
    if "items" in document:
        items = bytes(document["items"])
        parts = read_mended(items, _items) if items[:1] == b"[" else None
        parsed["items"] = read_json(items) if parts is None else [_light(_fields_of(bytes(part))) for part in parts]
    return parsed


def _fields_of(text: bytes) -> Any:
    """Return the fields of an object, each unparsed. Any other JSON value is parsed."""
    try:
        return read_mended(text, _fields)
    except msgspec.ValidationError:
        return read_json(text)


def _light(fields: Any) -> Any:
    if not isinstance(fields, dict):
        return fields
    return {
        name: read_json(bytes(field))
        for name, field in fields.items()
        if name in _KNOWN or (name not in _HEAVY and memoryview(field).nbytes <= _LIGHT)
    }
