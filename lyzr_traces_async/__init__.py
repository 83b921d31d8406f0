"""Async client for the traces of Lyzr voice sessions.

::

    async with TracesClient() as client:  # key from LYZR_API_KEY
        async for trace in client.iter_session_traces(session_id):
            print(trace.timestamp, trace.name, trace.latency_seconds, trace.total_cost_usd)
"""

from ._version import __version__
from .client import TracesClient
from .errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    InvalidArgumentError,
    LyzrTracesError,
    NotFoundError,
    PaginationError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
    ResponseDecodeError,
    ResponseTooLargeError,
    ServerError,
    ServiceNotConfiguredError,
    WrongEventLoopError,
)
from .models import ClientStats, Pagination, RetryPolicy, SessionTraces, Trace, TracePage

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ClientClosedError",
    "ClientStats",
    "InvalidArgumentError",
    "LyzrTracesError",
    "NotFoundError",
    "Pagination",
    "PaginationError",
    "PermissionDeniedError",
    "RateLimitError",
    "RedirectError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "ServiceNotConfiguredError",
    "SessionTraces",
    "Trace",
    "TracePage",
    "TracesClient",
    "WrongEventLoopError",
    "__version__",
]
