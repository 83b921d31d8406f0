"""An answer from the service, with as many attempts as it takes. Where the pure parts meet the transport."""

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
    """What becomes of a client, whoever of those that share it is the first to know.

    :ivar closed: whether it was closed.
    :ivar key_accepted: whether the service has shown that its key is good.
    """

    closed: bool = False
    key_accepted: bool = False


@attrs.define
class _Call(Generic[_T]):
    """A question that is asked, and the attempts at it.

    :ivar turn: the walk that it belongs to; a single call has its own.
    """

    request: Request[_T]
    url: URL
    attempts: Attempts
    turn: object


class Cancellable(Protocol):
    """What is under way, and can be ended: a cancel scope, for one."""

    def cancel(self) -> None:
        """End it."""
        ...


class Sender:
    """Gets answers: for everything that a client does at once.

    :param base_url: where the API is, without a slash at the end.
    :param timeout: seconds for one attempt, connect to last byte.
    :param max_concurrency: requests in flight at once.
    :ivar calls: what is under way; it is cancelled when the client is closed.
    :ivar tally: what was counted so far, under the names of :class:`ClientStats`.
    :ivar mask: takes the API key out of a text.
    :ivar check_loop: raises :class:`WrongEventLoopError` unless the running event loop is the client's.
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
        """Return one for the same client, with another time-out or policy where one is given.

        All that changes as requests are made is held by reference, and so is common to both.
        """
        other = copy.copy(self)
        other._timeout = self._timeout if timeout is None else timeout
        other._retry = self._retry if retry is None else retry
        return other

    def stats(self) -> ClientStats:
        """Return what was counted so far."""
        return ClientStats(**self.tally, seconds_paced=self._throttle.seconds_paced())

    def quota(self) -> QuotaState | None:
        """Return what is known of the service's quota."""
        return self._throttle.quota()

    def check_open(self) -> None:
        """Raise unless the client is open.

        :raises ClientClosedError: if it was closed.
        """
        if self._life.closed:
            raise ClientClosedError("the client is closed: create a new one")

    async def window(
        self, walk: PageWalk, *, fatal: tuple[type[LyzrTracesError], ...] = ()
    ) -> list[TracePage | LyzrTracesError]:
        """Get the pages of a walk's window, all at once: each, or why it could not be had.

        :param fatal: the errors of which one is raised as soon as it comes, whatever becomes of the other pages.
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
        """Ask, and return the answer, or why it could not be had."""
        try:
            return await self.get(request, turn=turn, heavy_attempts=heavy_attempts)
        except LyzrTracesError as error:
            return error

    async def get(self, request: Request[_T], *, turn: object = None, heavy_attempts: int | None = None) -> _T:
        """Ask, and return the answer.

        :param turn: the walk that it belongs to; a single call has its own.
        :param heavy_attempts: how many attempts it is worth where it is too heavy, and can be asked for in parts.
        :raises LyzrTracesError: what went wrong at the last attempt, with what was asked for and the attempts.
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
                vars(error).update(request.particulars, attempts=attempts.made or None)
                raise
            finally:
                self.calls.remove(scope)
        raise ClientClosedError("the client was closed while this call was under way", **request.particulars)

    async def _attempts(self, call: _Call[_T]) -> _T:
        # Nearly every answer is had at the first attempt, which is not worth setting up the others.
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
        if not isinstance(error, LyzrTracesError):
            return False
        attempts, throttle = call.attempts, self._throttle
        again = attempts.again(
            error, now=throttle.now(), got_through=throttle.got_through, in_vain=throttle.refused_in_vain
        )
        wait, failed = attempts.wait, one_line(error)
        if isinstance(error, RateLimitError) and not error._unsent:
            # Everybody has to wait, so this request does so where everybody does: in front of the service.
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
        if logger.isEnabledFor(logging.DEBUG):  # or else no page has to pay for it
            exchange = logged(exchange, call.request.place, request_id, self.mask)
        return await exchange

    def _judge(self, answer: Answer, request: Request[_T]) -> _T | LyzrTracesError:
        """Return what an answer says, or its error: not raised here, where a traceback would show the raw answer."""
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
        """End all calls that are under way with :class:`ClientClosedError`, and close the connections."""
        if self._life.closed:
            return
        if not self._transport.is_on_its_own:
            self.check_loop()
            for scope in self.calls:
                scope.cancel()
        self._life.closed = True
        await self._transport.aclose()
