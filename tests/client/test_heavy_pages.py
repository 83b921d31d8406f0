"""Pages that the service cannot serve in time: the walk asks for smaller pages of that session, and loses nothing."""

from __future__ import annotations

import pytest

from lyzr_traces_async import APIStatusError, RetryPolicy, ServerError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest

HEAVY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
LIGHT = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


class TooHeavy:
    """Times out pages of the heavy session with a limit above ``fits``, from the position ``begins`` on."""

    def __init__(self, server: FakeTracesServer, *, fits: int, begins: int = 0, status: int = 502) -> None:
        self.server, self.fits, self.begins, self.status = server, fits, begins, status
        self.server.on_request = self

    def __call__(self, request: RecordedRequest) -> None:
        """Fail the request if it asks for too much."""
        page, limit = int(request.query["page"]), int(request.query["limit"])
        if HEAVY in request.path and limit > self.fits and page * limit > self.begins:
            self.server.fail_next(1, status=self.status, session_id=HEAVY, page=page)


def _asked(server: FakeTracesServer, session_id: str = HEAVY) -> list[tuple[int, int]]:
    paths = [request for request in server.requests if session_id in request.path]
    return [(int(request.query["page"]), int(request.query["limit"])) for request in paths]


@pytest.mark.parametrize("status", [502, 504])
@pytest.mark.parametrize("fits", [50, 49, 25, 20, 5, 4, 1])
async def test_a_session_whose_pages_only_fit_at_a_smaller_limit_completes(fits: int, status: int) -> None:
    """The limits are 100, 50, 25, 5 and 1. Each divides the one before, so that no position is lost."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=60)
        TooHeavy(server, fits=fits, status=status)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert [trace async for trace in client.iter_session_traces(HEAVY)] == list(server.traces(HEAVY))
        steps = [100, 50, 25, 5, 1]
        fitting = next(limit for limit in steps if limit <= fits)
        assert list(dict.fromkeys(limit for _, limit in _asked(server))) == steps[: steps.index(fitting) + 1]


async def test_a_page_that_is_too_heavy_costs_two_attempts() -> None:
    """One timeout may be chance. After two, a third attempt at the same size would only cost time."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=60)
        TooHeavy(server, fits=25)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert len([trace async for trace in client.iter_session_traces(HEAVY)]) == 60
        assert [limit for _, limit in _asked(server)] == [100, 100, 50, 50, 25, 25, 25]


@pytest.mark.parametrize("begins", [150, 250, 999])
@pytest.mark.parametrize("prefetch", [1, 2, 8])
async def test_the_walk_goes_on_from_the_same_position(begins: int, prefetch: int) -> None:
    """Nothing that was read at the large limit is read again at the small one."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=1000)
        TooHeavy(server, fits=25, begins=begins)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            walked = [trace async for trace in client.iter_session_traces(HEAVY, prefetch=prefetch)]
            assert walked == list(server.traces(HEAVY))
            assert client.stats.duplicates_dropped == 0
        first_smaller = next(page for page, limit in _asked(server) if limit == 50)
        assert (first_smaller - 1) * 50 == begins // 100 * 100


async def test_other_sessions_keep_their_limit() -> None:
    """One heavy session costs the others no request."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=100)
        server.add_session(LIGHT, traces=299)
        TooHeavy(server, fits=20)
        async with (
            TracesClient(server.api_key, base_url=server.base_url) as client,
            client.stream_sessions([HEAVY, LIGHT]) as sessions,
        ):
            found = {session.session_id: session.traces async for session in sessions}
        assert found == {HEAVY: server.traces(HEAVY), LIGHT: server.traces(LIGHT)}
        assert sorted(_asked(server, LIGHT)) == [(1, 100), (2, 100), (3, 100)]


async def test_one_time_out_is_chance() -> None:
    """A page is too heavy only if the timeout repeats."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=300)
        server.fail_next(1, status=502, page=2)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            assert len([trace async for trace in client.iter_session_traces(HEAVY)]) == 300
        assert {limit for _, limit in _asked(server)} == {100}


async def test_a_page_that_fits_at_no_limit_is_an_error_to_resume_from() -> None:
    """The error names the page in the caller's limit, so that ``start_page`` resumes to the full result."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=450)
        TooHeavy(server, fits=0, begins=230)
        retry = RetryPolicy(attempts=3)
        async with TracesClient(server.api_key, base_url=server.base_url, retry=retry) as client:
            before = []
            with pytest.raises(ServerError, match="timed out") as raised:
                async for trace in client.iter_session_traces(HEAVY):
                    before.append(trace)  # noqa: PERF401 - the loop is to be left by the error
            assert raised.value.page == 3
            assert raised.value.attempts == 3
            server.on_request = None
            after = [trace async for trace in client.iter_session_traces(HEAVY, start_page=raised.value.page)]
        assert list(dict.fromkeys([*before, *after])) == list(server.traces(HEAVY))


async def test_a_first_page_that_is_too_heavy_keeps_the_position_of_start_page() -> None:
    """Before any answer, positions are counted in the requested limit."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=450)
        TooHeavy(server, fits=50)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            walked = [trace async for trace in client.iter_session_traces(HEAVY, start_page=3)]
        assert walked == list(server.traces(HEAVY)[200:])


async def test_exactly_one_page_is_not_exchanged_for_a_smaller_one() -> None:
    """``list_session_traces`` returns the requested page, or raises its error after all attempts."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=100)
        TooHeavy(server, fits=50)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            with pytest.raises(APIStatusError) as raised:
                await client.list_session_traces(HEAVY)
        assert raised.value.attempts == 6
        assert _asked(server) == [(1, 100)] * 6


async def test_a_list_that_moves_meanwhile_is_still_read_exactly_once() -> None:
    """Traces arrive while the limit shrinks from 100 to 5."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(HEAVY, traces=330)
        there = set(server.traces(HEAVY))
        heavy = TooHeavy(server, fits=20, begins=130)

        def also_grow(request: RecordedRequest) -> None:
            heavy(request)
            if len(server.requests) % 3 == 0:
                server.add_traces(HEAVY, 2)

        server.on_request = also_grow
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            walked = [trace async for trace in client.iter_session_traces(HEAVY)]
        assert len(walked) == len(set(walked))
        assert there <= set(walked)
