"""All errors that this library raises.

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

Exceptions of other libraries, such as aiohttp, appear only as ``__cause__`` of these errors. Every error can be
pickled, and no error holds the API key.
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
    """The base class of all errors of this library.

    ``str()`` of an error is its message, followed by the session, the trace, the page, the number of attempts and the
    request id, as far as they are known.
    """

    message: str
    """What went wrong, and usually what to do about it. ``str()`` of the error may add advice."""
    session_id: str | None
    """The session that the request asked for, or ``None`` if that is not known."""
    trace_id: str | None
    """The trace that the request asked for, or ``None`` if it did not ask for a single trace."""
    page: int | None
    """The page that the request asked for, counted from 1, or ``None`` if that is not known.

    To resume a walk that failed, pass this number as ``start_page`` and the same ``limit`` as before. The number
    counts in that ``limit``, even if the server used another one.
    """
    attempts: int | None
    """How many times the request was made, or ``None`` if that is not known."""
    request_id: str | None
    """The ``X-Request-Id`` of the last answer, or of the last request if no answer came."""

    # For the walk: the service ran out of time or memory, so that a smaller `limit` may succeed.
    _too_heavy: bool = False
    # Whether the error can be about a page. An error about the client or its arguments has no `page`, as it would come
    # at any page.
    _is_about_page: ClassVar[bool] = True
    # What to do about the error. A Python name in this text is in backticks: the command line replaces such advice.
    _advice: str = ""

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
        return self._described(self._advise())

    def _described(self, advice: str) -> str:
        """Return what went wrong, the advice and the particulars."""
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
        text = self._brief()
        if advice:
            text = f"{text.rstrip('.')}. {advice}"
        return f"{text} [{', '.join(particulars)}]" if particulars else text

    def _brief(self) -> str:
        """Return what went wrong, without advice or particulars."""
        return self.message

    def _advise(self) -> str:
        return self._advice

    def __reduce__(self) -> tuple[Any, ...]:
        # The inherited method makes pickle call the class with `args` alone, which fails for keyword-only parameters.
        return (_restore, (type(self), self.args, self.__dict__))


def _restore(cls: type[LyzrTracesError], args: tuple[Any, ...], state: dict[str, Any]) -> LyzrTracesError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidArgumentError(LyzrTracesError, ValueError):
    """The library refused an argument, or a setting in the environment, before it sent anything."""

    _is_about_page = False


class ClientClosedError(LyzrTracesError, RuntimeError):
    """The client was closed before the call, or during the call."""

    _is_about_page = False


class WrongEventLoopError(LyzrTracesError, RuntimeError):
    """The running event loop is not the one of the client's first request, or it is not an asyncio event loop."""

    _is_about_page = False


class APIConnectionError(LyzrTracesError):
    """No complete answer came, not even at the last attempt.

    ``__cause__`` is the underlying exception, unless that exception shows the key. It may also come from a connector,
    a resolver or a hook of your own session.
    """

    # For the retries: the connection was dropped before the first byte of the answer. A server does that when it was
    # about to close the connection as the request came.
    _dropped: bool = False
    # For the retries: another attempt would fail the same way, as with a certificate that does not verify or a host
    # that does not exist.
    _permanent: bool = False


class APITimeoutError(APIConnectionError, TimeoutError):
    """No complete answer came within ``timeout`` seconds, not even at the last attempt."""


class APIStatusError(LyzrTracesError):
    """The API answered with a status other than 200."""

    message: str
    """The server's own words, up to 500 characters; if it sent no JSON error, a description of its answer.

    ``str()`` of the error adds the status and the advice.
    """
    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The header fields of the answer. Names are looked up in any case."""
    body: str
    """The first 2 KiB of the answer's body, as text."""

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
        self.headers = CIMultiDict(headers or {})
        self.body = body

    def _brief(self) -> str:
        return f"HTTP {self.status}: {self.message}"


class BadRequestError(APIStatusError):
    """400: the server refused the request as malformed."""

    issues: Any
    """The problems that the server reports, decoded from its answer; usually a list of objects."""

    _advice = "The server refused the request as malformed; `.issues` lists the problems that it found."

    def __init__(self, message: str, *, issues: Any = (), **particulars: Any) -> None:
        super().__init__(message, **particulars)
        self.issues = issues


class AuthenticationError(APIStatusError):
    """401: the API key is missing or wrong. The key will not work for other sessions either.

    The service also answers 401 when it can't look up a key. Once the service has accepted the client's key, the client
    therefore retries a 401 like other failures, and raises this error after the last attempt.
    """

    # For the retries: the service has never accepted the key, so that a retry is pointless.
    _permanent: bool = True

    def _advise(self) -> str:
        if self._permanent:
            return "Check the API key: the `api_key` argument, or the environment variable LYZR_API_KEY."
        return "The key was accepted before: it has been revoked, or the service can't look it up at the moment."


class PermissionDeniedError(APIStatusError):
    """403: the key is known but may not read this, or a proxy refused the request."""

    _advice = "The key may not read this, or a proxy in between refused the request."


class NotFoundError(APIStatusError):
    """404: the session does not exist, is not readable with this key, has not ended yet, or has no such trace.

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
    """429: the wait would exceed ``RetryPolicy.max_rate_limit_wait``.

    Either the server asks for a longer wait, or it has refused requests for that long. While a client waits for the
    quota, it sends nothing: a request that may not wait as long gets this error without being sent.
    """

    retry_after: float | None
    """The seconds that the server asked to wait; for a request that was not sent, the rest of that wait.

    ``None`` if the server named no usable number.
    """

    # The client raised the error itself and sent no request.
    _unsent: bool = False

    _advice = "The service refuses requests for longer than `RetryPolicy.max_rate_limit_wait` allows to wait."

    def __init__(self, message: str, *, retry_after: float | None = None, **particulars: Any) -> None:
        super().__init__(message, **particulars)
        self.retry_after = retry_after

    def _advise(self) -> str:
        asked = "" if self.retry_after is None else f" The server asks to wait {self.retry_after:g} s."
        return f"{self._advice}{asked}"


class RedirectError(APIStatusError):
    """3xx: the server redirects. The client never follows redirects, so that the key stays on its own host."""

    _advice = "Redirects are never followed, so that the key stays on its own host. Check the base URL."


# Each 5xx status that another attempt would meet again, with the advice for it.
_PERMANENT: Final = {
    501: "The server can't do this at all: check that the base URL leads to the API.",
    505: "The server does not speak this version of HTTP: check that the base URL leads to the API.",
    511: "The network wants a log-in before it lets requests through.",
    525: "The edge network can't set up TLS with the service; only the service's operator can change that.",
    526: "The edge network finds the service's certificate invalid; only the service's operator can change that.",
}


class ServerError(APIStatusError):
    """5xx: the service, a system behind it or a proxy before it failed, even at the last attempt.

    The client does not retry 501, 505, 511, 525 and 526. The error's text says what to do.
    """

    @property
    def _permanent(self) -> bool:
        return self.status in _PERMANENT

    def _advise(self) -> str:
        return _PERMANENT.get(self.status, "The service failed; the same request may succeed later.")


class ServiceNotConfiguredError(ServerError):
    """503: this deployment of the service stores no traces. Neither a retry nor another session will help."""

    @property
    def _permanent(self) -> bool:
        return True

    def _advise(self) -> str:
        return "This deployment of the service is not set up to keep traces; only its operator can change that."


class ResponseDecodeError(LyzrTracesError):
    """The status was 200, but the body does not follow the API's contract."""

    problems: tuple[str, ...]
    """The problems found, each with its path, such as ``"traces[3].traceId: required, but missing"``."""

    # For the retries: the body is not JSON at all. It was cut, or a load balancer sent it instead of the service.
    _no_json: bool = False

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), **particulars: Any) -> None:
        super().__init__(message, **particulars)
        self.problems = problems


class ResponseTooLargeError(LyzrTracesError):
    """The answer's body is larger than 16 MiB after decompression. Ask for fewer traces per page with ``limit``.

    ``iter_sessions`` asks for smaller parts by itself.
    """


class PaginationError(LyzrTracesError):
    """The answers do not form one list.

    Possible reasons: the server sent another page than the one asked for, or changed ``limit`` during a walk; or the
    list changes faster than it can be read, or has no stable order. In the last case the text says how many traces are
    missing.
    """


class StorageError(LyzrTracesError):
    """A store's file can't be written or read.

    Possible reasons: the file belongs to another program or to a newer version of this library, it is in use, the disk
    is full, or the folder is not writable. The file keeps its former contents.
    """
