"""The log lines about requests. No record contains the API key, and each is a single line, whatever a server sends."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from ._responses import Answer, request_id_of
from .errors import LyzrTracesError

__all__ = ["logged", "logger", "one_line"]

logger: Final = logging.getLogger("lyzr_traces_async")

# How many characters of an error's text are logged.
_LONGEST: Final = 300


async def logged(exchange: Awaitable[Answer], place: str, request_id: str, mask: Callable[[str], str]) -> Answer:
    """Wait for an answer, and log its status, or its error, at the level DEBUG.

    :param exchange: the request.
    :param place: the words for what was asked for.
    :param request_id: the id of the request. The log shows the id in the answer instead, if there is one.
    :param mask: takes the API key out of a text.
    """
    begin = anyio.current_time()
    outcome = "cancelled"
    try:
        answer = await exchange
        outcome = f"{answer.status}, {len(answer.body)} bytes"
        request_id = request_id_of(answer.fields, mask) or request_id
        return answer
    except LyzrTracesError as error:
        outcome = one_line(error)
        raise
    finally:
        seconds = anyio.current_time() - begin
        logger.debug("%s, after %.3f s [%s, request id %s]", outcome, seconds, place, _printable(request_id))


def one_line(error: LyzrTracesError) -> str:
    """Return the text of an error on one line, without control characters that a server may have put into it."""
    text = _printable(error._brief())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
