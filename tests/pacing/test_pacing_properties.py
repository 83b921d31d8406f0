"""The pacer against a server that counts in fixed windows, in virtual time, with random loads."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async._fields import Quota
from lyzr_traces_async._pacing import Pacer, Ticket
from tests.helpers.pacers import MAX_WAIT, quota

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
pacing = settings(max_examples=EXAMPLES, deadline=None)


class FixedWindowServer:
    """Counts as the service does: a window opens with the first request after the end of the last window."""

    def __init__(self, requests: int, seconds: float, *, policy: bool) -> None:
        self.requests = requests
        self.seconds = seconds
        self.policy = policy
        self.opened: list[float] = []
        self.counted: list[int] = []
        self.refused: list[int] = []

    def request(self, now: float, *, stranger: bool = False) -> tuple[int, Quota]:
        """Count a request, and return the status and the quota of its answer."""
        if not self.opened or now >= self.opened[-1] + self.seconds:
            self.opened.append(now)
            self.counted.append(0)
            self.refused.append(0)
        self.counted[-1] += 1
        refused = self.counted[-1] > self.requests
        self.refused[-1] += refused and not stranger
        left = max(0, self.requests - self.counted[-1])
        reset = math.ceil(self.opened[-1] + self.seconds - now)
        return 429 if refused else 200, quota(left, max(1, reset), self.requests if self.policy else None)


class Client:
    """Makes a number of requests, with some of them in flight at once, in virtual time."""

    def __init__(self, server: FixedWindowServer, requests: int, concurrency: int, latencies: Iterable[float]) -> None:
        self.server = server
        self.waiting = requests
        self.free = concurrency
        self.latencies = iter(latencies)
        self.pacer = Pacer()
        self.thinking: Callable[[], float] = float
        self.answers = 0
        self.most_before_an_answer = 0
        self._in_flight = 0
        self._events: list[tuple[float, int, str, Ticket | None, tuple[int, Quota] | None]] = []
        self._order = itertools.count()

    def at(
        self, moment: float, what: str, ticket: Ticket | None = None, answer: tuple[int, Quota] | None = None
    ) -> None:
        """Let something happen at a moment."""
        heapq.heappush(self._events, (moment, next(self._order), what, ticket, answer))

    def run(self, strangers: Iterable[float] = ()) -> float:
        """Run until all requests are answered, and return the time of the last answer."""
        for moment in strangers:
            self.at(moment, "stranger")
        self.at(0.0, "wake")
        now = 0.0
        for _ in range(100_000):
            if not (self.waiting or self._in_flight):
                return now
            now, _order, what, ticket, answer = heapq.heappop(self._events)
            if what == "stranger":
                self.server.request(now, stranger=True)
            elif what == "arrives":
                assert ticket is not None
                self.at(now + self.thinking() + next(self.latencies), "answered", ticket, self.server.request(now))
            elif what == "answered":
                assert ticket is not None
                assert answer is not None
                self._answered(ticket, now, *answer)
            self._send(now)
        pytest.fail("the client does not come to an end")

    def _answered(self, ticket: Ticket, now: float, status: int, told: Quota) -> None:
        self.pacer.answered(ticket, now, status=status, quotas=[told])
        self.answers += 1
        self._in_flight -= 1
        self.free += 1
        self.waiting += status == 429

    def _send(self, now: float) -> None:
        while self.waiting and self.free:
            admitted = self.pacer.admit(now, MAX_WAIT)
            if not isinstance(admitted, Ticket):
                if admitted < math.inf:
                    self.at(now + admitted, "wake")
                else:
                    assert self._in_flight
                return
            self.waiting -= 1
            self.free -= 1
            self._in_flight += 1
            if not self.answers:
                self.most_before_an_answer = max(self.most_before_an_answer, self._in_flight)
            self.at(now + next(self.latencies), "arrives", admitted)


def latencies(seed: int, most: float) -> Iterable[float]:
    """Yield random travel times of one way, in seconds; many of them short."""
    chance = random.Random(seed)
    while True:
        yield most * chance.random() ** chance.choice([1, 4])


@pacing
@given(
    requests=st.integers(1, 30),
    seconds=st.integers(1, 60) | st.floats(1, 60),
    concurrency=st.integers(1, 12),
    longest=st.floats(0.001, 0.24) | st.floats(0.001, 0.01),
    windows=st.integers(1, 4),
    policy=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_alone_on_its_address_a_client_is_never_refused(
    *, requests: int, seconds: float, concurrency: int, longest: float, windows: int, policy: bool, seed: int
) -> None:
    """This holds for any window if a request and its answer together take less than half of the window.

    Each window opens soon after the end of the last one: at most a second later, as the reset is rounded up to whole
    seconds, plus the travel times of its answer and of the next request.
    """
    server = FixedWindowServer(requests, seconds, policy=policy)
    client = Client(server, windows * requests, concurrency, latencies(seed, longest * seconds))
    client.run()
    assert sum(server.refused) == 0
    assert max(server.counted) <= requests
    assert client.most_before_an_answer == 1
    for before, opened in itertools.pairwise(server.opened):
        assert opened - (before + seconds) <= 1 + 2 * longest * seconds + 1e-6


@pacing
@given(
    requests=st.integers(1, 100),
    concurrency=st.integers(1, 12),
    slowest=st.floats(0.1, 45),
    windows=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_alone_a_client_is_never_refused_even_if_the_service_is_slow(
    *, requests: int, concurrency: int, slowest: float, windows: int, seed: int
) -> None:
    """The service counts a request before it looks up the key: an answer may take most of a window."""
    server = FixedWindowServer(requests, 60, policy=True)
    chance = random.Random(seed)
    client = Client(server, windows * requests, concurrency, latencies(seed, 0.2))
    client.thinking = lambda: slowest * chance.random() ** chance.choice([1, 4, 16])
    client.run()
    assert sum(server.refused) == 0


@pacing
@given(
    requests=st.integers(1, 30),
    concurrency=st.integers(1, 12),
    longest=st.floats(0.001, 0.05),
    windows=st.integers(1, 6),
)
def test_with_fast_answers_every_window_is_used_up(
    requests: int, concurrency: int, longest: float, windows: int
) -> None:
    """No request of the quota is left over, so the client is as fast as the quota allows."""
    server = FixedWindowServer(requests, 60, policy=True)
    Client(server, windows * requests, concurrency, latencies(requests, longest)).run()
    assert server.counted == [requests] * windows


@pacing
@given(
    requests=st.integers(1, 30),
    seconds=st.integers(2, 60),
    concurrency=st.integers(1, 12),
    longest=st.floats(0.001, 1),
    strangers=st.lists(st.floats(0, 200), max_size=60),
    policy=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_among_strangers_at_most_one_batch_is_refused_in_a_window(
    *,
    requests: int,
    seconds: int,
    concurrency: int,
    longest: float,
    strangers: list[float],
    policy: bool,
    seed: int,
) -> None:
    """The batch is in flight when the answer comes that says that nothing is left."""
    server = FixedWindowServer(requests, seconds, policy=policy)
    Client(server, 60, concurrency, latencies(seed, longest)).run(strangers)
    assert max(server.refused) <= concurrency


QUOTAS = st.lists(
    st.builds(
        Quota,
        name=st.sampled_from("abc"),
        remaining=st.integers(0, 5) | st.integers(0, 10**12),
        reset=st.sampled_from([0.0, 1.0, math.inf]) | st.floats(0, 1e6),
        requests=st.none() | st.integers(0, 5),
        window=st.none() | st.sampled_from([0.0, 0.001, 60.0]) | st.floats(0, 1e6),
    ),
    max_size=3,
)


def happen(pacer: Pacer, what: str, now: float, flying: list[Ticket], data: st.DataObject, *, max_wait: float) -> None:
    """Let one thing happen to a pacer, except that time passes."""
    if what == "admit":
        admission = pacer.admit(now, max_wait)
        if isinstance(admission, Ticket):
            flying.append(admission)
        else:
            assert admission > 0
            assert admission < math.inf or flying
    elif what == "hold":
        pacer.refused(now, data.draw(st.floats(0, 300)))
    elif flying:
        ticket = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
        if what == "lose":
            pacer.unanswered(ticket)
            return
        if what == "cancel":
            pacer.not_sent(ticket)
            return
        limited = what == "upstream"
        status = 502 if limited else data.draw(st.sampled_from([200, 404, 429, 500]))
        pacer.answered(ticket, now, status=status, quotas=data.draw(QUOTAS), upstream_is_limited=limited)


@pacing
@given(st.data(), st.floats(0, 200))
def test_the_pacer_never_deadlocks(data: st.DataObject, max_wait: float) -> None:
    """With nothing in flight there is a ticket, or a finite wait that leads to a ticket."""
    pacer = Pacer()
    now = 0.0
    flying: list[Ticket] = []
    for what in data.draw(
        st.lists(st.sampled_from(["admit", "answer", "lose", "cancel", "hold", "upstream", "time"]), max_size=40)
    ):
        if what == "time":
            now += data.draw(st.floats(0, 50))
        else:
            happen(pacer, what, now, flying, data, max_wait=max_wait)
    for ticket in flying:
        pacer.unanswered(ticket)
    for _ in range(30):
        admission = pacer.admit(now, max_wait)
        if isinstance(admission, Ticket):
            return
        assert 0 < admission < math.inf
        now = max(math.nextafter(now, math.inf), now + admission)
    pytest.fail("no ticket, however long it waits")


def test_a_thousand_requests_take_ten_windows_of_the_services_quota() -> None:
    """At 100 requests a minute all ten windows are used up, none is overrun, and each loses a second at most."""
    server = FixedWindowServer(100, 60, policy=True)
    client = Client(server, 1000, 8, latencies(1, 0.1))
    assert client.run() < 9 * 61.5 + 10
    assert Counter(server.counted) == {100: 10}
    assert sum(server.refused) == 0
