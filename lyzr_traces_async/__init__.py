"""Async client for the traces of Lyzr voice sessions.

::

    async with TracesClient() as client:  # key from LYZR_API_KEY
        async for trace in client.iter_session_traces(session_id):
            print(trace.timestamp, trace.name, trace.latency_seconds, trace.total_cost_usd)
"""

from typing import TYPE_CHECKING

from ._lazy import lazily
from ._version import __version__

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
    "NameSummary",
    "NotFoundError",
    "Observation",
    "ObservationNode",
    "Pagination",
    "PaginationError",
    "PermissionDeniedError",
    "Quantiles",
    "QuotaState",
    "RateLimitError",
    "RedirectError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "RetryPolicy",
    "ServerError",
    "ServiceNotConfiguredError",
    "SessionInfo",
    "SessionTraces",
    "StorageError",
    "Summarizer",
    "Trace",
    "TraceDetail",
    "TracePage",
    "TraceSummary",
    "TracesClient",
    "WrongEventLoopError",
    "__version__",
    "summarize",
]

if TYPE_CHECKING:
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
        StorageError,
        WrongEventLoopError,
    )
    from .models import (
        ClientStats,
        Observation,
        ObservationNode,
        Pagination,
        QuotaState,
        RetryPolicy,
        SessionInfo,
        SessionTraces,
        Trace,
        TraceDetail,
        TracePage,
    )
    from .summary import NameSummary, Quantiles, Summarizer, TraceSummary, summarize
else:
    # The order of the search: `client` before `summary`, since a program that needs the summary already has the client.
    __getattr__, __dir__ = lazily(__name__, __all__, "errors", "models", "client", "summary")
