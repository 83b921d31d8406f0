"""What users pass in, checked before anything is sent. Pure."""

from __future__ import annotations

import html
import ipaddress
import re
import sys
from collections.abc import AsyncIterable, Callable, Iterable
from datetime import UTC, date, datetime
from functools import cache
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
    "check_flag",
    "check_ids",
    "check_key",
    "check_seconds",
    "is_localhost",
    "moment_of",
    "opaque_id_of",
    "session_id_of",
]

MAX_LIMIT: Final = 100

# The longest id that the service takes, in characters, where it is not a UUID.
MAX_OPAQUE: Final = 256

# Larger counts are mistakes; JSON's readers agree on integers up to here (RFC 8259, 6).
MAX_COUNT: Final = 2**53 - 1

UUID_FORM: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


# As DNS has them (RFC 1035, 2.3.4), with the underscore that some names of services have; addresses fit too.
_HOST_NAME: Final = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", re.ASCII | re.IGNORECASE)


class Secret:
    """A key, or a password, in a box that shows it to nobody: only :meth:`reveal` takes it out.

    A kind of ``str`` would not do: whatever renders the locals of a frame (rich, structlog, reports of errors) looks
    through it, or slices it. Nor would an attribute.

    :ivar reveal: returns it.
    :ivar mask: returns a text without it, should a server have echoed it. It is found as it is, and as JSON,
        Python's ``repr``, URLs and HTML may spell it.
    """

    __slots__ = ("mask", "reveal")

    def __init__(self, key: str) -> None:
        @cache
        def spelled() -> re.Pattern[str]:
            return re.compile("".join(map(_spellings, key)))

        self.reveal: Callable[[], str] = lambda: key
        self.mask: Callable[[str], str] = lambda text: spelled().sub("***", text)

    def __repr__(self) -> str:
        return "'***'"

    def __reduce__(self) -> str:
        raise TypeError("a secret can't be pickled or copied")


def _spellings(letter: str) -> str:
    code = ord(letter)
    in_strings = rf"\\{{0,8}}(?:{re.escape(letter)}|(?i:u00{code:02x}|x{code:02x}))"
    in_html = rf"{re.escape(html.escape(letter))}|(?i:&#0{{0,8}}{code};|&#x0{{0,8}}{code:x};)"
    return rf"(?:{in_strings}|(?i:%{code:02x})|{in_html})"


def session_id_of(value: object, mask: Callable[[str], str] = str) -> str:
    """Return a session id as it is sent: as it was given, since the service compares letter by letter.

    :param mask: takes the API key out of a text, should it have been given in place of an id.
    :raises InvalidArgumentError: if it is neither a ``UUID`` nor its 36-character hyphenated form (RFC 9562, 4).
    """
    text = str(value) if isinstance(value, UUID | str) else ""
    if UUID_FORM.fullmatch(text) is None:
        raise InvalidArgumentError(
            f"session_id must be a UUID such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, not {_shown(value, mask)}"
        )
    return text


def opaque_id_of(name: str, value: object, mask: Callable[[str], str] = str) -> str:
    """Return an opaque id that is sent in a URL.

    :param mask: takes the API key out of a text. An id that has it is refused: servers write URLs into logs.
    :raises InvalidArgumentError: if it is no string, is empty or too long, or is no Unicode text.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MAX_OPAQUE or mask(value) != value:
        raise InvalidArgumentError(
            f"{name} must be a string of 1 to {MAX_OPAQUE} characters, without the API key, not {_shown(value, mask)}"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} has half of a surrogate pair in it: {_shown(value)}") from None
    return value


def moment_of(name: str, value: object) -> datetime | None:
    """Return a moment in UTC; of a date, its first in UTC; ``None`` for none.

    :raises InvalidArgumentError: if it is neither, or has no time zone.
    """
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidArgumentError(f"{name} must be a date, or a datetime with a time zone, not {_shown(value)}")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidArgumentError(f"{name} has no equal in UTC: {_shown(value)}") from None


def check_count(name: str, value: object, maximum: int = MAX_COUNT, *, minimum: int = 1) -> None:
    """Raise unless ``value`` is an integer from ``minimum`` to ``maximum``.

    :raises InvalidArgumentError: if it is not.
    """
    if type(value) is not int or not minimum <= value <= maximum:
        bounds = f">= {minimum}" if maximum == MAX_COUNT else f"from {minimum} to {maximum}"
        raise InvalidArgumentError(f"{name} must be an integer {bounds}, not {_shown(value)}")


def check_flag(name: str, value: object) -> None:
    """Raise unless ``value`` is ``True`` or ``False``.

    :raises InvalidArgumentError: if it is not.
    """
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} must be True or False, not {_shown(value)}")


def check_ids(value: object) -> None:
    """Raise unless ``value`` can be iterated over, and is not itself an id.

    :raises InvalidArgumentError: if it is.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable | AsyncIterable):
        raise InvalidArgumentError(f"session_ids must be an iterable of session ids, not {_shown(value)}")


def check_seconds(name: str, value: object, maximum: float = sys.float_info.max, *, zero: bool = False) -> None:
    """Raise unless ``value`` is a finite number above 0, and up to ``maximum``.

    :param zero: whether 0 will do.
    :raises InvalidArgumentError: if it is not.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= maximum
        or not (value or zero)
    ):
        raise InvalidArgumentError(f"{name} must be a number of seconds {'>=' if zero else '>'} 0, not {_shown(value)}")


def check_key(key: Secret | type) -> Secret:
    """Return the API key.

    :param key: the key, or the type of what was given in its place.
    :raises InvalidArgumentError: if there is none, or it can't be sent in a header field. The error does not show it.
    """
    if key is type(None) or (isinstance(key, Secret) and not key.reveal()):
        raise InvalidArgumentError(
            "no API key: pass `api_key`, or set the environment variable LYZR_API_KEY. Keys are found in Lyzr Studio"
        )
    if isinstance(key, type):
        raise InvalidArgumentError(f"the API key must be a string, not {key.__name__}")
    if any(letter.isspace() for letter in key.reveal()):
        raise InvalidArgumentError(
            "the API key contains whitespace, such as a space, a tab or a line break: copy the key again without it"
        )
    if not (key.reveal().isascii() and key.reveal().isprintable()):
        raise InvalidArgumentError(
            "the API key contains control characters or characters outside ASCII: copy the key again without them"
        )
    return key


def check_base_url(value: str | URL, mask: Callable[[str], str] = str, *, allow_http: bool = False) -> str:
    """Return the base URL without a slash at its end.

    :param mask: takes the API key out of a text, should it stand in the URL.
    :param allow_http: whether it may be plain http to another machine.
    :raises InvalidArgumentError: if it is not https, or http where that may be, or has parts that it can't have.
    """
    try:
        url = URL(value)
        host = url.host
    except (TypeError, ValueError, IndexError):  # the last of them is yarl's way with "0://[]@"
        shown = "" if "@" in str(value) else f": {_shown(value, mask)}"  # there may be credentials before an @
        raise InvalidArgumentError(f"the base URL is not a URL{shown}") from None
    if url.user is not None or url.password is not None:
        raise InvalidArgumentError("the base URL must not hold credentials")
    text = str(url)
    if url.scheme not in ("http", "https") or not host:
        raise InvalidArgumentError(f"the base URL must begin with https:// and a host, not {_shown(text, mask)}")
    if not _is_host(url.raw_host or ""):
        raise InvalidArgumentError(f"the base URL has no host that there can be: {_shown(text, mask)}")
    if url.scheme == "http" and not (allow_http or _is_this_machine(host)):
        raise InvalidArgumentError(
            f"the base URL must be https, or the API key would travel in the clear: {_shown(text, mask)}. "
            "Plain http is for this machine, such as http://127.0.0.1:8080/v1; for another one, such as a mock in a "
            "cluster, say so with `allow_http=True`"
        )
    if url.query_string or url.fragment:
        raise InvalidArgumentError(f"the base URL must have no query and no fragment: {_shown(text, mask)}")
    return text.rstrip("/")


def _is_host(raw: str) -> bool:
    return len(raw) <= 253 and (":" in raw or _HOST_NAME.fullmatch(raw) is not None)


def is_localhost(host: str) -> bool:
    """Say whether it is a name that this machine has for itself, wherever it is (RFC 6761, 6.3)."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_this_machine(host: str) -> bool:
    """Say whether what is sent to a host does not leave this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return is_localhost(host)
    mapped = getattr(address, "ipv4_mapped", None)  # Python 3.11 takes none of them for a loopback address
    return (mapped or address).is_loopback


def _shown(value: object, mask: Callable[[str], str] = str) -> str:
    try:
        text = mask(repr(value))
    except ValueError:  # Python does not write out integers of so many digits
        return "one of that size"
    return text if len(text) <= 80 else f"{text[:77]}..."
