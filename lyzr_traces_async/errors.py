"""Everything this library raises.

::

    LyzrTracesError
    ├── InvalidArgumentError (ValueError)
    ├── ClientClosedError (RuntimeError)
    ├── WrongEventLoopError (RuntimeError)
    ├── APIConnectionError
    │   └── APITimeoutError (TimeoutError)
    ├── APIStatusError
    │   ├── BadRequestError 400
    │   ├── AuthenticationError 401
    │   ├── PermissionDeniedError 403
    │   ├── NotFoundError 404
    │   ├── RateLimitError 429
    │   ├── RedirectError 3xx
    │   └── ServerError 5xx
    │       └── ServiceNotConfiguredError
    ├── ResponseDecodeError
    ├── ResponseTooLargeError
    ├── PaginationError
    └── StorageError

No exception of the libraries underneath gets out other than as ``__cause__``. Every error can be pickled, and none
holds the API key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from multidict import CIMultiDict

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ClientClosedError",
    "InvalidArgumentError",
    "LyzrTracesError",
    "NotFoundError",
    "PaginationError",
    "PermissionDeniedError",
    "RateLimitError",
    "RedirectError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "ServerError",
    "ServiceNotConfiguredError",
    "StorageError",
    "WrongEventLoopError",
]


class LyzrTracesError(Exception):
    """The base of all errors of this library.

    :ivar message: what went wrong and what to do about it, without the particulars below.
    :ivar session_id: the session that was asked for, where known.
    :ivar trace_id: the trace that was asked for, where it was one.
    :ivar page: the page that was asked for, counted from 1, where known. A walk that failed can be taken up again
        from it with ``start_page``: it counts in the ``limit`` of the call, whatever the server made of it.
    :ivar attempts: how many requests were made for that page, where known.
    :ivar request_id: the ``X-Request-Id`` of the last answer, or of the last request where none came.

    ``str()`` of an error is the message with these particulars behind it.
    """

    # For the walk. The service ran out of time or memory, and might not with a smaller `limit`:
    _too_heavy: bool = False

    def __init__(
        self,
        message: str,
        *,
        session_id: str | None = None,
        trace_id: str | None = None,
        page: int | None = None,
        attempts: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.session_id = session_id
        self.trace_id = trace_id
        self.page = page
        self.attempts = attempts
        self.request_id = request_id

    def __str__(self) -> str:
        particulars = [
            f"{name} {value}"
            for name, value in (
                ("session", self.session_id),
                ("trace", None if self.trace_id is None else repr(self.trace_id)),
                ("page", self.page),
                ("attempt", self.attempts),
                ("request id", self.request_id),
            )
            if value is not None
        ]
        text = self._text()
        return f"{text} [{', '.join(particulars)}]" if particulars else text

    def _text(self) -> str:
        return self._brief()

    def _brief(self) -> str:
        """Return what went wrong, without advice or particulars."""
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # The inherited way calls the class with `args` alone, which does not fit keyword-only parameters.
        return (_restore, (type(self), self.args, self.__dict__))


def _restore(cls: type[LyzrTracesError], args: tuple[Any, ...], state: dict[str, Any]) -> LyzrTracesError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidArgumentError(LyzrTracesError, ValueError):
    """An argument, or a setting in the environment, was refused before anything was sent."""


class ClientClosedError(LyzrTracesError, RuntimeError):
    """The client was closed before the call, or while it was under way."""


class WrongEventLoopError(LyzrTracesError, RuntimeError):
    """The client was used on another event loop than that of its first request, or on one that is not asyncio's."""


class APIConnectionError(LyzrTracesError):
    """No complete answer came, after the last attempt.

    What went wrong below is its ``__cause__``, where that does not show the key: also what a connector, a resolver or
    a hook of your own session has raised.
    """

    # For the retries. The connection was dropped before a byte of the answer, as a server does with one that it was
    # about to close when the request came:
    _dropped: bool = False
    # It would fail the same way again: a certificate that does not verify, or a host that does not exist.
    _permanent: bool = False


class APITimeoutError(APIConnectionError, TimeoutError):
    """No complete answer came within ``timeout`` seconds, at the last attempt."""


class APIStatusError(LyzrTracesError):
    """The API answered with another status than 200.

    :ivar status: the HTTP status.
    :ivar message: what the server said.
    :ivar headers: the answer's header fields; names are found in any case.
    :ivar body: the first 2 KiB of the answer's body, as text.
    """

    _advice: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        **particulars: Any,
    ) -> None:
        super().__init__(message, **particulars)
        self.status = status
        self.headers: Mapping[str, str] = CIMultiDict(headers or {})
        self.body = body

    def _text(self) -> str:
        text = self._brief()
        advice = self._advise()
        return f"{text.rstrip('.')}. {advice}" if advice else text

    def _brief(self) -> str:
        return f"HTTP {self.status}: {self.message}"

    def _advise(self) -> str:
        return self._advice


class BadRequestError(APIStatusError):
    """400: the server found the request malformed.

    :ivar issues: what the server found, as decoded from its answer; usually a list of objects.
    """

    _advice = "The server refused the request as malformed; `.issues` has its findings."

    def __init__(self, message: str, *, issues: Any = (), **particulars: Any) -> None:
        super().__init__(message, **particulars)
        self.issues = issues


class AuthenticationError(APIStatusError):
    """401: the API key is missing or wrong. No other session will fare better with it.

    The service says the same when it can't look a key up. Once it has accepted the client's key, a 401 is therefore
    tried again like other failures, and this is the last attempt's.
    """

    # For the retries. Whether the key has never been accepted, so that there is nothing to hope for:
    _permanent: bool = True

    def _advise(self) -> str:
        if self._permanent:
            return "Check the API key: the `api_key` argument, or the environment variable LYZR_API_KEY."
        return "The key was accepted before: it has been revoked, or the service can't look it up at the moment."


class PermissionDeniedError(APIStatusError):
    """403: the key is known but may not read this, or a proxy refused the request."""

    _advice = "The key may not read this, or a proxy in between refused the request."


class NotFoundError(APIStatusError):
    """404: no session that this key can read has this id, its call has not ended yet, or it has no such trace.

    The error's text says whether the session or the trace was not found.
    """

    # The base URL, without the API key, if its path does not end in /v1.
    _base_url_without_v1: str | None = None

    _advice = (
        "Either no session has this id, or it belongs to another organisation or user, or the call has not ended yet: "
        "traces become readable once the session's transcript is stored"
    )

    @property
    def _by_service(self) -> bool:
        """Whether the service itself sent the 404. If not, another server did, perhaps because of a wrong base URL."""
        return self.message.startswith("Trace ")

    def _advise(self) -> str:
        if self.trace_id is not None and self.message.startswith("Trace not found"):
            return (
                "The session exists, but it has no such trace: use a trace id from the session's list of traces. The "
                "trace may also have been deleted since"
            )
        if self._by_service:
            return self._advice
        if self._base_url_without_v1 is not None:
            root = self._base_url_without_v1.split("/v1/")[0]
            return f"The base URL {self._base_url_without_v1} does not end in /v1; the API is at {root}/v1"
        return f"{self._advice}. Or the base URL does not lead to the API"


class RateLimitError(APIStatusError):
    """429: the service asks to wait for longer than ``RetryPolicy.max_rate_limit_wait``, or refuses for that long.

    A client that is told to wait sends nothing meanwhile: requests that may not wait for so long get this error without
    having been sent, with what is left of the wait.

    :ivar retry_after: how long the server asked to wait, in seconds; ``None`` where it did not say, or nothing that
        makes sense.
    """

    # Raised by the client itself: no request was sent.
    _unsent: bool = False

    _advice = "The service refuses requests for longer than `RetryPolicy.max_rate_limit_wait` allows to wait."

    def __init__(self, message: str, *, retry_after: float | None = None, **particulars: Any) -> None:
        super().__init__(message, **particulars)
        self.retry_after = retry_after

    def _advise(self) -> str:
        asked = "" if self.retry_after is None else f" The server asks to wait {self.retry_after:g} s."
        return f"{self._advice}{asked}"


class RedirectError(APIStatusError):
    """3xx: the server points elsewhere. Redirects are never followed, so that the key stays on its own host."""

    _advice = "Redirects are never followed, so that the key stays on its own host. Check the base URL."


# Of the 5xx, those that another attempt would meet again, and what can be done about each.
_PERMANENT: Final = {
    501: "The server can't do this at all: check that the base URL leads to the API.",
    505: "The server does not speak this version of HTTP: check that the base URL leads to the API.",
    511: "The network wants a log-in before it lets requests through.",
    525: "The edge network can't set up TLS with the service; only the service's operator can change that.",
    526: "The service's certificate is not valid to the edge network; only the service's operator can change that.",
}


class ServerError(APIStatusError):
    """5xx: the service, something behind it or a proxy before it failed, at the last attempt.

    Five of them are not tried again: 501, 505, 511, and 525 and 526 of edge networks. The error's text says what to do.
    """

    @property
    def _permanent(self) -> bool:
        return self.status in _PERMANENT

    def _advise(self) -> str:
        return _PERMANENT.get(self.status, "The service failed; the same request may succeed later.")


class ServiceNotConfiguredError(ServerError):
    """503: this deployment of the service keeps no traces. Neither a retry nor another session will help."""

    @property
    def _permanent(self) -> bool:
        return True

    def _advise(self) -> str:
        return "This deployment of the service is not set up to keep traces; only its operator can change that."


class ResponseDecodeError(LyzrTracesError):
    """The answer was a 200, but not what the API's contract says.

    :ivar problems: every problem found, each with the path to it, such as ``"traces[3].traceId: required, but
        missing"``.
    """

    # For the retries. The body is no JSON at all: it was cut, or came from a load balancer rather than the service.
    _no_json: bool = False

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), **particulars: Any) -> None:
        super().__init__(message, **particulars)
        self.problems = problems


class ResponseTooLargeError(LyzrTracesError):
    """The answer's body is larger than 16 MiB after decompression. Ask for fewer traces a page with ``limit``."""


class PaginationError(LyzrTracesError):
    """The answers do not make up one list.

    The answer is for another page than the one asked for, or its ``limit`` changed in the middle of a walk, or the
    list keeps changing faster than it can be read, or it has no stable order: the text then says how many traces are
    missing.
    """


class StorageError(LyzrTracesError):
    """What was read can't be kept, or what was kept can't be read.

    The file is another program's, of a newer version of this library or in use, or the disk is full, or the folder
    can't be written to. What the file held before is as it was.
    """
