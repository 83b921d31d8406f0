"""The answers that can be sent to a client, as values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus
from http.client import responses
from typing import Any

import attrs
import msgspec

JSON = "application/json; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"

MESSAGES = {
    400: "Validation failed",
    401: "Invalid x-api-key",
    404: "Trace session not found",
    429: "Too many requests, please try again later.",
    500: "Internal server error",
    502: "Langfuse request timed out",
}


class Delivery(Enum):
    """How much of an answer reaches the client."""

    WHOLE = auto()
    TRUNCATED = auto()
    RESET = auto()


@attrs.frozen
class Reply:
    """The content of an answer: a status, and a body with its type."""

    status: int
    body: bytes
    content_type: str = JSON


@attrs.frozen
class Answer:
    """An answer to send, and how much of it to send."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    delivery: Delivery


def error(status: int, message: str | None = None, **more: Any) -> Reply:
    """Return an error with the service's message for this status, or with ``message``."""
    if status == HTTPStatus.BAD_REQUEST:
        more.setdefault("issues", [])
    message = message or MESSAGES.get(status) or responses.get(status, "Error")
    return Reply(status, msgspec.json.encode({"error": message, **more}))
