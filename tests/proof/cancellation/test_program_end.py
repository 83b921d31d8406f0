"""A program that ends during a walk ends without a warning."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.cancellation.complaints import Complaints, listening
from tests.proof.cancellation.stepping import Steps, stepping_task
from tests.proof.cancellation.worlds import LIMIT, LONG, LONG_TRACES, SHORT, WALKS, Consume, Record, take


@pytest.mark.parametrize("walk", ["traces, prefetch 1", "traces, prefetch 8", "pages, prefetch 8", "stream"])
def test_a_program_may_end_at_every_await_point_of_a_walk_in_the_background(
    traces_server: FakeTracesServer, walk: str, record: Record
) -> None:
    """`asyncio.run` cancels the remaining tasks, and the walk and its client close without a warning."""
    traces_server.add_session(LONG, traces=LONG_TRACES)
    for number, session_id in enumerate(SHORT):
        traces_server.add_session(session_id, traces=number * 2)
    at = 0
    with listening() as complaints:
        while True:
            at += 1
            if not _program(traces_server, WALKS[walk][0], at, complaints):
                break
            # If a task is cancelled before its first step, and not by its task group, some releases of anyio leave
            # its coroutine unawaited. That warning is not about our code, and the coroutine holds no resources.
            complaints.forgive(r"RuntimeWarning: coroutine '\S+' was never awaited")
            assert complaints.all() == [], f"at point {at}"
    record(at - 1)
    assert at - 1 >= 10


def _program(server: FakeTracesServer, consume: Consume, at: int, complaints: Complaints) -> bool:
    """Run a program whose main function returns at an await point of a walk. Return whether that point exists."""

    async def walk() -> None:
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            await consume(client, [])

    async def main() -> bool:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(stepping_task)
        loop.set_exception_handler(complaints.report)
        reached = asyncio.Event()
        steps = Steps(at, reached.set)
        task = steps.start(walk())
        task.add_done_callback(lambda _: reached.set())
        await reached.wait()
        return steps.struck

    return asyncio.run(main())


@pytest.mark.parametrize("which", ["traces", "pages"])
@pytest.mark.parametrize("prefetch", [1, 8])
def test_a_program_may_end_with_a_walk_suspended(traces_server: FakeTracesServer, which: str, prefetch: int) -> None:
    """The walk has yielded any number of items, and the client closes before the generators or after them."""
    traces_server.add_session(LONG, traces=LONG_TRACES)
    kept: list[AsyncGenerator[Any, None]] = []

    async def main(count: int, complaints: Complaints) -> None:
        asyncio.get_running_loop().set_exception_handler(complaints.report)
        async with TracesClient(traces_server.api_key, base_url=traces_server.base_url) as client:
            walk = client.iter_session_traces if which == "traces" else client.iter_session_pages
            generator: AsyncGenerator[Any, None] = walk(LONG, limit=LIMIT, prefetch=prefetch)
            await take(generator, count)
            kept.append(generator)

    with listening() as complaints:
        for count in range(LONG_TRACES + 2):
            asyncio.run(main(count, complaints), debug=True)
            assert complaints.all() == [], f"after {count}"
    kept.clear()


PROGRAM: Final = """
import asyncio, gc, sys
from lyzr_traces_async import TracesClient

ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
kept = []

async def body(client):
    async for trace in client.iter_session_traces(ID, limit=2):
        break
    pages = client.iter_session_pages(ID, limit=2)
    await anext(pages)
    del pages
    gc.collect()
    try:
        async with asyncio.timeout(0.001):
            while True:
                async with client.stream_sessions([ID] * 100, limit=1) as sessions:
                    await anext(sessions)
    except TimeoutError:
        pass
    task = asyncio.create_task(client.list_session_traces(ID))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    suspended = client.iter_session_traces(ID, limit=2)
    await anext(suspended)
    kept.append(suspended)

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # else a busy machine has the event loop report it
    async with TracesClient("test-key", base_url=sys.argv[1]) as client:
        await body(client)

asyncio.run(main())
print("done")
"""


def test_pythons_development_mode_shows_no_warning(traces_server: FakeTracesServer, tmp_path: Path) -> None:
    """The program breaks off, drops, times out and cancels walks, and ends while one is suspended."""
    traces_server.add_session(LONG, traces=LONG_TRACES)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, "-X", "dev", str(program), traces_server.base_url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "done\n", "")
