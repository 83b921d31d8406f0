"""The body of a good answer, from bytes to values, or to an error that says what is wrong with it. Pure."""

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
# Of a text that is to be shown. So much more than that, that what is shown does not end within the key.
LOOKED_AT: Final = 64 * _TEXT_SHOWN

# A page may have a problem in every field of every trace, and quote a text of any length with each.
_PROBLEMS_SHOWN: Final = 1000
_PROBLEM_SHOWN: Final = 300

_T = TypeVar("_T")


def decode_page(body: bytes, mask: Callable[[str], str] = str) -> TracePage:
    """Read the body of a 200 that has a page of traces.

    :param body: the answer's body, decompressed.
    :param mask: takes the API key out of a text, should the server have echoed it.
    :raises ResponseDecodeError: if it is not JSON (RFC 8259), or not what the endpoint's documentation promises.
    """
    try:
        return read_quickly(body)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        pass  # so that this is not the context of what is raised below
    return _decode("a page of traces", body, mask, lambda body: read_thoroughly(read_json(body)))


def decode_trace(body: bytes, mask: Callable[[str], str] = str) -> TraceDetail:
    """Read the body of a 200 that has one trace, raising as :func:`decode_page` does."""
    return _decode("a trace with its observations", body, mask, lambda body: read_trace(read_json(body)))


def decode_sessions(body: bytes, mask: Callable[[str], str] = str) -> SessionsPage:
    """Read the body of a 200 that has a part of the list of sessions, raising as :func:`decode_page` does."""
    return _decode("a list of sessions", body, mask, lambda body: read_sessions(light_parts(body)))


def _decode(what: str, body: bytes, mask: Callable[[str], str], read: Callable[[bytes], _T]) -> _T:
    no_json = False
    try:
        return read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        found: tuple[str, ...] = (f"not JSON: {exc}",)
        # Numbers out of range, and too many brackets, come again with every answer.
        no_json = not isinstance(exc, msgspec.ValidationError | RecursionError)
    except (TypeError, BaseValidationError) as exc:
        found = _problems(exc)
    problems = tuple(_shortened(mask(problem)) for problem in found[:_PROBLEMS_SHOWN])
    shown = "; ".join(problems[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    error = ResponseDecodeError(
        f"the answer is not {what}: {shown}. Does the base URL lead to the API, and is there a newer version of this "
        f"library? As for the answer: {beginning_of(body, mask)}.",
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
    """Return the first 2 KiB of a body as text, without the key."""
    return mask(body[:LOOKED_AT].decode(errors="replace"))[:_TEXT_SHOWN]


def beginning_of(body: bytes, mask: Callable[[str], str]) -> str:
    """Return a phrase that shows how a body begins."""
    text = " ".join(text_of(body, mask)[:120].split())
    return f"it begins with {text!r}" if text else "it is empty"
