"""A client that is closed at any await point of its users ends all of their walks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from lyzr_traces_async import ClientClosedError, Trace, TracesClient
from tests.helpers.clock import FastClockLoop
from tests.proof.cancellation.complaints import Complaints, run_without_complaint
from tests.proof.cancellation.stepping import Steps, outside_task, outside_task_first
from tests.proof.cancellation.worlds import CASES, LONG, WALKS, WORLDS, Record, World, check_got, check_idle, settle


@pytest.mark.parametrize(
    ("walk", "world", "least", "start"),
    [(*case, outside_task) for case in CASES]
    + [(*case, outside_task_first) for case in CASES if case[1] in {"calm", "narrow"}],
)
def test_a_client_can_be_closed_at_every_await_point_of_its_users(
    walk: str,
    world: str,
    least: int,
    start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    record: Record,
) -> None:
    """Each user gets `ClientClosedError` without any wait, and nothing stays open."""

    async def main(complaints: Complaints) -> tuple[int, int]:
        async with WORLDS[world]() as around:
            return await _close_at_every_point(walk, around, complaints, start)

    points, cuts = run_without_complaint(main)
    record(points)
    assert points >= least
    assert cuts >= points - 8  # a walk past its last request ends well


async def _close_at_every_point(
    walk: str,
    world: World,
    complaints: Complaints,
    start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
) -> tuple[int, int]:
    consume, session_ids = WALKS[walk]
    expected = world.traces(*session_ids)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FastClockLoop)
    at = cuts = 0
    while True:
        at += 1
        got: list[Trace] = []
        client = await world.client()
        closing: list[asyncio.Task[None]] = []
        jumped: list[float] = []

        def strike(
            client: TracesClient = client, closing: list[asyncio.Task[None]] = closing, jumped: list[float] = jumped
        ) -> None:
            jumped.append(loop._impatient.jumped)
            closing.append(start(client.aclose()))

        steps = Steps(at, strike)
        was_closed = False
        try:
            await steps.start(consume(client, got))
        except ClientClosedError as error:
            was_closed = True
            assert "the client" in str(error), str(error)  # noqa: PT017 - the walk may end without it
        for moment in jumped:
            assert loop._impatient.jumped == moment, f"at point {at} it waited"
        assert steps.left() == []
        await asyncio.gather(*closing)
        await client.aclose()
        await settle()
        check_idle(client)
        check_got(got, expected, whole=not was_closed)
        session = client._sender._transport._session
        assert session is None or session.closed
        assert complaints.all() == [], f"at point {at}"
        cuts += was_closed
        if not steps.struck:
            return at - 1, cuts


def test_a_stream_that_waits_for_ids_ends_when_the_client_is_closed() -> None:
    """No request is in flight and none may ever follow, since the ids may come from a queue that stays empty."""

    async def main(complaints: Complaints) -> None:
        asked = asyncio.Event()

        async def ids() -> AsyncIterator[str]:
            asked.set()
            await asyncio.Event().wait()
            yield LONG

        async def consume(client: TracesClient) -> None:
            async with client.stream_sessions(ids()) as sessions:
                await anext(sessions)

        async with WORLDS["calm"]() as world:
            client = await world.client()
            task = asyncio.create_task(consume(client))
            await asked.wait()
            await client.aclose()
            done, _ = await asyncio.wait([task], timeout=60)
            task.cancel()
            await asyncio.wait([task])
            assert complaints.all() == []
        assert done == {task}
        assert isinstance(task.exception(), ClientClosedError)

    run_without_complaint(main)
