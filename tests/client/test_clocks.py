"""Clocks that jump, and servers that contradict themselves about time and quota: nothing hangs, nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Sequence

import pytest

from lyzr_traces_async import LyzrTracesError, RateLimitError, RetryPolicy, Trace, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, Quota
from tests.helpers.clock import FastClockLoop
from tests.helpers.raw_server import SESSION, Exchange, Play, RawServer, healthy

RETRY = RetryPolicy(wait_jitter=0.0)
TRACES = 199  # on twenty pages of ten; the last page has nine
REFUSED = b'{"error": "Too many requests, please try again later."}'


def client_of(server: RawServer, retry: RetryPolicy = RETRY) -> TracesClient:
    return TracesClient("key", base_url=server.base_url, retry=retry)


async def walk(client: TracesClient, prefetch: int = 8) -> tuple[list[str], LyzrTracesError | None]:
    """Return the ids of the traces that came, and the error that ended the walk. Other exceptions are not caught."""
    came: list[str] = []
    try:
        async for trace in client.iter_session_traces(SESSION, limit=10, prefetch=prefetch):
            came.append(trace.trace_id)  # noqa: PERF401 - the loop may be left by an error
    except LyzrTracesError as error:
        return came, error
    return came, None


def sleep_for(seconds: float) -> None:
    """Let the monotonic clock jump, as for a process on a machine that was suspended."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FastClockLoop)
    loop._impatient.jumped += seconds


def _standing(_: float) -> float:
    return 1.0e9


def _before_1970(_: float) -> float:
    return -1.0


def _backwards(now: float) -> float:
    return 2.0e9 - now


def _in_leaps(now: float) -> float:
    return now + random.Random(now).uniform(-1e9, 1e9)


WALL_CLOCKS: list[Callable[[float], float]] = [
    lambda now: now - 3600,
    lambda now: now + 3600,
    lambda now: now + 1e10,
    _standing,
    _before_1970,
    _backwards,
    _in_leaps,
]


@pytest.mark.parametrize("wall", WALL_CLOCKS)
async def test_the_wall_clock_does_not_matter(wall: Callable[[float], float], monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock may be wrong, stand still, run backwards or leap: the quota's windows keep their length."""
    loop, now = asyncio.get_running_loop(), time.time
    async with FakeTracesServer(quota=Quota(10, 60)) as server:
        traces = server.add_session(SESSION, traces=TRACES)
        monkeypatch.setattr(time, "time", lambda: wall(now()))
        begun = loop.time()
        async with asyncio.timeout(600), TracesClient(server.api_key, base_url=server.base_url, retry=RETRY) as client:
            came = [trace async for trace in client.iter_session_traces(SESSION, limit=10)]
            stats = client.stats
        assert came == list(traces)
        assert (stats.requests, stats.rate_limited) == (20, 0)
        assert 60 <= loop.time() - begun < 75
        assert stats.seconds_paced == pytest.approx(60, abs=10)


@pytest.mark.parametrize("wall", WALL_CLOCKS)
@pytest.mark.parametrize(
    "fields",
    [
        ("Date: Tue, 03 Feb 2099 10:00:00 GMT", "Retry-After: Tue, 03 Feb 2099 10:00:33 GMT"),
        ("Date: Tue, 03 Feb 2099 10:00:00 GMT", "RateLimit-Remaining: 0", "RateLimit-Reset: 4073796033"),
    ],
)
async def test_moments_are_read_by_the_servers_own_clock(
    wall: Callable[[float], float], fields: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An HTTP-date or a reset in Unix time counts from the answer's ``Date``: the next attempt comes 33 s later."""
    now = time.time

    async def play(exchange: Exchange) -> None:
        if len(server.asked) == 2:
            exchange.answer(REFUSED, *fields, status=429)
        else:
            exchange.answer()

    async with RawServer(play, rows=47) as server, client_of(server) as client:
        monkeypatch.setattr(time, "time", lambda: wall(now()))
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch=1)
        assert error is None
        assert came == server.rows
        assert 33 <= server.times[2] - server.times[1] < 43


@pytest.mark.parametrize("when", range(1, 21, 3))
@pytest.mark.parametrize("gap", [30, 3600, 10**6])
async def test_a_suspended_machine_loses_no_trace(when: int, gap: float) -> None:
    """The machine is suspended before some answer, within windows of pages and of the quota. Timeouts are retried."""
    loop = asyncio.get_running_loop()
    async with FakeTracesServer(quota=Quota(10, 60)) as server:
        traces = server.add_session(SESSION, traces=TRACES)
        server.latency = 0.1

        def suspend(_: object) -> None:
            if len(server.requests) == when:
                sleep_for(gap)

        server.on_request = suspend
        begun = loop.time()
        async with TracesClient(server.api_key, base_url=server.base_url, retry=RETRY) as client:
            async with asyncio.timeout(gap + 600):
                came = [trace async for trace in client.iter_session_traces(SESSION, limit=10)]
            assert client.stats.rate_limited == 0
        assert came == list(traces)
        assert gap < loop.time() - begun < gap + 300


@pytest.mark.parametrize("pause", [3.9, 4.1, 5.1, 61, 3600])
async def test_a_suspension_between_two_traces_loses_none(pause: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The consumer pauses: meanwhile connections are closed, and the quota's window ends."""
    monkeypatch.setattr("aiohttp.connector.monotonic", asyncio.get_running_loop().time)
    async with FakeTracesServer(quota=Quota(10, 60)) as server:
        traces = server.add_session(SESSION, traces=TRACES)
        async with TracesClient(server.api_key, base_url=server.base_url, retry=RETRY) as client:
            came: list[Trace] = []
            async for trace in client.iter_session_traces(SESSION, limit=10):
                came.append(trace)
                if len(came) % 50 == 0:
                    sleep_for(pause)
            assert client.stats.rate_limited == 0
        assert came == list(traces)


async def test_a_suspension_while_the_quota_is_waited_for_ends_the_wait() -> None:
    """A client that wakes after the end of the window goes on at once."""
    loop = asyncio.get_running_loop()
    async with FakeTracesServer(quota=Quota(10, 60)) as server:
        traces = server.add_session(SESSION, traces=TRACES)
        begun = loop.time()
        async with TracesClient(server.api_key, base_url=server.base_url, retry=RETRY) as client:
            loop.call_later(20, sleep_for, 3600)
            came = [trace async for trace in client.iter_session_traces(SESSION, limit=10)]
        assert came == list(traces)
        assert 3620 <= loop.time() - begun < 3640


# The quota fields of the answers, in turn, and then from the first again.
FIELDS: dict[str, list[Sequence[str]]] = {
    "t of 0": [['RateLimit: "a"; r=0; t=0', 'RateLimit-Policy: "a"; q=100; w=60']],
    "t of 0 and something left": [['RateLimit: "a"; r=5; t=0']],
    "a quota of 0": [['RateLimit: "a"; r=0; t=1', 'RateLimit-Policy: "a"; q=0; w=1']],
    "a quota of 0 with windows of 0 s": [['RateLimit: "a"; r=0; t=0', 'RateLimit-Policy: "a"; q=0; w=0']],
    "nothing left, for 5 s, of nobody knows how much": [['RateLimit: "a"; r=0; t=5']],
    "nothing left, for a year": [['RateLimit: "a"; r=0; t=31536000', 'RateLimit-Policy: "a"; q=100; w=31536000']],
    "nothing left, for as long as a field can say": [['RateLimit: "a"; r=0; t=999999999999999']],
    "more left than there is": [['RateLimit: "a"; r=500; t=10', 'RateLimit-Policy: "a"; q=100; w=60']],
    "a window that ends after it is over": [['RateLimit: "a"; r=3; t=50', 'RateLimit-Policy: "a"; q=5; w=10']],
    "several names": [
        ['RateLimit: "a"; r=50; t=50, "b"; r=0; t=2', 'RateLimit-Policy: "a"; q=50; w=60, "b"; q=1; w=2']
    ],
    "one name twice": [['RateLimit: "a"; r=50; t=50, "a"; r=0; t=2']],
    "the field twice": [['RateLimit: "a"; r=50; t=50', 'RateLimit: "b"; r=0; t=2']],
    "another name every time": [
        [f'RateLimit: "n{n}"; r=1; t=3', f'RateLimit-Policy: "n{n}"; q=2; w=3'] for n in range(7)
    ],
    "a policy of another name": [['RateLimit: "a"; r=0; t=2', 'RateLimit-Policy: "b"; q=1; w=1']],
    "old and new fields that differ": [['RateLimit: "a"; r=50; t=50', "RateLimit-Remaining: 0", "RateLimit-Reset: 50"]],
    "old fields that differ": [["RateLimit-Remaining: 0", "RateLimit-Reset: 3", "X-RateLimit-Remaining: 9"]],
    "a reset in the past": [
        ["Date: Tue, 03 Feb 2099 10:00:00 GMT", "RateLimit-Remaining: 0", "RateLimit-Reset: 1000000000"]
    ],
    "a reset at no time": [["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: nan"]],
    "a reset in eternity": [["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1e999"]],
    "no sense": [
        ['RateLimit: "a"; r=-1; t=-1'],
        ['RateLimit: "a"; r=1.5; t="x"'],
        ["RateLimit: ;;"],
        ["RateLimit: (1 2)"],
    ],
    "present and absent in turn": [['RateLimit: "a"; r=1; t=7', 'RateLimit-Policy: "a"; q=3; w=7'], [], []],
    "up and down": [[f'RateLimit: "a"; r={r}; t={t}'] for r, t in ((5, 9), (0, 1), (9, 0), (1, 3), (0, 6))],
}


@pytest.mark.parametrize("what", FIELDS)
@pytest.mark.parametrize("prefetch", [1, 8])
async def test_contradictory_quota_fields_do_not_stop_a_walk(what: str, prefetch: int) -> None:
    """Contradictions, zeros, years and nonsense cost at most waiting, and never a request more than there are pages."""
    loop = asyncio.get_running_loop()
    said = itertools.cycle(FIELDS[what])

    async def play(exchange: Exchange) -> None:
        exchange.fields.extend(next(said))
        exchange.answer()

    async with RawServer(play, rows=TRACES) as server, client_of(server) as client:
        begun = loop.time()
        async with asyncio.timeout(20 * 120):
            came, error = await walk(client, prefetch)
        assert error is None
        assert came == server.rows
        assert len(server.asked) == 20
        assert loop.time() - begun < 20 * 55


@pytest.mark.parametrize("last_said", ["r=12; t=40", "r=1; t=40", "r=0; t=40", "r=0; t=0"])
@pytest.mark.parametrize("answers", [1, 2, 5])
@pytest.mark.parametrize("prefetch", [1, 8])
async def test_fields_that_vanish_hold_until_their_window_ends_and_no_longer(
    last_said: str, answers: int, prefetch: int
) -> None:
    """The walk waits for one window at most."""
    loop = asyncio.get_running_loop()

    async def play(exchange: Exchange) -> None:
        if len(server.asked) <= answers:
            said = last_said if len(server.asked) == answers else "r=50; t=40"
            exchange.fields += [f'RateLimit: "a"; {said}', 'RateLimit-Policy: "a"; q=100; w=60']
        exchange.answer()

    async with RawServer(play, rows=TRACES) as server, client_of(server) as client:
        begun = loop.time()
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch)
        assert error is None
        assert came == server.rows
        assert loop.time() - begun < 50


@pytest.mark.parametrize("silent", [1, 2, 5])
@pytest.mark.parametrize("prefetch", [1, 8])
async def test_fields_that_appear_late_hold_from_then_on(silent: int, prefetch: int) -> None:
    """Some answers have no quota fields. Then nothing is left for 30 s, and after that the window's whole quota."""
    loop = asyncio.get_running_loop()

    async def play(exchange: Exchange) -> None:
        if len(server.asked) > silent:
            is_first = len(server.asked) == silent + 1
            said = "r=0; t=30" if is_first else "r=50; t=30"
            exchange.fields += [f'RateLimit: "a"; {said}', 'RateLimit-Policy: "a"; q=100; w=60']
        exchange.answer()

    async with RawServer(play, rows=TRACES) as server, client_of(server) as client:
        begun = loop.time()
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch)
        assert error is None
        assert came == server.rows
        assert 30 <= loop.time() - begun < 45


NO_WAIT: dict[str, Sequence[str]] = {
    "Retry-After of 0": ["Retry-After: 0"],
    "Retry-After of 0.0": ["Retry-After: 0.0"],
    "Retry-After of a hair": ["Retry-After: 0.0001"],
    "a date in the past": ["Date: Tue, 03 Feb 2099 10:00:33 GMT", "Retry-After: Tue, 03 Feb 2099 10:00:00 GMT"],
    "a date of now": ["Date: Tue, 03 Feb 2099 10:00:00 GMT", "Retry-After: Tue, 03 Feb 2099 10:00:00 GMT"],
    "a date long ago": ["Date: Tue, 03 Feb 2099 10:00:00 GMT", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"],
    "a date without one to compare it with": ["Retry-After: Tue, 03 Feb 2099 10:00:00 GMT"],
    "something left": ['RateLimit: "a"; r=5; t=60'],
    "something left, and Retry-After of 0": ['RateLimit: "a"; r=5; t=60', "Retry-After: 0"],
    "nothing left for 0 s": ['RateLimit: "a"; r=0; t=0'],
    "negative": ["Retry-After: -1"],
    "decades": ["Retry-After: 1000000000"],
    "ages": ["Retry-After: " + "9" * 30],
    "eternity": ["Retry-After: " + "9" * 400],
    "a date in a far century": ["Date: Tue, 03 Feb 2099 10:00:00 GMT", "Retry-After: Tue, 03 Feb 2999 10:00:00 GMT"],
    "nothing": [],
}

POLICIES = {
    "by default": RETRY,
    "without back-off": RetryPolicy(wait_initial=0.0, wait_jitter=0.0, max_rate_limit_wait=15.0),
    "with no wait at all": RetryPolicy(wait_max=0.0, max_rate_limit_wait=0.0),
}


def refusing(fields: Sequence[str], server: RawServer, *, give_in: int) -> Play:
    """Refuse every request for page 3, until so many requests have come that the client must be looping."""

    async def play(exchange: Exchange) -> None:
        if exchange.page == 3 and len(server.asked) < give_in:
            exchange.answer(REFUSED, *fields, status=429)
        else:
            exchange.answer()

    return play


@pytest.mark.parametrize("what", NO_WAIT)
@pytest.mark.parametrize("policy", POLICIES)
async def test_refusals_for_ever_that_ask_for_no_wait_end_with_an_error(what: str, policy: str) -> None:
    """The client backs off until it has waited for too long. It makes 120 requests at most, and does not spin."""
    async with RawServer(rows=47) as server, client_of(server, POLICIES[policy]) as client:
        server.plays = [refusing(NO_WAIT[what], server, give_in=1000)]
        async with asyncio.timeout(3600):
            came, error = await walk(client)
        assert type(error) is RateLimitError
        assert (error.session_id, error.page) == (SESSION, 3)
        assert error.attempts is not None
        assert error.attempts <= 125
        assert came == server.rows[:20]


@pytest.mark.parametrize("what", NO_WAIT)
async def test_a_passing_refusal_that_asks_for_no_wait_is_no_failure(what: str) -> None:
    """A refusal uses up no attempt, so a policy of one attempt is enough."""
    async with RawServer(rows=47) as server, client_of(server, RetryPolicy(attempts=1, wait_jitter=0.0)) as client:
        server.plays = [refusing(NO_WAIT[what], server, give_in=5)]
        async with asyncio.timeout(600):
            came, error = await walk(client)
        assert error is None
        assert came == server.rows
        assert client.stats.rate_limited >= 1


@pytest.mark.parametrize("seconds", ["130", "3600", "999999999", "120.000001"])
async def test_a_huge_retry_after_is_an_error_at_once_and_is_kept_to(seconds: str) -> None:
    """Until the time is over, another call fails without a request. Then the walk resumes."""
    loop = asyncio.get_running_loop()
    async with RawServer(rows=47) as server, client_of(server) as client:
        server.plays = [refusing([f"Retry-After: {seconds}"], server, give_in=1000)]
        begun = loop.time()
        before, error = await walk(client)
        assert type(error) is RateLimitError
        assert (error.session_id, error.page, error.attempts) == (SESSION, 3, 1)
        assert error.retry_after == float(seconds)
        assert before == server.rows[:20]
        assert loop.time() - begun < 5
        server.plays = [healthy]
        if float(seconds) > 125:  # otherwise the rest may be less than 120 s by now, and the client would wait
            asked = len(server.asked)
            nothing, error = await walk(client)
            assert (nothing, type(error)) == ([], RateLimitError)
            assert len(server.asked) == asked
            assert loop.time() - begun < 5
            sleep_for(float(seconds))
        after = [trace.trace_id async for trace in client.iter_session_traces(SESSION, limit=10, start_page=3)]
        assert before + after == server.rows


@pytest.mark.parametrize("said", ["r=0; t=31536000", "r=5; t=31536000", "r=0; t=0"])
async def test_a_retry_after_holds_whatever_the_quota_fields_beside_it_say(said: str) -> None:
    """The client waits for the 33 s of ``Retry-After``, although the quota fields say a year, or nothing."""

    async def play(exchange: Exchange) -> None:
        if len(server.asked) == 2:
            exchange.answer(REFUSED, "Retry-After: 33", f'RateLimit: "a"; {said}', status=429)
        else:
            exchange.answer()

    async with RawServer(play, rows=47) as server, client_of(server) as client:
        async with asyncio.timeout(600):
            came, error = await walk(client, prefetch=1)
        assert error is None
        assert came == server.rows
        assert 33 <= server.times[2] - server.times[1] < 43
