"""The client: it checks arguments, asks the walk which pages to get, gets them, and yields their traces."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self
from uuid import UUID

from yarl import URL

from ._arguments import (
    MAX_LIMIT,
    Secret,
    check_base_url,
    check_count,
    check_flag,
    check_ids,
    check_key,
    check_seconds,
    moment_of,
    opaque_id_of,
    session_id_of,
)
from ._fanout import Stream
from ._requests import PageRequest, TraceRequest
from ._sending import Sender
from ._session_list import SessionWalk
from ._transport import Transport
from ._walk import PageWalk
from .errors import InvalidArgumentError
from .models import ClientStats, QuotaState, RetryPolicy, SessionInfo, SessionTraces, Trace, TraceDetail, TracePage

if TYPE_CHECKING:
    import aiohttp

__all__ = ["TracesClient"]

DEFAULT_BASE_URL: Final = "https://voice-livekit.studio.lyzr.ai/v1"


class TracesClient:
    """Reads the traces of Lyzr voice sessions.

    Creating a client does no I/O and needs no running event loop. Use it with ``async with``, or call :meth:`aclose` at
    the end. A client belongs to the event loop of its first request.

    :param api_key: the API key. Default: the environment variable ``LYZR_API_KEY``.
    :param base_url: the URL of the API, https, or http to this machine. Default: the environment variable
        ``LYZR_TRACES_BASE_URL``, or else the documented production URL.
    :param timeout: seconds for one attempt, from connecting to the last byte of the body; above 0. The service may need
        up to 37 s if it has to look up the key first: a shorter time-out cuts off requests that would have succeeded.
    :param retry: how often and how long to retry.
    :param max_concurrency: the most requests in flight at once, over everything that this client does; at least 1.
    :param session: your own ``aiohttp.ClientSession``. The client uses it, and never closes or modifies it. The
        session's own time-out, redirect, retry and middleware settings do not apply. Cookies that a server sets go to
        its jar, as always. Without this argument, https goes through the proxy that the environment names
        (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``), in a tunnel: the proxy never sees the key.
    :param allow_http: whether the base URL may be plain http to another machine, such as a mock or a sidecar inside a
        cluster. The key then travels unencrypted.
    :raises InvalidArgumentError: if an argument, or the environment variable in its place, is invalid.

    Example::

        async with TracesClient() as client:
            async for trace in client.iter_session_traces("3fa85f64-5717-4562-b3fc-2c963f66afa6"):
                print(trace.timestamp, trace.name, trace.latency_seconds, trace.total_cost_usd)
    """

    _shown = "not initialised yet"

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | URL | None = None,
        timeout: float = 45.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - immutable, and the documented signature
        max_concurrency: int = 8,
        session: aiohttp.ClientSession | None = None,
        allow_http: bool = False,
    ) -> None:
        if api_key is None:
            api_key = os.environ.get("LYZR_API_KEY")
        # From here on no local variable holds the key: if a check fails, a traceback that shows locals can't show it.
        given = Secret(api_key) if isinstance(api_key, str) else type(api_key)
        del api_key
        key = check_key(given)
        self._mask = key.mask
        if base_url is None:
            base_url = os.environ.get("LYZR_TRACES_BASE_URL") or DEFAULT_BASE_URL
        check_flag("allow_http", allow_http)
        base_url = check_base_url(base_url, self._mask, allow_http=allow_http)
        self._shown = self._mask(base_url)
        check_seconds("timeout", timeout)
        _check_retry(retry)
        check_count("max_concurrency", max_concurrency)
        self._sender = Sender(Transport(key, session), base_url, timeout, retry, max_concurrency)

    def __repr__(self) -> str:
        return f"<TracesClient {self._shown}>"

    def __reduce__(self) -> str:
        raise TypeError("a TracesClient holds connections and can't be pickled or copied: create one in each process")

    async def __aenter__(self) -> Self:
        self._sender.check_open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the client and its connections. A second call does nothing.

        Calls in progress end promptly with :class:`ClientClosedError`. A session of your own stays open.

        :raises WrongEventLoopError: on an event loop other than that of the first request, unless that loop is closed.
        """
        await self._sender.aclose()

    def with_options(self, *, timeout: float | None = None, retry: RetryPolicy | None = None) -> Self:
        """Return this client with another time-out or retry policy.

        Both clients share everything else: connections, quota, :attr:`stats` and event loop. Closing one closes both,
        so the returned client need not be closed.

        :param timeout: seconds for one attempt, above 0; ``None`` keeps the time-out of this client.
        :param retry: how often and how long to retry; ``None`` keeps the policy of this client.
        :raises InvalidArgumentError: if an argument is invalid.
        :raises ClientClosedError: if the client is closed.

        Example::

            hurried = client.with_options(timeout=5, retry=RetryPolicy(attempts=1, max_rate_limit_wait=5))
            page = await hurried.list_session_traces(session_id)
        """
        self._sender.check_open()
        if timeout is not None:
            check_seconds("timeout", timeout)
        if retry is not None:
            _check_retry(retry)
        other = object.__new__(type(self))
        other.__dict__ |= self.__dict__
        other._sender = self._sender.with_options(timeout, retry)
        return other

    @property
    def stats(self) -> ClientStats:
        """The counts of the client's work so far: a snapshot. Taking it makes no request."""
        return self._sender.stats()

    @property
    def quota(self) -> QuotaState | None:
        """The service's quota as the client knows it: a cheap snapshot. ``None`` until an answer has reported one."""
        return self._sender.quota()

    async def list_session_traces(self, session_id: str | UUID, *, page: int = 1, limit: int = 100) -> TracePage:
        """Get exactly one page of a session's traces, newest first, as the server sends it.

        :param session_id: the session: a ``UUID``, or its 36-character hyphenated form. The case of a string is kept,
            since the service compares ids letter by letter.
        :param page: the page's number, from 1. A page past the end has no traces.
        :param limit: the most traces that the page may hold, 1 to 100.
        :raises InvalidArgumentError: if an argument is invalid. Nothing has been sent then.
        :raises LyzrTracesError: if the page can't be read; see :mod:`lyzr_traces_async.errors`.

        Example::

            page = await client.list_session_traces(session_id, page=2, limit=50)
            print(len(page), "of", page.pagination.total_items)
        """
        asked_for = session_id_of(session_id, self._mask)
        check_count("page", page)
        check_count("limit", limit, MAX_LIMIT)
        return await self._sender.get(PageRequest(asked_for, page, limit))

    def iter_session_traces(
        self, session_id: str | UUID, *, limit: int = 100, start_page: int = 1, prefetch: int = 8
    ) -> AsyncGenerator[Trace, None]:
        """Iterate over all traces of a session, in the server's order: newest first.

        Every trace that exists from the first request to the last is yielded exactly once, at any ``limit`` and
        ``prefetch``, even if traces arrive or are deleted meanwhile. If the order of the list turns out not to be
        stable, the client walks the list again.

        A trace may be missed in two cases: an insertion and a deletion fall between the same two successive answers,
        so that the server's ``totalItems`` does not show them (the answers of one prefetch window count as one); or,
        while the last window is read, traces are inserted in the middle of the list, or more than a page of them at
        once. ``prefetch=1`` makes both as unlikely as possible.

        Up to ``prefetch`` pages are in flight at once, in windows of 1, 2, 4 and so on: the first trace comes after one
        round trip, and leaving the loop early costs at most twice the pages consumed. Between two traces no request is
        in flight and no resource is held, so you can leave the loop at any point.

        :param session_id: the session: a ``UUID``, or its 36-character hyphenated form. The case of a string is kept,
            since the service compares ids letter by letter.
        :param limit: traces per request, 1 to 100. 100 needs the fewest requests.
        :param start_page: the first page to read, from 1, counted in ``limit``. It resumes a walk that failed: see
            :attr:`LyzrTracesError.page`. The promise then holds from that page on, and the walk may step back before
            that page rather than lose a trace.
        :param prefetch: the most pages in flight at once, at least 1.
        :raises InvalidArgumentError: at the call, if an argument is invalid.
        :raises LyzrTracesError: if a page can't be read. The traces before that page have been yielded by then.

        Example::

            slow = [t async for t in client.iter_session_traces(session_id) if (t.latency_seconds or 0) > 2]
        """
        return self._iter_traces(self._start(session_id, limit, start_page, prefetch))

    def iter_session_pages(
        self, session_id: str | UUID, *, limit: int = 100, start_page: int = 1, prefetch: int = 8
    ) -> AsyncGenerator[TracePage, None]:
        """Iterate over all traces of a session, page by page.

        The walk, the arguments and the errors are those of :meth:`iter_session_traces`. A page holds only traces that
        were not yielded before, so it may be empty. An empty session yields one empty page.

        Example::

            async for page in client.iter_session_pages(session_id):
                print(page.pagination.page, "of", page.pagination.total_pages, len(page))
        """
        return self._iter_pages(self._start(session_id, limit, start_page, prefetch))

    def stream_sessions(
        self,
        session_ids: Iterable[str | UUID | SessionInfo] | AsyncIterable[str | UUID | SessionInfo],
        *,
        limit: int = 100,
        concurrency: int = 8,
    ) -> AbstractAsyncContextManager[AsyncIterator[SessionTraces]]:
        """Read many sessions at once, and yield each session as a whole, in the order in which they finish.

        The client draws ids only as it needs them, and pauses while finished sessions wait for a slow consumer: memory
        does not grow with the number of ids. A consumer may stop waiting, for example by a time-out, and ask again
        later without losing a session. Leaving the ``async with`` block, for any reason, cancels the remaining work and
        waits for it to end.

        If a session fails, its result holds the error; a malformed id counts as a failed session. An error that would
        fail every session, such as a wrong key, ends the stream: the iteration raises it. The iteration also raises
        any exception of ``session_ids``. A stream never ends early without an error.

        :param session_ids: an iterable or async iterable of ids, or of the items of :meth:`iter_sessions`. A single
            task, which is not the consumer's, draws them all, and closes an async generator at the end. The generator
            may therefore have time-outs, task groups and context variables around its yields, or draw from another
            stream. If it is cancelled, the exception is raised at the point where the generator waits.
        :param limit: traces per request, 1 to 100. 100 needs the fewest requests.
        :param concurrency: the most sessions read at once, at least 1. They share the client's ``max_concurrency`` and
            take turns: a long session does not delay short ones.
        :raises InvalidArgumentError: at the call, if an argument is invalid.
        :raises ClientClosedError: at the call, or from the iteration, if the client is closed.
        :raises AuthenticationError: from the iteration, at once, or after the last attempt if the key was accepted
            before. :class:`PermissionDeniedError` and :class:`ServiceNotConfiguredError` are raised at once.

        Example::

            async with client.stream_sessions(ids) as sessions:
                async for session in sessions:
                    if session.error is None:
                        print(session.session_id, sum(t.total_cost_usd or 0 for t in session))
                    else:
                        print(session.session_id, "failed:", session.error)
        """
        check_ids(session_ids)
        check_count("limit", limit, MAX_LIMIT)
        check_count("concurrency", concurrency)
        self._sender.check_open()
        return Stream(self._sender, session_ids, limit=limit, concurrency=concurrency)

    async def get_trace(self, session_id: str | UUID, trace_id: str) -> TraceDetail:
        """Get one trace with its observations: the input, output, duration and cost of each step.

        :param session_id: the session, as in :meth:`list_session_traces`.
        :param trace_id: the trace's id, from :attr:`Trace.trace_id`; 1 to 256 characters of any kind.
        :raises InvalidArgumentError: if an argument is invalid.
        :raises NotFoundError: if there is no such session, or the session has no such trace. The text says which.
        :raises LyzrTracesError: if the trace can't be read.

        Example::

            detail = await client.get_trace(session_id, trace.trace_id)
            for step in detail.observations:
                print(step.name, step.duration_seconds, step.model)
        """
        asked_for = session_id_of(session_id, self._mask)
        return await self._sender.get(TraceRequest(asked_for, opaque_id_of("trace_id", trace_id, self._mask)))

    def iter_sessions(
        self,
        *,
        agent_id: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
    ) -> AsyncGenerator[SessionInfo, None]:
        """Iterate over the sessions that have ended, earliest end first.

        Each session comes once. Sessions that end during the walk come last. You can pass the iterator directly to
        :meth:`stream_sessions`. To resume a walk that failed, pass the ``ended_at`` of the last session as ``since``.
        As in the other walks, no request is in flight and no resource is held between two sessions.

        :param agent_id: only the sessions of this agent; 1 to 256 characters.
        :param since: only sessions that ended at this time or later: a ``datetime`` with a time zone, or a ``date``,
            which means its first moment in UTC.
        :param until: only sessions that ended at this time or earlier, in the same form.
        :raises InvalidArgumentError: at the call, if an argument is invalid, or ``since`` is later than ``until``.
        :raises LyzrTracesError: if a part of the list can't be read. The sessions before it have been yielded by then.

        Example::

            yesterday = datetime.now(UTC) - timedelta(days=1)
            async with client.stream_sessions(client.iter_sessions(since=yesterday)) as sessions:
                async for session in sessions:
                    print(session.session_id, len(session))
        """
        if agent_id is not None:
            agent_id = opaque_id_of("agent_id", agent_id, self._mask)
        begin, end = moment_of("since", since), moment_of("until", until)
        if begin is not None and end is not None and begin > end:
            raise InvalidArgumentError(f"since is later than until: {begin} > {end}")
        self._sender.check_open()
        return self._iter_sessions(SessionWalk(agent_id, begin, end))

    def _start(self, session_id: str | UUID, limit: int, start_page: int, prefetch: int) -> PageWalk:
        asked_for = session_id_of(session_id, self._mask)
        check_count("limit", limit, MAX_LIMIT)
        check_count("start_page", start_page)
        check_count("prefetch", prefetch)
        self._sender.check_open()
        return PageWalk(asked_for, self._sender.tally, limit=limit, start_page=start_page, prefetch=prefetch)

    # No generator here contains another one, so that a dropped generator is finalised in one step (PEP 525).
    # No generator yields inside a task group or a cancel scope (PEP 789).

    async def _iter_traces(self, walk: PageWalk) -> AsyncGenerator[Trace, None]:
        while not walk.done:
            for page in walk.feed(await self._sender.window(walk)):
                for trace in page.traces:
                    yield trace

    async def _iter_pages(self, walk: PageWalk) -> AsyncGenerator[TracePage, None]:
        while not walk.done:
            for page in walk.feed(await self._sender.window(walk)):
                yield page

    async def _iter_sessions(self, walk: SessionWalk) -> AsyncGenerator[SessionInfo, None]:
        while not walk.done:
            answer = await self._sender.outcome(walk.request(), turn=walk, heavy_attempts=walk.heavy_attempts)
            for session in walk.feed(answer):
                yield session


def _check_retry(retry: object) -> None:
    if not isinstance(retry, RetryPolicy):
        raise InvalidArgumentError(f"retry must be a RetryPolicy, not {type(retry).__name__}")
