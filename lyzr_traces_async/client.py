"""The client: checks arguments, asks the walk which pages to get, gets them, yields."""

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

    :param api_key: the API key; else the environment variable ``LYZR_API_KEY``.
    :param base_url: where the API is; else the environment variable ``LYZR_TRACES_BASE_URL``, else the documented
        production URL. It is https, or http to this machine.
    :param timeout: seconds for one attempt, from connecting to the body's last byte. The service may take up to 37 s
        where it has to look up the key first: a shorter time-out cuts off requests that would have succeeded.
    :param retry: how often and how long to try again.
    :param max_concurrency: requests in flight at once, over everything this client does; at least 1.
    :param session: your own ``aiohttp.ClientSession``: used, never closed, never modified. Its own time-out,
        redirect, retry and middleware settings do not apply. Cookies that a server sets go to its jar, as always.
        Without one, https goes through the proxy that the environment names (``HTTPS_PROXY``, ``ALL_PROXY``,
        ``NO_PROXY``), in a tunnel: the proxy never sees the key.
    :param allow_http: whether the base URL may be plain http to another machine, such as a mock or a sidecar inside a
        cluster. The key then travels in the clear.
    :raises InvalidArgumentError: if an argument, or the environment variable in its place, is of no use.

    Constructing one does no I/O and needs no running event loop. It works with and without ``async with``; without,
    call :meth:`aclose` in the end. A client belongs to the event loop of its first request.

    Example::

        async with TracesClient() as client:
            async for trace in client.iter_session_traces("3fa85f64-5717-4562-b3fc-2c963f66afa6"):
                print(trace.timestamp, trace.name, trace.latency_seconds, trace.total_cost_usd)
    """

    _shown = "not made yet"

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
        # From here on no local of a frame holds it, should one of the checks fail.
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
        """Close the client and its connections; a second call does nothing.

        Calls that are under way end promptly with :class:`ClientClosedError`. A session of your own stays open.

        :raises WrongEventLoopError: on another event loop than that of the first request, unless that one is closed.
        """
        await self._sender.aclose()

    def with_options(self, *, timeout: float | None = None, retry: RetryPolicy | None = None) -> Self:
        """Return the same client with another time-out or retry policy, for calls in more of a hurry, or in less.

        Both share everything else: connections, quota, :attr:`stats` and event loop. Closing either closes both, so
        there is no need to close what this returns.

        :param timeout: seconds for one attempt; ``None`` for those of this client.
        :param retry: how often and how long to try again; ``None`` for the policy of this client.
        :raises InvalidArgumentError: if an argument is of no use.
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
        """What the client has done so far. A snapshot, cheap to take at any time."""
        return self._sender.stats()

    @property
    def quota(self) -> QuotaState | None:
        """What is known of the service's quota; ``None`` until an answer has told one. A snapshot, cheap."""
        return self._sender.quota()

    async def list_session_traces(self, session_id: str | UUID, *, page: int = 1, limit: int = 100) -> TracePage:
        """Get exactly one page of a session's traces, newest first, as the server sends it.

        :param session_id: the session: a ``UUID``, or its 36-character hyphenated form. A string is sent as it is, in
            upper or lower case: the service compares letter by letter.
        :param page: the page's number, from 1. A page past the end has no traces.
        :param limit: how many traces a page holds at most, 1 to 100.
        :raises InvalidArgumentError: if an argument is malformed; nothing has been sent then.
        :raises LyzrTracesError: if the page can't be had; see :mod:`lyzr_traces_async.errors`.

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

        Every trace that exists from the first request to the last is yielded exactly once, at any page size and
        ``prefetch``, whatever arrives meanwhile or is deleted meanwhile. At the end the books are balanced: where the
        order of the list was not stable, it is walked again. The limits of that promise: where an insertion *and* a
        deletion fall between the same two successive answers, the server's ``totalItems`` can't show it, and a trace
        may be missed; the answers of one prefetch window count as one here. An insertion in the middle of the list
        while its last window is read may stay unseen too, as nothing comes behind that. ``prefetch=1`` narrows both
        down as far as it goes.

        Up to ``prefetch`` pages are in flight at once, in windows of 1, 2, 4 and so on, so that the first trace is
        out after one round trip and leaving the loop early costs at most twice the pages consumed. Between two
        traces nothing is in flight and nothing is held: leave the loop as you like.

        :param session_id: the session: a ``UUID``, or its 36-character hyphenated form. A string is sent as it is, in
            upper or lower case: the service compares letter by letter.
        :param limit: how many traces to ask for in one request, 1 to 100. 100 is the fewest requests.
        :param start_page: the page to begin with, from 1, counted in ``limit``, to take up a walk that failed: see
            :attr:`LyzrTracesError.page`. The promise then holds from that page on; the walk may step back before it
            rather than lose a trace.
        :param prefetch: pages in flight at once, at least 1.
        :raises InvalidArgumentError: at the call, if an argument is malformed.
        :raises LyzrTracesError: if a page can't be had; the traces before it have been yielded by then.

        Example::

            slow = [t async for t in client.iter_session_traces(session_id) if (t.latency_seconds or 0) > 2]
        """
        return self._iter_traces(self._start(session_id, limit, start_page, prefetch))

    def iter_session_pages(
        self, session_id: str | UUID, *, limit: int = 100, start_page: int = 1, prefetch: int = 8
    ) -> AsyncGenerator[TracePage, None]:
        """Iterate over all traces of a session, page by page.

        The same walk as :meth:`iter_session_traces`, with the same arguments and errors. ``traces`` of a page holds
        only those not yielded before, and may be empty: an empty session yields one empty page.

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
        """Get the traces of many sessions at once, each session whole, in the order in which they finish.

        Ids are drawn only as they are needed, and finished sessions wait for a slow consumer without piling up: memory
        does not grow with the number of ids. A consumer may give up waiting, by a time-out for one, and ask again:
        nothing is lost. Leaving the ``async with`` block, for whatever reason, cancels what is left and waits for it.

        One session's failure is that session's result, a malformed id among them. What no session can survive ends
        the stream: a wrong key, for one. It is raised from the iteration, as is what ``session_ids`` itself raises, of
        whatever kind. A stream never ends early without an error.

        :param session_ids: the sessions, as an iterable or an async iterable of ids, or of what :meth:`iter_sessions`
            yields. One task draws them all, not the consumer's: an async generator may have time-outs, task groups and
            context variables around its yields, or draw from another stream. What cancels it there is raised where it
            waits; at the end it is closed.
        :param limit: how many traces to ask for in one request, 1 to 100. 100 is the fewest requests.
        :param concurrency: sessions read at once, at least 1. They share the client's ``max_concurrency``, and take
            turns: a long session does not hold up short ones.
        :raises InvalidArgumentError: at the call, if an argument is malformed.
        :raises AuthenticationError: from the iteration, at once, or after the last attempt where the key was accepted
            before; so are :class:`PermissionDeniedError`, :class:`ServiceNotConfiguredError` and
            :class:`ClientClosedError`.

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
        """Get one trace with its observations: what went in and out of each step, how long it took, what it cost.

        :param session_id: the session, as in :meth:`list_session_traces`.
        :param trace_id: the trace's id, as :attr:`Trace.trace_id` has it; 1 to 256 characters of any kind.
        :raises InvalidArgumentError: if an argument is malformed.
        :raises NotFoundError: if there is no such session, or it has no such trace; the text says which.
        :raises LyzrTracesError: if the trace can't be had.

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
        """Iterate over the sessions that have ended, the one that ended first coming first.

        Sessions that end meanwhile stand at the end of the list and come last. Each comes once. It can be given to
        :meth:`stream_sessions` as it is. To take up a walk that failed, pass the ``ended_at`` of the last session as
        ``since``. As in the other walks, nothing is in flight and nothing is held between two sessions.

        :param agent_id: only this agent's sessions; 1 to 256 characters.
        :param since: only sessions that ended then or later: a ``datetime`` with a time zone, or a ``date``, which
            stands for its first moment in UTC.
        :param until: only sessions that ended then or earlier, likewise.
        :raises InvalidArgumentError: at the call, if an argument is malformed, or ``since`` is later than ``until``.
        :raises LyzrTracesError: if a part of the list can't be had; the sessions before it have been yielded by then.

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

    # None of the generators contains another: one that is dropped is then finalised in one step (PEP 525).
    # And none yields within a task group or a cancel scope (PEP 789).

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
