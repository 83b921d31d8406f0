"""A sync beside other programs and other calls, and the errors that end it."""

from __future__ import annotations

import asyncio
from typing import Any

import duckdb
import pytest

from lyzr_traces_async import (
    LyzrTracesError,
    PermissionDeniedError,
    RetryPolicy,
    ServerError,
    ServiceNotConfiguredError,
    StorageError,
    TracesClient,
)
from lyzr_traces_async.store import TraceStore, _sync
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from tests.helpers.databases import states_in
from tests.store.syncing import IDS, asked, run


async def test_a_batch_waits_up_to_two_minutes_for_another_program(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says how long it waits, and the batch is written when the file is free."""
    caplog.set_level("INFO", "lyzr_traces_async")
    service.add_session(IDS[0], traces=1)
    syncing = store.sync(client, IDS[:1])
    await anext(syncing)
    reader = duckdb.connect(store.path, read_only=True)
    asyncio.get_running_loop().call_later(0.3, reader.close)
    assert [progress.traces async for progress in syncing] == [1]
    (said,) = [text for text in caplog.messages if "waiting" in text]
    assert said.startswith(f"waiting up to 120 s until the file is free: {store.path} is in use by another program")


async def test_a_batch_for_which_the_file_never_becomes_free_is_an_error(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync ends, and the file keeps what it had."""
    monkeypatch.setattr(_sync, "PATIENCE", 0.2)
    service.add_session(IDS[0], traces=1)
    syncing = store.sync(client, IDS[:1])
    await anext(syncing)
    with duckdb.connect(store.path, read_only=True), pytest.raises(StorageError, match="is in use"):
        await anext(syncing)
    assert states_in(store.path) == {}


async def test_the_client_can_serve_other_calls_during_a_sync(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both get all that they ask for."""
    monkeypatch.setattr(_sync, "BATCH_TRACES", 1)
    for session_id in IDS[:20]:
        service.add_session(session_id, traces=1)
    done = []
    async for progress in store.sync(client, IDS[:20]):
        assert len(await client.list_session_traces(IDS[0])) == 1
        done.append((progress.done, progress.traces))
    assert done[-1] == (20, 20)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 403}, PermissionDeniedError),
        (
            {"status": 503, "message": "Langfuse tracing is not configured on voice-agent-server"},
            ServiceNotConfiguredError,
        ),
    ],
)
async def test_an_error_that_all_sessions_would_meet_ends_the_sync(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, fault: dict[str, Any], kind: type
) -> None:
    """It is raised as itself, and the file has the sessions that were read before."""
    for session_id in IDS[:40]:
        service.add_session(session_id, traces=1)

    def refuse(_: RecordedRequest) -> None:
        if len(service.requests) > 20:
            service.fail_next(**fault)

    service.on_request = refuse
    with pytest.raises(LyzrTracesError) as caught:
        await run(store, client, IDS[:40])
    assert type(caught.value) is kind
    kept = states_in(store.path)
    assert set(kept.values()) == {"read"}
    assert 20 - 8 <= len(kept) <= 20


async def test_an_error_of_the_list_of_sessions_is_raised_as_itself(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """The sessions before it are not read either, since a sync draws all ids first."""
    service.add_transcripts(300)
    service.on_request = lambda request: (
        service.fail_next(status=500) if request.query.get("offset", "0") != "0" else None
    )
    once = client.with_options(retry=RetryPolicy(attempts=1))
    with pytest.raises(ServerError, match="HTTP 500"):
        await run(store, client, once.iter_sessions())
    assert asked(service) == ["transcripts"] * 2
    assert states_in(store.path) == {}
