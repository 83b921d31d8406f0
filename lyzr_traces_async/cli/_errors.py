"""The library's errors, worded for somebody at a terminal: options and environment variables, no Python names. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lyzr_traces_async import (
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    LyzrTracesError,
    RateLimitError,
    ResponseTooLargeError,
)

__all__ = ["text_of"]

# The library's names for the settings, and the user's names for them.
_NAMES: Final = {
    "the API key": "LYZR_API_KEY",
    "the base URL": "LYZR_TRACES_BASE_URL",
    "session_id": "the session id",
    "trace_id": "the trace id",
    "agent_id": "--agent",
    "limit": "--limit",
    "since": "--since",
    "until": "--until",
}
_NAME: Final = re.compile(rf"(?<![\w-])(?:{'|'.join(_NAMES)})(?!\w)")

# The part of a message before the refused value, which can be any text.
_BEFORE_VALUE: Final = re.compile("[^:,'\"]*")

# Advice in place of the library's, if that names something of Python.
_ADVICE: Final[Mapping[type[LyzrTracesError], str]] = {
    AuthenticationError: "Check the environment variable LYZR_API_KEY.",
    BadRequestError: "The server refused the request as malformed.",
    ResponseTooLargeError: (
        "Check that LYZR_TRACES_BASE_URL leads to the API. The command `list` can ask for smaller pages with --limit."
    ),
}


def text_of(error: LyzrTracesError) -> str:
    """Return an error's text with the names of options and environment variables in place of the library's names."""
    text = error._described(_advice_of(error))
    if isinstance(error, InvalidArgumentError):
        return _BEFORE_VALUE.sub(lambda head: _NAME.sub(lambda name: _NAMES[name[0]], head[0]), text, count=1)
    return text


def _advice_of(error: LyzrTracesError) -> str:
    advice = error._advise()
    if "`" not in advice:
        return advice.replace("the base URL", _NAMES["the base URL"])
    if isinstance(error, RateLimitError):
        when = "later" if error.retry_after is None else f"in {error.retry_after:g} s"
        return f"The service refuses requests for longer than commands wait. Run the command again {when}."
    return _ADVICE.get(type(error), "")
