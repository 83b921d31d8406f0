"""Gets the answer to a request, with as many attempts as needed. Here the pure modules meet the transport."""

from __future__ import annotations

import copy
import logging
from collections import Counter
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar
from uuid import uuid4

import anyio
import attrs
import tenacity
from yarl import URL

from ._logs import logged, logger, one_line
from ._requests import PageRequest, Request
from ._responses import Answer, error_of, key_is_accepted, request_id_of
from ._retrying import Attempts
from ._throttle import Throttle
from ._transport import Transport
from ._walk import PageWalk
from .errors import (
    APIConnectionError,
    AuthenticationError,
    ClientClosedError,
    LyzrTracesError,
    RateLimitError,
)
from .models import ClientStats, QuotaState, RetryPolicy, TracePage

__all__ = ["Sender"]

_T = TypeVar("_T")


@attrs.define
class _Life:
    """The state that a client shares with the clients made from it by ``with_options``.

    :ivar closed: whether the client was closed.
    :ivar key_accepted: whether an answer of the service has shown that the API key is good.
    """

    closed: bool = False
    key_accepted: bool = False


@attrs.define
class _Call(Generic[_T]):
    """A request and the attempts at it.

    :ivar request: the request.
    :ivar url: its URL.
    :ivar attempts: the attempts so far.
    :ivar turn: the walk that the request belongs to; a single call is a turn of its own.
    """

    request: Request[_T]
    url: URL
    attempts: Attempts
    turn: object


class Cancellable(Protocol):
    """A call or a stream that is under way and can be cancelled, such as a cancel scope."""

    def cancel(self) -> None:
        """Cancel the call or the stream."""
        ...


class Sender:
    """Makes all requests of a client.

    :param transport: makes each single attempt.
    :param base_url: the URL of the API, without a slash at the end.
    :param timeout: seconds for one attempt, from connecting to the last byte.
    :param retry: how often and how long to try again.
    :param max_concurrency: how many requests may be in flight at once.
    :ivar calls: the calls and streams that are under way. They are cancelled when the client is closed.
    :ivar tally: the counters so far, under the names of :class:`ClientStats`.
    :ivar mask: takes the API key out of a text.
    :ivar check_loop: raises :class:`WrongEventLoopError` if the running event loop is not the client's.
    """

    def __init__(
        self, transport: Transport, base_url: str, timeout: float, retry: RetryPolicy, max_concurrency: int
    ) -> None:
        self.tally: Counter[str] = Counter()
        self._transport = transport
        self._base_url = base_url
        self._timeout = timeout
        self._retry = retry
        self._throttle = Throttle(max_concurrency)
        self.mask = transport.mask
        self.check_loop = transport.check_loop
        self.calls: set[Cancellable] = set()
        self._life = _Life()

    def with_options(self, timeout: float | None, retry: RetryPolicy | None) -> Self:
        """Return a sender for the same client with another time-out or retry policy.

        Both senders refer to the same objects for all state that requests change, so they share it.

        :param timeout: seconds for one attempt; ``None`` for those of this sender.
        :param retry: the retry policy; ``None`` for that of this sender.
        """
        other = copy.copy(self)
        other._timeout = self._timeout if timeout is None else timeout
        other._retry = self._retry if retry is None else retry
        return other

    def stats(self) -> ClientStats:
        """Return the counts so far."""
        return ClientStats(**self.tally, seconds_paced=self._throttle.seconds_paced())

    def quota(self) -> QuotaState | None:
        """Return the state of the quota, or ``None`` until an answer has told one."""
        return self._throttle.quota()

    def check_open(self) -> None:
        """Check that the client is open.

        :raises ClientClosedError: if the client was closed.
        """
        if self._life.closed:
            raise ClientClosedError("the client is closed: create a new one")

    async def window(
        self, walk: PageWalk, *, fatal: tuple[type[LyzrTracesError], ...] = ()
    ) -> list[TracePage | LyzrTracesError]:
        """Get all pages of a walk's next window at once. Return for each the page, or the error that it ended with.

        :param walk: the walk.
        :param fatal: errors of these types are raised as soon as they come, and the other pages are cancelled.
        """
        answers: dict[int, TracePage | LyzrTracesError] = {}

        async def get(page: int, others: anyio.CancelScope | None = None) -> None:
            request = PageRequest(walk.session_id, page, walk.limit)
            answers[page] = answer = await self.outcome(request, turn=walk, heavy_attempts=walk.heavy_attempts)
            if others is not None and isinstance(answer, fatal):
                others.cancel()

        limit = walk.limit
        window = walk.window()
        if walk.limit != limit:
            logger.info("asking for %d traces a page instead of %d [session %s]", walk.limit, limit, walk.session_id)
        if len(window) == 1:
            await get(window.start)
        else:
            async with anyio.create_task_group() as tasks:
                for page in window:
                    tasks.start_soon(get, page, tasks.cancel_scope)
        for answer in answers.values():
            if isinstance(answer, fatal):
                raise answer
        return [answers[page] for page in window]

    async def outcome(self, request: Request[_T], *, turn: object, heavy_attempts: int | None) -> _T | LyzrTracesError:
        """Make a request like :meth:`get`, but return its error instead of raising it."""
        try:
            return await self.get(request, turn=turn, heavy_attempts=heavy_attempts)
        except LyzrTracesError as error:
            return error

    async def get(self, request: Request[_T], *, turn: object = None, heavy_attempts: int | None = None) -> _T:
        """Make a request with as many attempts as needed, and return the decoded answer.

        :param request: the request.
        :param turn: the walk that the request belongs to; ``None`` for a single call, which is a turn of its own.
        :param heavy_attempts: after how many attempts to give up if the answer is too heavy for the service and can be
            asked for in smaller parts; ``None`` if it can't.
        :raises LyzrTracesError: the error of the last attempt, with the particulars of the request and the number of
            attempts.
        """
        self.check_open()
        self.check_loop()
        attempts = Attempts(self._retry, heavy_attempts=heavy_attempts)
        attempts.since = self._throttle.now()
        url = URL(f"{self._base_url}{request.target}", encoded=True)
        call = _Call(request, url, attempts, attempts if turn is None else turn)
        with anyio.CancelScope() as scope:  # for `aclose`
            self.calls.add(scope)
            try:
                return await self._attempts(call)
            except LyzrTracesError as error:
                _describe(error, request, attempts.made)
                raise
            finally:
                self.calls.remove(scope)
        closed = ClientClosedError("the client was closed while this call was under way")
        _describe(closed, request, attempts.made)
        raise closed

    async def _attempts(self, call: _Call[_T]) -> _T:
        # Nearly every first attempt succeeds. Setting up tenacity before it would be wasted time.
        try:
            return await self._attempt(call)
        except LyzrTracesError as error:
            if not self._again(call, error):
                raise
        await anyio.sleep(call.attempts.wait)
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(partial(self._again, call)),
            wait=lambda _: call.attempts.wait,
            sleep=anyio.sleep,
        )
        answer: _T = await retrying(self._attempt, call)
        return answer

    def _again(self, call: _Call[Any], error: BaseException) -> bool:
        """Return whether to try again after an error, and log this. Set the wait before the next attempt."""
        if not isinstance(error, LyzrTracesError):
            return False
        attempts, throttle = call.attempts, self._throttle
        again = attempts.again(
            error, now=throttle.now(), got_through=throttle.got_through, in_vain=throttle.refused_in_vain
        )
        wait, failed = attempts.wait, one_line(error)
        if isinstance(error, RateLimitError) and not error._unsent:
            # All requests of the client have to wait. This one waits with them, in the queue of the throttle.
            throttle.refused(wait)
            attempts.wait = 0.0
            if again:
                logger.info("refused, the next attempt in %.1f s: %s [%s]", wait, failed, call.request.place)
        elif again:
            made, most = attempts.failures, self._retry.attempts
            logger.info(
                "attempt %d of %d failed, the next in %.1f s: %s [%s]", made, most, wait, failed, call.request.place
            )
        return again

    async def _attempt(self, call: _Call[_T]) -> _T:
        answer = self._throttle.send(
            partial(self._request, call),
            turn=call.turn,
            max_wait=self._retry.max_rate_limit_wait,
            since=call.attempts.since,
            refused=call.attempts.refused,
        )
        outcome = self._judge(await answer, call.request)
        if isinstance(outcome, LyzrTracesError):
            raise outcome
        return outcome

    async def _request(self, call: _Call[Any]) -> Answer:
        call.attempts.made += 1
        self.tally["requests"] += 1
        self.tally["retries"] += call.attempts.made > 1
        request_id = str(uuid4())
        exchange = self._transport.get(call.url, request_id, self._timeout)
        if logger.isEnabledFor(logging.DEBUG):  # otherwise save the time
            exchange = logged(exchange, call.request.place, request_id, self.mask)
        return await exchange

    def _judge(self, answer: Answer, request: Request[_T]) -> _T | LyzrTracesError:
        """Return the decoded answer, or the error that it stands for.

        The error is not raised here, because its traceback would then show the raw answer.
        """
        self._life.key_accepted |= key_is_accepted(answer)
        error = error_of(answer, self.mask, self._base_url)
        if error is not None:
            self.tally["rate_limited"] += error.status == 429
            if isinstance(error, AuthenticationError):
                error._permanent = not self._life.key_accepted
            return error
        outcome = request.read(answer.body, self.mask)
        if isinstance(outcome, LyzrTracesError):
            outcome.request_id = request_id_of(answer.fields, self.mask)
            if isinstance(outcome, APIConnectionError):
                answer.discard()
        return outcome

    async def aclose(self) -> None:
        """Close the connections. All calls that are under way end with :class:`ClientClosedError`."""
        if self._life.closed:
            return
        if not self._transport.is_on_its_own:
            self.check_loop()
            for scope in self.calls:
                scope.cancel()
        self._life.closed = True
        await self._transport.aclose()


def _describe(error: LyzrTracesError, request: Request[Any], attempts: int) -> None:
    """Add to an error the particulars of the request and the number of attempts."""
    particulars = request.particulars
    if not error._is_about_page:
        particulars.pop("page", None)
    vars(error).update(particulars, attempts=attempts or None)
