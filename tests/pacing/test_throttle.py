"""The queue in front of the service: which request gets a slot, which gives up, and that neither leaves anything."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from multidict import CIMultiDict

from lyzr_traces_async import RateLimitError
from lyzr_traces_async._responses import Answer
from lyzr_traces_async._throttle import Throttle

OK = Answer(200, CIMultiDict(), b"")
REFUSED = Answer(429, CIMultiDict(), b"")


def told(remaining: int, reset: int, status: int = 200) -> Answer:
    """Return an answer with a quota of 100."""
    fields = {"RateLimit": f'"a"; r={remaining}; t={reset}', "RateLimit-Policy": '"a"; q=100; w=60'}
    return Answer(status, CIMultiDict(fields), b"")


class Service:
    """Records the order of requests, and answers each when it is told to.

    :ivar came: the names of the requests, in their order.
    """

    def __init__(self, throttle: Throttle) -> None:
        self.throttle = throttle
        self.came: list[str] = []
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._waits: dict[str, float] = {}

    def request(self, name: str) -> Callable[[], Awaitable[Answer]]:
        async def get() -> Answer:
            self.came.append(name)
            self._answers[name] = asyncio.get_running_loop().create_future()
            return await self._answers[name]

        return get

    def ask(self, name: str, *, max_wait: float = 120.0, **settings: Any) -> asyncio.Task[Answer]:
        """Make a request of this name. Its turn is the first letter."""

        async def make() -> Answer:
            answer = await self.throttle.send(self.request(name), turn=name[0], max_wait=max_wait, **settings)
            if name in self._waits:
                self.throttle.refused(self._waits.pop(name))
            return answer

        return asyncio.ensure_future(make())

    def answer(self, name: str, answer: Answer = OK) -> None:
        self._answers.pop(name).set_result(answer)

    def refuse(self, name: str, wait: float, answer: Answer = REFUSED) -> None:
        """Refuse a request with a wait of so many seconds."""
        self._waits[name] = wait
        self.answer(name, answer)

    async def answer_all(self) -> None:
        """Answer all requests, until none comes for two seconds."""
        while self._answers:
            for name in list(self._answers):
                self.answer(name)
            await asyncio.sleep(2)


async def turns() -> None:
    """Let the event loop run some rounds without letting time pass."""
    for _ in range(5):
        await asyncio.sleep(0)


async def informed(throttle: Throttle, answer: Answer = OK) -> Service:
    """Return a service whose first answer has told the quota."""

    async def first() -> Answer:
        return answer

    await throttle.send(first, turn="0", max_wait=120.0)
    return Service(throttle)


def check_idle(throttle: Throttle) -> None:
    """Check that no slot is taken, no request waits, and no timer is set."""
    assert (throttle._turns.in_flight, throttle._pacer._in_flight, throttle._turns.waiting) == (0, 0, {})
    assert (throttle._patience, throttle._alarm, throttle._held_since) == ({}, None, None)


async def test_slots_are_granted_by_turn() -> None:
    """A session's pages ahead wait for the pages of others, and a refused request waits for none."""
    service = await informed(Throttle(2))
    calls = [service.ask(name) for name in ("a1", "a2", "a3", "a4", "b1", "c1")]
    calls.append(service.ask("a5", refused=True))
    await turns()
    await service.answer_all()
    assert service.came == ["a1", "a2", "a5", "b1", "c1", "a3", "a4"]
    await asyncio.gather(*calls)
    check_idle(service.throttle)


async def test_a_served_turn_may_come_back_before_a_page_ahead_takes_its_slot() -> None:
    """It may come back with its next page or session. Otherwise the slot is soon granted."""
    service = await informed(Throttle(2))
    calls = [service.ask(name) for name in ("a1", "b1", "a2", "a3")]
    await turns()
    service.answer("b1")
    await calls[1]
    calls.append(service.ask("b2"))
    await turns()
    assert service.came == ["a1", "b1", "b2"]
    service.answer("b2")
    await turns()
    assert service.came == ["a1", "b1", "b2", "a2"]
    await service.answer_all()
    await asyncio.gather(*calls)
    check_idle(service.throttle)


async def test_without_a_queue_a_request_is_made_within_the_same_turn_of_the_loop() -> None:
    """With no reason to wait, the event loop does not run in between."""
    service = await informed(Throttle(2))
    sending = service.throttle.send(service.request("a"), turn="a", max_wait=120.0)
    sending.send(None)
    assert service.came == ["a"]
    sending.close()
    check_idle(service.throttle)


async def test_a_request_cancelled_in_the_queue_leaves_it() -> None:
    """The next request gets the slot when there is one."""
    service = await informed(Throttle(1))
    calls = [service.ask(name) for name in "abc"]
    await turns()
    calls[1].cancel()
    await turns()
    service.answer("a")
    await turns()
    assert service.came == ["a", "c"]
    service.answer("c")
    await calls[2]
    check_idle(service.throttle)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_request_cancelled_as_it_is_granted_gives_slot_and_quota_back(moment: str) -> None:
    """One request of the quota is left. The cancellation comes just before the grant, or just after it."""
    service = await informed(Throttle(1), told(2, 60))

    async def get() -> Answer:
        await asyncio.sleep(1)
        if moment == "before":
            second.cancel()
        return OK

    async def first() -> None:
        await service.throttle.send(get, turn="a", max_wait=120.0)
        if moment == "after":
            second.cancel()

    call = asyncio.ensure_future(first())
    await turns()
    second, third = service.ask("b"), service.ask("c")
    await call
    await turns()
    assert second.cancelled()
    assert service.came == ["c"]
    service.answer("c")
    await third
    check_idle(service.throttle)


@pytest.mark.parametrize("first", ["cancelled", "refused"])
async def test_a_request_cancelled_as_it_gives_up_has_nothing_to_give_back(first: str) -> None:
    """It was never granted a slot. Both orders are tried."""
    service = await informed(Throttle(1))
    calls = [service.ask("a"), service.ask("b")]
    await turns()
    if first == "cancelled":
        calls[1].cancel()
    service.throttle.refused(300)
    if first == "refused":
        calls[1].cancel()
    await turns()
    assert calls[1].cancelled()
    service.answer("a")
    await calls[0]
    check_idle(service.throttle)


async def test_nothing_is_let_through_between_a_429_and_its_wait() -> None:
    """There is a free slot, and a request waits."""
    service = await informed(Throttle(1))
    calls = [service.ask("a"), service.ask("b")]
    await turns()
    service.refuse("a", 7)
    await asyncio.sleep(6.5)
    assert service.came == ["a"]
    await asyncio.sleep(1)
    assert service.came == ["a", "b"]
    service.answer("b")
    await asyncio.gather(*calls)


async def test_after_a_429_without_a_wait_the_queue_goes_on() -> None:
    """No request waits for ever."""
    service = await informed(Throttle(1))
    calls = [service.ask("a"), service.ask("b")]
    await turns()
    service.answer("a", REFUSED)
    await turns()
    assert service.came == ["a", "b"]
    service.answer("b")
    await asyncio.gather(*calls)
    check_idle(service.throttle)


async def test_requests_that_may_not_wait_so_long_give_up() -> None:
    """Those in the queue give up at once, later ones when they come, and all learn the rest of the wait."""
    service = await informed(Throttle(1))
    calls = [service.ask("a"), service.ask("b", max_wait=299.0), service.ask("c", max_wait=300.0)]
    await turns()
    service.refuse("a", 300)
    with pytest.raises(RateLimitError) as caught:
        await calls[1]
    assert caught.value.retry_after == pytest.approx(300, abs=1)
    await asyncio.sleep(100)
    with pytest.raises(RateLimitError) as caught:
        await service.ask("d", max_wait=199.0)
    assert caught.value.retry_after == pytest.approx(200, abs=1)
    calls.append(service.ask("e", max_wait=201.0))
    await asyncio.sleep(201)
    await service.answer_all()
    assert service.came == ["a", "c", "e"]
    await asyncio.gather(calls[0], calls[2], calls[3])
    check_idle(service.throttle)


async def test_requests_give_up_if_nothing_gets_through_for_too_long() -> None:
    """The time counts from the moment each request was to be made."""
    service = await informed(Throttle(1))
    begun = service.throttle.now()
    calls = [service.ask("a"), service.ask("b", max_wait=30.0)]
    await turns()
    service.refuse("a", 20)
    await asyncio.sleep(1)
    again = service.ask("a", max_wait=30.0, since=begun, refused=True)
    calls.append(service.ask("c", max_wait=60.0))
    await asyncio.sleep(20)
    service.refuse("a", 11)
    assert await again is REFUSED
    again = service.ask("a2", max_wait=30.0, since=begun)
    await asyncio.sleep(8)
    assert service.came == ["a", "a"]
    assert not again.done()
    await asyncio.sleep(4)
    assert service.came == ["a", "a", "b"]
    service.refuse("b", 5)
    assert await calls[1] is REFUSED
    with pytest.raises(RateLimitError):
        await again
    await asyncio.sleep(6)
    await service.answer_all()
    assert service.came == ["a", "a", "b", "c"]
    await asyncio.gather(calls[0], calls[2])
    check_idle(service.throttle)


async def test_no_request_gives_up_while_others_get_through() -> None:
    """A request that waits for long only waits for its turn."""
    service = await informed(Throttle(2))
    begun = service.throttle.now()
    calls = [service.ask("a"), service.ask("b"), service.ask("c", max_wait=30.0, since=begun)]
    await asyncio.sleep(60)
    service.answer("a", told(0, 60))
    service.refuse("b", 20)
    await asyncio.sleep(19)
    assert not calls[2].done()
    await asyncio.sleep(60)
    await service.answer_all()
    await asyncio.gather(*calls)


async def test_the_time_before_a_request_came_does_not_make_it_give_up() -> None:
    """The client had nothing to send, so nothing could get through."""
    service = await informed(Throttle(1))
    await asyncio.sleep(500)
    calls = [service.ask("a"), service.ask("b", max_wait=30.0)]
    await turns()
    service.refuse("a", 5)
    await asyncio.sleep(6)
    await service.answer_all()
    assert service.came == ["a", "b"]
    await asyncio.gather(*calls)


async def test_a_request_that_may_not_wait_for_the_window_goes_through() -> None:
    """One at a time goes through, from any place in the queue, so that the refusal comes from the server."""
    service = await informed(Throttle(2), told(1, 60))
    calls = [service.ask("a"), service.ask("b"), service.ask("c", max_wait=5.0), service.ask("d", max_wait=5.0)]
    await turns()
    assert service.came == ["a"]
    service.answer("a", told(0, 60))
    await turns()
    assert service.came == ["a", "c"]
    service.refuse("c", 60, told(0, 60, 429))
    assert (await calls[2]).status == 429
    with pytest.raises(RateLimitError):
        await calls[3]
    await asyncio.sleep(61)
    await service.answer_all()
    assert service.came == ["a", "c", "b"]
    await asyncio.gather(calls[0], calls[1])
    check_idle(service.throttle)


async def test_a_request_that_fails_gives_its_slot_back() -> None:
    """It does not give back its share of the quota: the server may have counted it."""
    service = await informed(Throttle(1), told(1, 60))

    async def fail() -> Answer:
        raise OSError("no answer")

    with pytest.raises(OSError, match="no answer"):
        await service.throttle.send(fail, turn="a", max_wait=120.0)
    check_idle(service.throttle)
    call = service.ask("b")
    await asyncio.sleep(50)
    assert service.came == []
    await asyncio.sleep(11)
    await service.answer_all()
    await call


async def test_after_a_burst_of_refusals_fewer_are_in_flight() -> None:
    """As many go as were served of the burst, and the first one goes alone."""
    service = await informed(Throttle(5))
    calls = [service.ask(name) for name in "abcdefghij"]
    await turns()
    for name in "abc":
        service.refuse(name, 7)
    for name in "de":
        service.answer(name)
    await asyncio.sleep(8)
    assert service.came == list("abcdef")
    service.answer("f")
    await asyncio.sleep(1)
    assert service.came == list("abcdefgh")
    await service.answer_all()
    await asyncio.gather(*calls)


async def test_the_moment_that_is_left_to_others_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Only the wait before it is logged."""
    service = await informed(Throttle(2))
    with caplog.at_level(logging.INFO, logger="lyzr_traces_async"):
        calls = [service.ask("a"), service.ask("b"), service.ask("c"), service.ask("d")]
        await turns()
        service.refuse("a", 50)
        service.answer("b")
        await asyncio.sleep(51)
        assert service.came == ["a", "b", "c"]
        service.answer("c", told(99, 60))
        await asyncio.sleep(0.5)
        assert service.came == ["a", "b", "c"]
        await asyncio.sleep(1)
        service.answer("d")
        await asyncio.gather(*calls)
    said = [record.getMessage() for record in caplog.records if record.name == "lyzr_traces_async"]
    assert said == ["the service refused a request (429): waiting 50.0 s"]
    assert service.throttle.seconds_paced() == pytest.approx(51, abs=0.5)
    check_idle(service.throttle)


def test_requests_left_on_an_ended_loop_are_dropped_in_silence() -> None:
    """They are granted no slot, and no timer is set on that loop."""
    loop = asyncio.new_event_loop()

    async def leave_behind() -> None:
        service = await informed(Throttle(1))
        left.extend(service.ask(name) for name in "abc")
        await turns()
        for task in left:
            task._log_destroy_pending = False

    left: list[Any] = []
    loop.run_until_complete(leave_behind())
    loop.close()
    left.clear()
    gc.collect()
