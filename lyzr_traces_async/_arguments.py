"""What users pass in, checked before anything is sent. Pure."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import AsyncIterable, Iterable
from typing import Final
from uuid import UUID

from yarl import URL

from .errors import InvalidArgumentError

__all__ = [
    "MAX_LIMIT",
    "UUID_FORM",
    "Secret",
    "check_base_url",
    "check_count",
    "check_ids",
    "check_key",
    "check_seconds",
    "session_id_of",
]

MAX_LIMIT: Final = 100

UUID_FORM: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class Secret(str):
    """The API key: as a header's value it is itself, in a ``repr`` (of headers, of a frame's locals) it is not."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def session_id_of(value: object) -> str:
    """Return a session id as the service knows it: in lower case, since it compares letter by letter.

    :raises InvalidArgumentError: if it is neither a ``UUID`` nor its 36-character hyphenated form (RFC 9562, 4).
    """
    text = str(value) if isinstance(value, UUID | str) else ""
    if UUID_FORM.fullmatch(text) is None:
        raise InvalidArgumentError(
            f"session_id must be a UUID such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, not {_shown(value)}"
        )
    return text.lower()


def check_count(name: str, value: object, maximum: int | None = None, *, minimum: int = 1) -> None:
    """Raise unless ``value`` is an integer from ``minimum`` to ``maximum``.

    :raises InvalidArgumentError: if it is not.
    """
    if type(value) is not int or value < minimum or (maximum is not None and value > maximum):
        bounds = f">= {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise InvalidArgumentError(f"{name} must be an integer {bounds}, not {_shown(value)}")


def check_ids(value: object) -> None:
    """Raise unless ``value`` can be iterated over, and is not itself an id.

    :raises InvalidArgumentError: if it is.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable | AsyncIterable):
        raise InvalidArgumentError(f"session_ids must be an iterable of session ids, not {_shown(value)}")


def check_seconds(name: str, value: object, maximum: float = sys.float_info.max) -> None:
    """Raise unless ``value`` is a finite number above 0, and up to ``maximum``.

    :raises InvalidArgumentError: if it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= maximum:
        raise InvalidArgumentError(f"{name} must be a number of seconds > 0, not {_shown(value)}")


def check_key(key: object) -> Secret:
    """Return the API key.

    :raises InvalidArgumentError: if there is none, or it can't be sent in a header field. The error does not show it.
    """
    if not key:
        raise InvalidArgumentError(
            "no API key: pass `api_key`, or set the environment variable LYZR_API_KEY. Keys are found in Lyzr Studio"
        )
    if not isinstance(key, str):
        raise InvalidArgumentError(f"the API key must be a string, not {type(key).__name__}")
    if not (key.isascii() and key.isprintable()) or key != key.strip():
        raise InvalidArgumentError(
            "the API key has control characters, blanks at an end or characters outside of ASCII: perhaps a line's end "
            "was copied along with it"
        )
    return Secret(key)


def check_base_url(value: str | URL) -> str:
    """Return the base URL without a slash at its end.

    :raises InvalidArgumentError: if it is not https, or http to this machine, or has parts that it can't have.
    """
    try:
        url = URL(value)
        host = url.host
    except (TypeError, ValueError, IndexError):  # the last of them is yarl's way with "0://[]@"
        shown = "" if "@" in str(value) else f": {_shown(value)}"  # there may be credentials before an @
        raise InvalidArgumentError(f"the base URL is not a URL{shown}") from None
    if url.user is not None or url.password is not None:
        raise InvalidArgumentError("the base URL must not hold credentials")
    if url.scheme not in ("http", "https") or not host:
        raise InvalidArgumentError(f"the base URL must begin with https:// and a host, not {_shown(str(url))}")
    if url.scheme == "http" and not _is_loopback(host):
        raise InvalidArgumentError(
            f"the base URL must be https, or the API key would travel in the clear: {_shown(str(url))}. "
            "Plain http is for this machine only, such as http://127.0.0.1:8080/v1"
        )
    if url.query_string or url.fragment:
        raise InvalidArgumentError(f"the base URL must have no query and no fragment: {_shown(str(url))}")
    return str(url).rstrip("/")


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
