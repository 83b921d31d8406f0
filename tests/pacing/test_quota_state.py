"""The state of the quota that a client reports: tables and properties of the arithmetic, and a client with a server."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async import QuotaState, TracesClient
from lyzr_traces_async._fields import Quota
from lyzr_traces_async._pacing import Pacer, Ticket
from lyzr_traces_async.testing import FakeTracesServer
from lyzr_traces_async.testing import Quota as ServerQuota

EXAMPLES: Final = int(os.environ.get("HYPOTHESIS_EXAMPLES", "100"))
knowing = settings(max_examples=EXAMPLES, deadline=None)

SESSION: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ENDLESS: Final = 1e12


def sent(pacer: Pacer, now: float) -> Ticket:
    """Return the ticket of a request that must be let through."""
    ticket = pacer.admit(now, ENDLESS)
    assert isinstance(ticket, Ticket)
    return ticket


def told(*quotas: Quota, sent_at: float = 0.0, received: float = 0.5, status: int = 200) -> Pacer:
    """Return a pacer that has had one answer."""
    pacer = Pacer()
    pacer.answered(sent(pacer, sent_at), received, status=status, quotas=quotas)
    return pacer


MINUTE: Final = Quota("minute", 57, 31.0, 100, 60.0)


@pytest.mark.parametrize(
    ("quota", "now", "expected"),
    [
        pytest.param(MINUTE, 0.5, (100, 57, 31.0, 60.0), id="as it is told"),
        pytest.param(MINUTE, 10.0, (100, 57, 21.5, 60.0), id="a while later"),
        pytest.param(MINUTE, 31.25, (100, 57, 0.25, 60.0), id="just before it ends"),
        pytest.param(MINUTE, 31.5, (100, 100, 0.0, 60.0), id="at its end"),
        pytest.param(MINUTE, 500.0, (100, 100, 0.0, 60.0), id="long after its end"),
        pytest.param(Quota("a", 0, 31.0, 100, 60.0), 1.5, (100, 0, 30.0, 60.0), id="used up"),
        pytest.param(Quota("a", 57, 31.0, 100), 1.5, (100, 57, 30.0, 31.0), id="no policy tells how long it lasts"),
        pytest.param(Quota("a", 57, 31.0, 100, 0.0), 1.5, (100, 57, 30.0, 31.0), id="a policy of no length"),
        pytest.param(Quota("a", 57, 31.0, None), 1.5, (None, 57, 30.0, 31.0), id="nor how many requests"),
        pytest.param(Quota("a", 57, 31.0, None, 60.0), 31.5, None, id="of no known size, and over"),
        pytest.param(Quota("a", 4, 0.0, 4), 0.5, (4, 4, 0.0, None), id="over when it is told, and of no known length"),
        pytest.param(Quota("a", 0, 5.0, 0, 60.0), 0.5, (0, 0, 5.0, 60.0), id="a quota of nothing"),
    ],
)
def test_the_quota_of_an_answer_is_reported(
    quota: Quota, now: float, expected: tuple[int | None, int, float, float | None] | None
) -> None:
    """It is reported until its window ends. Then the parts that still hold for the next window are reported."""
    assert told(quota).quota(now) == (None if expected is None else QuotaState(*expected))


@pytest.mark.parametrize("status", [200, 404, 429, 500])
def test_without_quota_fields_nothing_is_known(status: int) -> None:
    """Nothing is known before the first answer either."""
    pacer = Pacer()
    assert pacer.quota(0.0) is None
    ticket = sent(pacer, 1.0)
    assert pacer.quota(2.0) is None
    pacer.answered(ticket, 3.0, status=status, quotas=[])
    assert pacer.quota(4.0) is None


def test_the_longest_reset_that_was_seen_stands_for_the_length_of_a_window() -> None:
    """It also holds for the following windows. A length given by a policy takes precedence."""
    pacer = told(Quota("a", 9, 31.0, 10))
    pacer.answered(sent(pacer, 1.0), 2.0, status=200, quotas=[Quota("a", 8, 29.0, 10)])
    assert pacer.quota(2.0) == QuotaState(10, 8, 29.0, 31.0)
    pacer.answered(sent(pacer, 31.5), 32.0, status=200, quotas=[Quota("a", 9, 60.0, 10)])
    assert pacer.quota(32.0) == QuotaState(10, 9, 60.0, 60.0)
    pacer.answered(sent(pacer, 33.0), 34.0, status=200, quotas=[Quota("a", 8, 58.0, 10, 90.0)])
    assert pacer.quota(34.0) == QuotaState(10, 8, 58.0, 90.0)


def test_a_sent_request_is_no_longer_left() -> None:
    """It counts before and without an answer. Only a request that was not sent is given back."""
    pacer = told(MINUTE)
    tickets = [sent(pacer, 1.0) for _ in range(3)]
    assert pacer.quota(1.0) == QuotaState(100, 54, 30.5, 60.0)
    pacer.unanswered(tickets[0])
    assert pacer.quota(1.0) == QuotaState(100, 54, 30.5, 60.0)
    pacer.not_sent(tickets[1])
    assert pacer.quota(1.0) == QuotaState(100, 55, 30.5, 60.0)
    pacer.answered(tickets[2], 2.0, status=200, quotas=[Quota("minute", 40, 29.0, 100, 60.0)])
    assert pacer.quota(2.0) == QuotaState(100, 40, 29.0, 60.0)


def test_a_request_in_flight_at_the_end_of_a_window_is_spent_in_the_next() -> None:
    """Its answer will show where it was counted. The rest is never below zero."""
    pacer = told(Quota("a", 3, 31.0, 3, 60.0))
    for _ in range(3):
        sent(pacer, 30.0)
    assert pacer.quota(31.5) == QuotaState(3, 0, 0.0, 60.0)
    pacer = told(Quota("a", 9, 31.0, 9, 60.0))
    for _ in range(3):
        sent(pacer, 30.0)
    pacer.answered(sent(pacer, 30.0), 30.5, status=200, quotas=[Quota("a", 5, 1.0, 2, 60.0)])
    assert pacer.quota(31.5) == QuotaState(2, 0, 0.0, 60.0)


def test_a_window_of_unknown_end_is_assumed_to_have_the_longest_length() -> None:
    """It begins when its first request is sent."""
    pacer = told(MINUTE)
    ticket = sent(pacer, 40.0)
    assert pacer.quota(40.0) == QuotaState(100, 99, 60.0, 60.0)
    assert pacer.quota(50.0) == QuotaState(100, 99, 50.0, 60.0)
    assert pacer.quota(120.0) == QuotaState(100, 99, 0.0, 60.0)
    pacer.answered(ticket, 121.0, status=200, quotas=[Quota("minute", 98, 1.0, 100, 60.0)])
    assert pacer.quota(121.0) == QuotaState(100, 98, 1.0, 60.0)


def test_a_window_of_unknown_length_has_no_known_end() -> None:
    """No wait is invented."""
    pacer = told(Quota("a", 4, 0.0, 4))
    sent(pacer, 1.0)
    assert pacer.quota(1.0) == QuotaState(4, 3, 0.0, None)


@pytest.mark.parametrize(
    ("left", "resets_in", "expected"),
    [
        pytest.param(57, 31.0, (100, 0, 10.0, 60.0), id="before the window ends"),
        pytest.param(0, 31.0, (100, 0, 30.5, 60.0), id="in a window that is used up"),
        pytest.param(0, 5.0, (100, 0, 10.0, 60.0), id="for longer than the window"),
    ],
)
def test_a_refusal_leaves_nothing_until_it_ends(
    left: int, resets_in: float, expected: tuple[int, int, float, float]
) -> None:
    """If the window is used up as well, the later of both ends is reported."""
    pacer = told(Quota("a", left, resets_in, 100, 60.0))
    pacer.refused(1.0, 10.0)
    assert pacer.quota(1.0) == QuotaState(*expected)
    after = pacer.quota(11.0)
    assert after is not None
    assert (after.remaining, after.resets_in) == ((left, 20.5) if resets_in == 31.0 else (100, 0.0))


def test_a_refusal_of_the_trace_store_leaves_nothing_until_it_ends() -> None:
    """It says nothing of the quota, but holds everything back."""
    pacer = told(MINUTE)
    left = Quota("minute", 56, 30.0, 100, 60.0)
    pacer.answered(sent(pacer, 1.0), 1.5, status=502, quotas=[left], upstream_is_limited=True)
    assert pacer.quota(1.5) == QuotaState(100, 0, 5.0, 60.0)
    assert pacer.quota(6.5) == QuotaState(100, 56, 25.0, 60.0)


def test_a_refusal_without_quota_fields_tells_of_no_quota() -> None:
    """The size of the quota stays unknown."""
    pacer = told(status=429)
    pacer.refused(1.0, 10.0)
    assert pacer.quota(2.0) is None


@pytest.mark.parametrize(
    ("quotas", "tightest"),
    [
        pytest.param([MINUTE, Quota("hour", 900, 1800.0, 1000, 3600.0)], 1, id="an hour's is smaller than 60 minutes'"),
        pytest.param([MINUTE, Quota("hour", 9000, 1800.0, 9000, 3600.0)], 0, id="or larger"),
        pytest.param([MINUTE, Quota("hour", 10, 1800.0, 9000, 3600.0)], 0, id="larger, though little is left"),
        pytest.param([MINUTE, Quota("second", 1, 1.0, 1, 1.0)], 1, id="one a second is less than 100 a minute"),
        pytest.param([MINUTE, Quota("second", 0, 1.0, 5, 1.0)], 0, id="five are more"),
        pytest.param([MINUTE, Quota("other", 56, 31.0, 100, 60.0)], 1, id="alike, and less left"),
        pytest.param([MINUTE, Quota("other", 57, 32.0, 100, 60.0)], 1, id="alike, and longer to go"),
        pytest.param([MINUTE, Quota("other", 200, 31.0, None)], 0, id="of no known size, and more left"),
        pytest.param([MINUTE, Quota("other", 10, 31.0, None)], 1, id="of no known size, and little left"),
        pytest.param([MINUTE, Quota("other", 0, 31.0, 0, 60.0)], 1, id="nothing at all"),
    ],
)
@pytest.mark.parametrize("turn", [1, -1])
def test_of_several_quotas_the_tightest_is_reported(quotas: list[Quota], tightest: int, turn: int) -> None:
    """It is the tightest until the longest of them has gone through its next window. Their order does not matter."""
    assert told(*quotas[::turn]).quota(0.5) == told(quotas[tightest]).quota(0.5)


times = st.floats(0, 200).map(lambda number: round(number, 3))
answers = st.lists(
    st.builds(
        Quota,
        name=st.sampled_from("ab"),
        remaining=st.integers(0, 5) | st.integers(0, 10**15),
        reset=st.sampled_from([0.0, 5e-324, 1.0, 999_999_999.0]) | times,
        requests=st.none() | st.integers(0, 5) | st.just(int(1.5e308)),
        window=st.none() | st.sampled_from([0.0, 0.001, 60.0, 999_999_999_999_999.0]),
    ),
    max_size=2,
)


@knowing
@given(st.lists(st.tuples(st.sampled_from(["send", "answer", "lose", "refuse"]), times, answers), max_size=15))
def test_the_state_is_consistent_and_asking_changes_nothing(
    story: list[tuple[str, float, list[Quota]]],
) -> None:
    """No number is negative or infinite."""
    pacer, unasked = Pacer(), Pacer()
    flying: list[tuple[Ticket, Ticket]] = []
    now = 0.0
    for what, passes, quotas in story:
        now += passes
        first, second = pacer.quota(now), pacer.quota(now)
        assert first == second
        if what == "send":
            one, other = (each.admit(now, ENDLESS) for each in (pacer, unasked))
            if isinstance(one, Ticket) and isinstance(other, Ticket):
                flying.append((one, other))
            else:
                assert one == other
        elif what == "refuse":
            for each in (pacer, unasked):
                each.refused(now, passes)
        elif flying:
            for each, ticket in zip((pacer, unasked), flying.pop(0), strict=True):
                if what == "lose":
                    each.unanswered(ticket)
                else:
                    each.answered(ticket, now, status=200, quotas=quotas)
        state = pacer.quota(now)
        if state is not None:
            assert type(state.remaining) is int
            assert state.remaining >= 0
            assert 0 <= state.resets_in < ENDLESS * 1000
            assert state.window_seconds is None or state.window_seconds > 0


def told_by(client: TracesClient) -> QuotaState:
    """Return the state of the quota that a client reports; there must be one."""
    state = client.quota
    assert state is not None
    return state


def attributes(client: TracesClient) -> tuple[int | None, int, float | None]:
    """Return the state of the quota that a client reports, without the time."""
    state = told_by(client)
    return state.requests, state.remaining, state.window_seconds


async def test_a_client_tells_what_is_left_of_the_quota() -> None:
    """It reports nothing before the first answer.

    Then it reports the rest of the window, its end, and that it has ended.
    """
    loop = asyncio.get_running_loop()
    async with (
        FakeTracesServer(quota=ServerQuota(requests=5, seconds=60)) as server,
        TracesClient(server.api_key, base_url=server.base_url) as client,
    ):
        server.add_session(SESSION, 5)
        assert client.quota is None
        for left in (4, 3, 2):
            await client.list_session_traces(SESSION)
            assert attributes(client) == (5, left, 60.0)
            assert 50 < told_by(client).resets_in <= 60
        assert attributes(client.with_options(timeout=3)) == (5, 2, 60.0)
        await asyncio.sleep(61)
        assert told_by(client) == QuotaState(5, 5, 0.0, 60.0)
        began = loop.time()
        await asyncio.gather(*(client.list_session_traces(SESSION) for _ in range(5)))
        assert attributes(client) == (5, 0, 60.0)
        waiting = asyncio.create_task(client.list_session_traces(SESSION))
        await asyncio.sleep(20)
        assert attributes(client) == (5, 0, 60.0)
        assert told_by(client).resets_in == pytest.approx(began + 60 - loop.time(), abs=3)
        await waiting
        assert attributes(client) == (5, 4, 60.0)
        assert client.stats.rate_limited == 0


async def test_a_client_that_was_refused_has_nothing_left_until_the_wait_is_over() -> None:
    """The quota fields do not matter."""
    async with (
        FakeTracesServer() as server,
        TracesClient(server.api_key, base_url=server.base_url) as client,
    ):
        server.add_session(SESSION, 5)
        await client.list_session_traces(SESSION)
        server.fail_next(status=429, headers={"Retry-After": "33"})
        waiting = asyncio.create_task(client.list_session_traces(SESSION))
        await asyncio.sleep(10)
        assert told_by(client).remaining == 0
        assert told_by(client).resets_in == pytest.approx(23, abs=3)
        await waiting
        await asyncio.sleep(2)  # a moment is left to other clients at this address
        assert told_by(client).remaining > 90


async def test_without_a_quota_of_the_service_none_is_reported(client: TracesClient, service: FakeTracesServer) -> None:
    """The demo server and a server in tests have none."""
    service.add_session(SESSION, 5)
    await client.list_session_traces(SESSION)
    assert client.quota is None


def test_the_state_can_be_read_without_a_loop_and_from_another_thread() -> None:
    """It can be read before the first loop, in another thread during requests, and after the end."""
    found: list[QuotaState | None] = []
    over = threading.Event()

    async def use(client: TracesClient) -> None:
        for _ in range(50):
            await client.list_session_traces(SESSION)
        await client.aclose()

    def watch(client: TracesClient) -> None:
        while not over.wait(0.001):
            found.append(client.quota)

    async def main() -> TracesClient:
        async with FakeTracesServer() as server:
            server.add_session(SESSION, 5)
            client = TracesClient(server.api_key, base_url=server.base_url)
            assert client.quota is None
            watcher = threading.Thread(target=watch, args=(client,))
            watcher.start()
            try:
                await use(client)
            finally:
                over.set()
                watcher.join()
            return client

    assert TracesClient("no-key", base_url="http://127.0.0.1:9").quota is None
    client = asyncio.run(main())
    assert attributes(client) == (100, 50, 60.0)
    left = [state.remaining for state in found if state is not None]
    assert left == sorted(left, reverse=True)
