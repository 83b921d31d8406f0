"""Each fault at each position: the whole list arrives, or one typed error says where to resume, and nothing hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lyzr_traces_async import (
    APIConnectionError,
    ResponseDecodeError,
    TracesClient,
)
from tests.helpers.raw_server import SESSION, Exchange, RawServer
from tests.proof.fault_matrix.cases import CASES, LIMIT, ROWS, Case, Scene
from tests.proof.fault_matrix.faults import RETRY
from tests.proof.walking import walk

# The longest duration of a case, in seconds of the loop's clock: three time-outs of 45 s and the waits between them.
LONGEST = 200.0


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_walk_is_whole_or_ends_with_one_error_to_resume_from(case: Case) -> None:
    """Each fault occurs once or for good, at each position, with and without prefetching."""
    loop = asyncio.get_running_loop()
    tasks, begun = asyncio.all_tasks(), loop.time()
    scene = Scene(case)
    everything = tuple(scene.server.rows)
    async with asyncio.timeout(2 * LONGEST), scene.server:
        async with TracesClient("key", base_url=scene.server.base_url, retry=RETRY) as client:
            outage = scene.outage(client)
            before, error = await walk(client, limit=LIMIT, prefetch=case.prefetch)
            await outage
            assert scene.met
            assert isinstance(error, case.error or type(None))
            assert error is None or type(error) is case.error or not case.fault.is_exact
            if error is None:
                assert before == list(everything)
            else:
                assert (error.session_id, error.page) == (SESSION, case.page)
                assert error.attempts == (case.fault.attempts if case.fault.is_retried else 1)
                assert before == list(everything[: case.rows_before])
                await scene.recover()
                after, error = await walk(client, limit=LIMIT, start_page=case.page, prefetch=case.prefetch)
                assert error is None
                assert list(dict.fromkeys([*before, *after])) == list(everything)
        while scene.server.open:
            await asyncio.sleep(0.01)
    assert loop.time() - begun < LONGEST
    assert asyncio.all_tasks() == tasks


async def test_a_byte_beyond_the_length_of_an_answer_does_no_harm() -> None:
    """The client reports bad HTTP or bad JSON for that page, and reads the next page correctly."""

    async def play(exchange: Exchange) -> None:
        exchange.answer(length=len(exchange.body) - (exchange.page == 2))

    async with (
        RawServer(play, rows=ROWS) as server,
        TracesClient("key", base_url=server.base_url, retry=RETRY) as client,
    ):
        for page in (1, 3, 2, 4, 2, 5):
            if page == 2:
                with pytest.raises((APIConnectionError, ResponseDecodeError)):
                    await client.list_session_traces(SESSION, page=page, limit=LIMIT)
            else:
                answer = await client.list_session_traces(SESSION, page=page, limit=LIMIT)
                assert [trace.trace_id for trace in answer] == server.rows[(page - 1) * LIMIT : page * LIMIT]


def test_the_matrix_has_all_cases_of_its_axes(record_property: Callable[[str, object], None]) -> None:
    """The cases are 42 faults at 5 positions, once and for good, with and without prefetching, and all differ."""
    record_property("cases", len(CASES))
    assert len(set(map(str, CASES))) == len(CASES) == 42 * 5 * 2 * 2 == 840
