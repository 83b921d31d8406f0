"""A sync of a file that is in use, or that is no store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import duckdb
import pytest

from lyzr_traces_async import (
    StorageError,
    TracesClient,
)
from lyzr_traces_async.store import TraceStore, _sync
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.databases import rows
from tests.store.syncing import IDS, asked, run


async def test_a_sync_waits_until_another_program_closes_the_file(
    store: TraceStore,
    service: FakeTracesServer,
    client: TracesClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It keeps the batch in memory, and logs what it waits for."""
    service.add_session(IDS[0], traces=1)
    await run(store, client, [])
    caplog.set_level("INFO", "lyzr_traces_async")
    reader = duckdb.connect(store.path, read_only=True)
    asyncio.get_running_loop().call_later(0.3, reader.close)
    assert (await run(store, client, IDS[:1])).traces == 1
    (said,) = [text for text in caplog.messages if "waiting" in text]
    assert said.startswith(f"waiting up to 5 s until the file is free: {store.path} is in use by another program")


async def test_a_file_that_stays_in_use_is_an_error(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes before the first request if the file was in use from the beginning."""
    monkeypatch.setattr(_sync, "PATIENCE_AT_FIRST", 0.2)
    await run(store, client, [])
    with duckdb.connect(store.path, read_only=True), pytest.raises(StorageError, match="is in use"):
        await run(store, client, IDS[:1])
    assert asked(service) == []


async def test_a_file_that_is_no_store_is_an_error_before_the_first_request(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """No id is drawn from the iterable either."""
    store.path.write_text("something else", encoding="utf-8")

    async def ids() -> AsyncIterator[str]:
        raise AssertionError("drawn too early")
        yield ""

    with pytest.raises(StorageError, match="is not a DuckDB database"):
        await run(store, client, ids())
    assert asked(service) == []


async def test_a_second_sync_of_the_file_is_refused_and_the_first_goes_on(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both would send every request."""
    monkeypatch.setattr(_sync, "PATIENCE_WITH_SYNCS", 0.2)
    service.add_session(IDS[0], traces=1)
    first = store.sync(client, IDS[:1])
    await anext(first)
    with pytest.raises(StorageError, match="another sync"):
        await run(TraceStore(store.path), client, IDS[:1])
    assert [progress.done async for progress in first] == [1]
    assert asked(service) == IDS[:1]


async def test_the_file_can_be_read_between_two_batches(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is open only while a batch is written. The progress counts the rows that are in it."""
    monkeypatch.setattr(_sync, "BATCH_TRACES", 300)
    for session_id in IDS[:20]:
        service.add_session(session_id, traces=90)
    done = []
    async for progress in store.sync(client, IDS[:20]):
        assert rows(store.path, "SELECT count(*), coalesce(sum(trace_count), 0) FROM sessions") == [
            (progress.done, progress.traces)
        ]
        done.append(progress.done)
    assert done == [0, 4, 8, 12, 16, 20]
