"""A sync that ends early: what the file keeps, and how the next sync goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import anyio
import pytest

from lyzr_traces_async import (
    AuthenticationError,
    ClientClosedError,
    RetryPolicy,
    TracesClient,
)
from lyzr_traces_async.store import SyncProgress, TraceStore, _sync
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.databases import states_in
from tests.store.syncing import IDS, add, asked, run


async def test_a_sync_that_is_cancelled_before_the_first_answer_writes_nothing(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """The cancellation is not replaced by an error of the file."""
    service.latency = 30
    syncing = store.sync(client, IDS[:1])
    await anext(syncing)
    with anyio.move_on_after(0.2) as scope:
        await anext(syncing)
    assert scope.cancelled_caught
    assert states_in(store.path) == {}


async def test_a_key_that_expires_stops_the_sync_and_loses_nothing(
    store: TraceStore, service: FakeTracesServer
) -> None:
    """Sessions that were read are in the file, and the next sync reads the others."""
    for session_id in IDS[:40]:
        add(service, session_id, ago=timedelta(hours=2))

    def refuse(_: RecordedRequest) -> None:
        if len(service.requests) > 20:
            service.fail_next(status=401)

    service.on_request = refuse
    found: list[SyncProgress] = []
    async with TracesClient(service.api_key, base_url=service.base_url, retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(AuthenticationError):
            async for progress in store.sync(client, IDS[:40]):
                found.append(progress)  # noqa: PERF401 - up to the error
    kept = list(states_in(store.path))
    assert 20 - 8 <= len(kept) <= 20
    assert found[-1].done == len(kept)
    service.on_request = None
    asked(service)
    async with TracesClient(service.api_key, base_url=service.base_url) as client:
        assert (await run(store, client, IDS[:40])).due == 40 - len(kept)
    assert sorted([*asked(service), *kept]) == IDS[:40]


async def test_a_cancelled_sync_writes_the_sessions_that_it_has_read(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """This includes those since the last batch."""
    for session_id in IDS[:10]:
        service.add_session(session_id, traces=1)
    stuck = anyio.Event()

    def stall(_: RecordedRequest) -> None:
        if len(service.requests) > 5:
            service.fail_next(stall=60)
            stuck.set()

    service.on_request = stall
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, store, client, IDS[:10])
        await stuck.wait()
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
    assert set(states_in(store.path).values()) == {"read"}
    assert len(states_in(store.path)) == 5
    assert not list(store.path.parent.glob("*.lock"))


async def test_leaving_the_loop_ends_the_sync(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written sessions stay, no further request is sent, and another sync can use the file."""
    monkeypatch.setattr(_sync, "BATCH_TRACES", 1)
    for session_id in IDS[:100]:
        service.add_session(session_id, traces=1)
    progress = SyncProgress()
    syncing = store.sync(client, IDS[:100])
    async for progress in syncing:
        if progress.done == 3:
            break
    await syncing.aclose()
    made = len(service.requests)
    assert made <= 3 + 8 + 8
    assert len(states_in(store.path)) == 3
    assert (await run(store, client, IDS[:3])).given == 3


async def test_the_next_sync_waits_for_the_end_of_a_dropped_one(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """A loop that is left without `aclose` ends later."""
    service.add_session(IDS[0], traces=1)
    service.latency = 0.1
    async for _ in store.sync(client, IDS):
        break
    assert (await run(store, client, IDS[:1])).traces == 1


async def test_an_error_of_the_ids_is_raised_before_any_request(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """The error is not wrapped, and another sync can use the file."""

    async def ids() -> AsyncIterator[str]:
        yield IDS[0]
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            await run(store, client, ids())
    assert asked(service) == []


async def test_a_closed_client_ends_the_sync(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """It may be closed in the middle, or before the sync begins."""
    service.add_session(IDS[0], traces=1)
    closing: list[asyncio.Task[None]] = []
    service.on_request = lambda _: closing.append(asyncio.create_task(client.aclose()))
    service.latency = 30
    for _ in range(2):
        with pytest.raises(ClientClosedError):
            await run(store, client, IDS[:1])
