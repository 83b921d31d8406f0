"""Checks of the arguments that users pass, made before anything is sent. Pure."""

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

# The longest id that is not a UUID and that the service accepts, in characters.
MAX_OPAQUE: Final = 256

# A larger count is a mistake. Up to here, all JSON readers agree on integers (RFC 8259, 6).
MAX_COUNT: Final = 2**53 - 1

UUID_FORM: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

# A host name as in DNS (RFC 1035, 2.3.4), also with the underscores of some service names; IPv4 addresses match too.
_HOST_NAME: Final = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", re.ASCII | re.IGNORECASE)


class Secret:
    """A key or password that is kept out of tracebacks and logs. Only :attr:`reveal` returns it.

    The text lives in closures. Tools that render the local variables of a frame (rich, structlog, error reporters)
    would show it if it were a subclass of ``str`` or an attribute.
    """

    __slots__ = ("mask", "reveal")

    reveal: Callable[[], str]
    """Returns the text."""
    mask: Callable[[str], str]
    """Replaces the secret in a text, which may be a server's echo of it.

    It finds the secret as it is, and as JSON, Python's ``repr``, URLs and HTML may spell it.
    """

    def __init__(self, key: str) -> None:
        @cache
        def spelled() -> re.Pattern[str]:
            return re.compile("".join(map(_spellings, key)))

        self.reveal = lambda: key
        self.mask = lambda text: spelled().sub("***", text)

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
    """Return a session id as text. Its case stays as given, since the service compares ids letter by letter.

    :param mask: removes the API key from a text; a caller may have passed the key instead of an id.
    :raises InvalidArgumentError: if ``value`` is neither a ``UUID`` nor its 36-character hyphenated form (RFC 9562, 4).
    """
    text = str(value) if isinstance(value, UUID | str) else ""
    if UUID_FORM.fullmatch(text) is None:
        raise InvalidArgumentError(
            f"session_id must be a UUID such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, not {_shown(value, mask)}"
        )
    return text


def opaque_id_of(name: str, value: object, mask: Callable[[str], str] = str) -> str:
    """Return an opaque id, checked for use in a URL.

    :param mask: removes the API key from a text. An id that contains the key is refused: servers log URLs.
    :raises InvalidArgumentError: if ``value`` is not a string, is empty or too long, contains the API key, or is not
        valid Unicode.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MAX_OPAQUE or mask(value) != value:
        raise InvalidArgumentError(
            f"{name} must be a string of 1 to {MAX_OPAQUE} characters, without the API key, not {_shown(value, mask)}"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} contains half of a surrogate pair: {_shown(value)}") from None
    return value


def moment_of(name: str, value: object) -> datetime | None:
    """Return a ``datetime`` in UTC, the first moment in UTC of a ``date``, or ``None`` for ``None``.

    :raises InvalidArgumentError: if ``value`` has another type, has no time zone, or is out of range in UTC.
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
        raise InvalidArgumentError(f"{name} is out of range in UTC: {_shown(value)}") from None


def check_count(name: str, value: object, maximum: int = MAX_COUNT, *, minimum: int = 1) -> None:
    """Check that ``value`` is an integer from ``minimum`` to ``maximum``.

    :raises InvalidArgumentError: if it is not.
    """
    if type(value) is not int or not minimum <= value <= maximum:
        bounds = f">= {minimum}" if maximum == MAX_COUNT else f"from {minimum} to {maximum}"
        raise InvalidArgumentError(f"{name} must be an integer {bounds}, not {_shown(value)}")


def check_flag(name: str, value: object) -> None:
    """Check that ``value`` is ``True`` or ``False``.

    :raises InvalidArgumentError: if it is not.
    """
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} must be True or False, not {_shown(value)}")


def check_ids(value: object) -> None:
    """Check that ``value`` is an iterable or an async iterable, and not a single id.

    :raises InvalidArgumentError: if it is not.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable | AsyncIterable):
        raise InvalidArgumentError(f"session_ids must be an iterable of session ids, not {_shown(value)}")


def check_seconds(name: str, value: object, maximum: float = sys.float_info.max, *, zero: bool = False) -> None:
    """Check that ``value`` is a finite number of seconds above 0, up to ``maximum``.

    :param zero: whether 0 is allowed too.
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

    :param key: the key, or the type of the argument if that is not a string.
    :raises InvalidArgumentError: if there is no key, or a header field can't hold it. The error does not show the key.
    """
    if key is type(None) or (isinstance(key, Secret) and not key.reveal()):
        error = InvalidArgumentError(
            "no API key: set the environment variable LYZR_API_KEY to a key, which you find in Lyzr Studio"
        )
        error._advice = "Or pass the key as `api_key`."
        raise error
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
    """Return the base URL without trailing slashes.

    :param mask: removes the API key from a text; the URL may contain the key by mistake.
    :param allow_http: whether plain http to another machine is allowed.
    :raises InvalidArgumentError: if ``value`` is not a URL, its scheme or host is not allowed, or it has credentials, a
        query or a fragment.
    """
    try:
        url = URL(value)
        host = url.host
    except (TypeError, ValueError, IndexError):  # yarl raises IndexError for "0://[]@"
        shown = "" if "@" in str(value) else f": {_shown(value, mask)}"  # the text before an @ may be credentials
        raise InvalidArgumentError(f"the base URL is not a URL{shown}") from None
    if url.user is not None or url.password is not None:
        raise InvalidArgumentError("the base URL must not hold credentials")
    text = str(url)
    if url.scheme not in ("http", "https") or not host:
        raise InvalidArgumentError(f"the base URL must begin with https:// and a host, not {_shown(text, mask)}")
    if not _is_host(url.raw_host or ""):
        raise InvalidArgumentError(f"the host of the base URL is not a valid host name: {_shown(text, mask)}")
    if url.scheme == "http" and not (allow_http or _is_this_machine(host)):
        error = InvalidArgumentError(
            f"the base URL must be https, or the API key would travel in the clear: {_shown(text, mask)}. "
            "Plain http is only allowed to this machine, such as http://127.0.0.1:8080/v1"
        )
        error._advice = "To allow it to another machine, such as a mock in a cluster, pass `allow_http=True`."
        raise error
    if url.query_string or url.fragment:
        raise InvalidArgumentError(f"the base URL must have no query and no fragment: {_shown(text, mask)}")
    return text.rstrip("/")


def _is_host(raw: str) -> bool:
    return len(raw) <= 253 and (":" in raw or _HOST_NAME.fullmatch(raw) is not None)


def is_localhost(host: str) -> bool:
    """Return whether ``host`` is a name that always means the local machine (RFC 6761, 6.3)."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def _is_this_machine(host: str) -> bool:
    """Return whether requests to ``host`` stay on this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return is_localhost(host)
    mapped = getattr(address, "ipv4_mapped", None)  # Python 3.11 treats no such address as a loopback
    return (mapped or address).is_loopback


def _shown(value: object, mask: Callable[[str], str] = str) -> str:
    try:
        text = mask(repr(value))
    except ValueError:  # Python refuses to write out integers of more than 4300 digits
        return "an integer with too many digits"
    return text if len(text) <= 80 else f"{text[:77]}..."
