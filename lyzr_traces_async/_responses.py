"""The error for an answer whose status is not 200. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import msgspec
from multidict import CIMultiDict

from . import errors
from ._decoding import LOOKED_AT, beginning_of, text_of
from ._fields import Fields, quotas, retry_after
from ._json import read_json

__all__ = ["Answer", "error_of", "key_is_accepted", "request_id_of", "upstream_is_limited"]

_MESSAGE_SHOWN: Final = 500
# JSON that is nested deeper could be kept, but neither shown nor pickled.
_DEPTH_SHOWN: Final = 20

_BY_STATUS: Final[dict[int, type[errors.APIStatusError]]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    429: errors.RateLimitError,
}

# The statuses with which a proxy, an edge network and two load balancers report that the service took too long.
_TIMED_OUT: Final = frozenset({504, 524, 598, 599})
# Texts in the service's 502 that mean: the trace store ran out of time or memory.
_STORE_OVERLOADED: Final = ("timed out", "(422)", "(504)")
# Texts in the service's 503 that mean: a retry will not help.
_NOT_CONFIGURED: Final = ("Langfuse tracing is not configured", "Persistence is not configured")


@attrs.frozen
class Answer:
    """An HTTP response, read to its end, as a plain value."""

    status: int
    fields: Fields
    body: bytes
    discard: Callable[[], None] = attrs.field(default=lambda: None, eq=False, repr=False)
    """Closes the connection of the answer. Call it if the answer shows that the connection can't be trusted."""


def error_of(answer: Answer, mask: Callable[[str], str], base_url: str | None = None) -> errors.APIStatusError | None:
    """Return the error for the answer's status, or ``None`` for a 200.

    :param mask: removes the API key from a text; the server may have echoed the key.
    :param base_url: the base URL of the request, for the advice of a 404.
    """
    if answer.status == 200:
        return None
    document = _document(answer.body)
    said = document.get("error")
    if isinstance(said, str):
        message = mask(said[:LOOKED_AT])[:_MESSAGE_SHOWN]
    else:
        message = f"the answer is no JSON error ({beginning_of(answer.body, mask)})"
    particulars: dict[str, Any] = {
        "status": answer.status,
        "request_id": request_id_of(answer.fields, mask),
        "headers": CIMultiDict((mask(name), mask(_text(value))) for name, value in answer.fields.items()),
        "body": text_of(answer.body, mask),
    }
    kind = _kind_of(answer.status, message)
    if issubclass(kind, errors.BadRequestError):
        particulars["issues"] = _shallow(document.get("issues", []), _DEPTH_SHOWN, mask)
    if issubclass(kind, errors.RateLimitError):
        particulars["retry_after"] = _wait_asked_for(answer.fields)
    error = kind(message, **particulars)
    if isinstance(error, errors.NotFoundError) and base_url is not None and not base_url.endswith("/v1"):
        error._base_url_without_v1 = mask(base_url)
    overloaded = answer.status == 502 and any(words in message for words in _STORE_OVERLOADED)
    error._too_heavy = overloaded or answer.status in _TIMED_OUT
    return error


def request_id_of(fields: Fields, mask: Callable[[str], str]) -> str | None:
    """Return the id under which the server logged the request, or ``None`` if the answer has none."""
    said = fields.get("X-Request-Id")
    return None if said is None else mask(_text(said))


def _text(value: str) -> str:
    """Return a field's value with U+FFFD for each byte that is not UTF-8, so that it can be encoded again."""
    return value.encode(errors="surrogateescape").decode(errors="replace")


def _shallow(value: Any, depth: int, mask: Callable[[str], str]) -> Any:
    """Return a JSON value with the key masked, and with ``"..."`` for arrays and objects nested too deeply."""
    if isinstance(value, str):
        return mask(value)
    if not isinstance(value, list | dict):
        return value
    if not depth:
        return "..."
    if isinstance(value, list):
        return [_shallow(item, depth - 1, mask) for item in value]
    return {mask(name): _shallow(item, depth - 1, mask) for name, item in value.items()}


def _kind_of(status: int, message: str) -> type[errors.APIStatusError]:
    if status == 503 and message.startswith(_NOT_CONFIGURED):
        return errors.ServiceNotConfiguredError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:
        return errors.RedirectError
    return errors.ServerError if status >= 500 else errors.APIStatusError


def key_is_accepted(answer: Answer) -> bool:
    """Return whether the service sends such an answer only after it has accepted the API key."""
    return answer.status in (200, 400, 404)


def upstream_is_limited(answer: Answer) -> bool:
    """Return whether the trace store behind the service refused the request because of its own rate limit."""
    return answer.status == 502 and b"(429)" in answer.body


def _wait_asked_for(fields: Fields) -> float | None:
    said = retry_after(fields)
    return said if said is not None else max((q.reset for q in quotas(fields) if not q.remaining), default=None)


def _document(body: bytes) -> dict[str, Any]:
    """Return the JSON object in the body, or an empty one if there is none."""
    try:
        document = read_json(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
