"""Decoding of the body of a 200 into models, or into an error that lists its problems. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from cattrs import BaseValidationError, transform_error

from ._json import read_json
from ._shape import read_quickly, read_thoroughly
from ._siblings import SessionsPage, light_parts, read_sessions, read_trace
from ._wire import camel_case
from .errors import ResponseDecodeError
from .models import TraceDetail, TracePage

__all__ = ["LOOKED_AT", "beginning_of", "decode_page", "decode_sessions", "decode_trace", "text_of"]

_TEXT_SHOWN: Final = 2048
# Texts are masked before they are shortened, so that no part of a key is left at the end. Only this much is masked.
LOOKED_AT: Final = 64 * _TEXT_SHOWN

# A page may have a problem in every field of every trace, and each problem may quote a text of any length.
_PROBLEMS_SHOWN: Final = 1000
_PROBLEM_SHOWN: Final = 300

_T = TypeVar("_T")


def decode_page(body: bytes, mask: Callable[[str], str] = str) -> TracePage:
    """Decode the body of a 200 as a page of traces.

    :param body: the answer's body, decompressed.
    :param mask: removes the API key from a text; the server may have echoed the key.
    :raises ResponseDecodeError: if ``body`` is not JSON (RFC 8259), or does not follow the endpoint's documentation.
    """
    try:
        return read_quickly(body)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        pass  # so that this exception is not the context of an error below
    return _decode("a page of traces", body, mask, lambda body: read_thoroughly(read_json(body)))


def decode_trace(body: bytes, mask: Callable[[str], str] = str) -> TraceDetail:
    """Decode the body of a 200 as one trace. Raises as :func:`decode_page` does."""
    return _decode("a trace with its observations", body, mask, lambda body: read_trace(read_json(body)))


def decode_sessions(body: bytes, mask: Callable[[str], str] = str) -> SessionsPage:
    """Decode the body of a 200 as a part of the list of sessions. Raises as :func:`decode_page` does."""
    return _decode("a list of sessions", body, mask, lambda body: read_sessions(light_parts(body)))


def _decode(what: str, body: bytes, mask: Callable[[str], str], read: Callable[[bytes], _T]) -> _T:
    no_json = False
    try:
        return read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        found: tuple[str, ...] = (f"not JSON: {exc}",)
        # A number out of range or too deep nesting would come again with every answer, so they are not retried.
        no_json = not isinstance(exc, msgspec.ValidationError | RecursionError)
    except (TypeError, BaseValidationError) as exc:
        found = _problems(exc)
    problems = tuple(_shortened(mask(problem)) for problem in found[:_PROBLEMS_SHOWN])
    shown = "; ".join(problems[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    error = ResponseDecodeError(
        f"the answer is not {what}: {shown}. Check that the base URL leads to the API, and whether there is a newer "
        f"version of this library. The answer: {beginning_of(body, mask)}.",
        problems=problems,
    )
    error._no_json = no_json
    raise error


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
    return f"{camel_case(path.removeprefix('.'))}: {what}"


def text_of(body: bytes, mask: Callable[[str], str]) -> str:
    """Return the beginning of a body as text, at most 2048 characters, with the key masked."""
    return mask(body[:LOOKED_AT].decode(errors="replace"))[:_TEXT_SHOWN]


def beginning_of(body: bytes, mask: Callable[[str], str]) -> str:
    """Return a phrase that quotes the beginning of a body."""
    text = " ".join(text_of(body, mask)[:120].split())
    return f"it begins with {text!r}" if text else "it is empty"
