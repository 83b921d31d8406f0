"""What the log says of a request. It never says the key, and each record is one line, whatever a server has sent."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from ._responses import Answer, request_id_of
from .errors import LyzrTracesError

__all__ = ["logged", "logger", "one_line"]

logger: Final = logging.getLogger("lyzr_traces_async")

# Of what went wrong, in a record.
_LONGEST: Final = 300


async def logged(exchange: Awaitable[Answer], place: str, request_id: str, mask: Callable[[str], str]) -> Answer:
    """Make a request, and say at DEBUG what became of it.

    :param place: what was asked for.
    :param request_id: the id it was sent with. That of the answer is shown where it has one.
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
    """Return what went wrong, in a form that a server can neither break up nor colour."""
    text = _printable(error._brief())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
