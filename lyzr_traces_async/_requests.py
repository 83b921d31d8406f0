"""The requests that the service answers: the URL of each, and the reading of its answer. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

import attrs

from ._decoding import decode_page, decode_sessions, decode_trace
from ._siblings import SessionsPage
from ._wire import rfc3339
from .errors import APIConnectionError, LyzrTracesError, PaginationError, ResponseDecodeError
from .models import Trace, TraceDetail, TracePage

__all__ = ["PageRequest", "Request", "SessionsRequest", "TraceRequest"]

Mask = Callable[[str], str]
_T_co = TypeVar("_T_co", covariant=True)


class Request(Protocol[_T_co]):
    """A request to the service."""

    @property
    def target(self) -> str:
        """The path and query that follow the base URL, encoded."""
        ...

    @property
    def place(self) -> str:
        """A description of the request for the log."""
        ...

    @property
    def particulars(self) -> dict[str, Any]:
        """A description of the request for errors: names and values of their attributes."""
        ...

    def read(self, body: bytes, mask: Mask) -> _T_co | LyzrTracesError:
        """Return the decoded body of a 200, or an error if the body does not answer this request.

        The error is returned, not raised: a traceback from here would show the raw answer.

        :param mask: removes the API key from a text.
        """
        ...


@attrs.frozen
class PageRequest:
    """A request for a page of a session's traces."""

    session_id: str
    page: int
    limit: int

    @property
    def target(self) -> str:
        return f"/traces/session/{self.session_id}?page={self.page}&limit={self.limit}"

    @property
    def place(self) -> str:
        return f"session {self.session_id}, page {self.page}, limit {self.limit}"

    @property
    def particulars(self) -> dict[str, Any]:
        return {"session_id": self.session_id, "page": self.page}

    def read(self, body: bytes, mask: Mask) -> TracePage | LyzrTracesError:
        page = _decoded(decode_page, body, mask)
        if isinstance(page, LyzrTracesError):
            return page
        if not _are_of(self.session_id, page.traces):
            return _of_another("the answer has traces of another session")
        said = page.pagination.page
        return page if said == self.page else PaginationError(f"asked for page {self.page}, the answer is page {said}")


@attrs.frozen
class TraceRequest:
    """A request for one trace with its observations."""

    session_id: str
    trace_id: str

    @property
    def target(self) -> str:
        # Encoded, so that any id is one segment. Also encode "." and "..", which mean another path (RFC 3986, 3.3).
        segment = quote(self.trace_id, safe="")
        return f"/traces/session/{self.session_id}/{segment.replace('.', '%2E') if segment in ('.', '..') else segment}"

    @property
    def place(self) -> str:
        return f"session {self.session_id}, trace {self.trace_id!r}"

    @property
    def particulars(self) -> dict[str, Any]:
        return {"session_id": self.session_id, "trace_id": self.trace_id}

    def read(self, body: bytes, mask: Mask) -> TraceDetail | LyzrTracesError:
        trace = _decoded(decode_trace, body, mask)
        if isinstance(trace, TraceDetail) and not (
            trace.trace_id == self.trace_id and _are_of(self.session_id, (trace,))
        ):
            return _of_another("the answer is another trace")
        return trace


@attrs.frozen
class SessionsRequest:
    """A request for a part of the list of sessions that have ended, earliest end first."""

    agent_id: str | None
    since: datetime | None
    until: datetime | None
    offset: int
    limit: int

    @property
    def target(self) -> str:
        query = {
            "agentId": self.agent_id,
            "from": self.since and rfc3339(self.since),
            "to": self.until and rfc3339(self.until),
            "limit": self.limit,
            "offset": self.offset,
            "sort": "asc",
        }
        return f"/transcripts?{urlencode({name: value for name, value in query.items() if value is not None})}"

    @property
    def place(self) -> str:
        return f"sessions from {self.offset} on, limit {self.limit}"

    @property
    def particulars(self) -> dict[str, Any]:
        return {}

    def read(self, body: bytes, mask: Mask) -> SessionsPage | LyzrTracesError:
        page = _decoded(decode_sessions, body, mask)
        if isinstance(page, SessionsPage) and page.offset != self.offset:
            return PaginationError(f"asked for sessions from {self.offset} on, the answer is from {page.offset} on")
        return page


_T = TypeVar("_T")


def _decoded(decode: Callable[[bytes, Mask], _T], body: bytes, mask: Mask) -> _T | LyzrTracesError:
    try:
        return decode(body, mask)
    except ResponseDecodeError as error:
        return error.with_traceback(None)


def _are_of(session_id: str, traces: tuple[Trace | TraceDetail, ...]) -> bool:
    """Return whether all traces are of this session. Case is ignored; a trace without a session id matches."""
    others = {trace.session_id for trace in traces} - {session_id, None}
    return all(other is None or other.lower() == session_id.lower() for other in others)


def _of_another(what: str) -> LyzrTracesError:
    error = APIConnectionError(f"{what}: it belongs to another request")
    error._dropped = True  # so that the first such failure is retried at once
    return error
