"""Which sessions a sync reads, what it writes, and its progress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

from lyzr_traces_async import (
    NotFoundError,
    RetryPolicy,
    ServerError,
    Trace,
    TracesClient,
)
from lyzr_traces_async.store import SyncProgress, TraceStore, _sync
from lyzr_traces_async.testing import FakeTracesServer, Quota
from tests.helpers.databases import rows, states_in
from tests.store.syncing import IDS, add, asked, run


async def test_the_tables_have_every_trace_once(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """Sessions have no page, one page or several pages."""
    sizes = dict(zip(IDS, (0, 1, 99, 100, 101, 250), strict=False))
    truth = {(name, trace.trace_id) for name, size in sizes.items() for trace in service.add_session(name, traces=size)}
    progress = await run(store, client, sizes)
    assert progress == SyncProgress(done=6, due=6, given=6, traces=551, seconds_left=0.0)
    kept = rows(store.path, "SELECT session_id, trace_id FROM traces")
    assert len(kept) == len(truth)
    assert set(kept) == truth
    assert dict(rows(store.path, "SELECT session_id, trace_count FROM sessions")) == sizes
    assert set(states_in(store.path).values()) == {"read"}


async def test_if_nothing_is_due_no_request_is_sent(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """A session that was read late enough is final, even if it is empty."""
    add(service, IDS[0], ago=timedelta(hours=2))
    service.add_session(IDS[1])
    await run(store, client, IDS[:2])
    asked(service)
    assert [found async for found in store.sync(client, IDS[:2])] == [SyncProgress(given=2, seconds_left=0.0)]
    assert await run(store, client, []) == SyncProgress(seconds_left=0.0)
    assert asked(service) == []


async def test_sessions_that_are_not_final_are_read_again(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """They were read too early, failed, or are missing. Later results replace the earlier ones."""
    early, failing, missing, final = IDS[:4]
    add(service, early, ago=timedelta(minutes=30))
    add(service, failing, ago=timedelta(hours=2))
    add(service, final, ago=timedelta(hours=2))
    hurried = client.with_options(retry=RetryPolicy(attempts=1))
    service.on_request = lambda request: service.fail_next(status=500) if failing in request.path else None
    progress = await run(store, hurried, IDS[:4])
    assert (progress.done, progress.failed, progress.missing, progress.traces) == (4, 1, 1, 2)
    assert {error.session_id: type(error) for error in progress.errors} == {failing: ServerError}
    assert states_in(store.path) == {early: "read", failing: "failed", missing: "missing", final: "read"}
    service.on_request = None
    add(service, missing, ago=timedelta(hours=3))
    service.add_traces(early, 2)
    asked(service)
    progress = await run(store, client, IDS[:4])
    assert sorted(asked(service)) == [early, failing, missing]
    assert (progress.done, progress.due, progress.given, progress.failed, progress.traces) == (3, 3, 4, 0, 5)
    assert rows(store.path, "SELECT session_id, count(*) FROM traces GROUP BY 1 ORDER BY 1") == [
        (early, 3),
        (failing, 1),
        (missing, 1),
        (final, 1),
    ]


async def test_only_the_service_says_that_a_session_is_missing(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """A 404 because of a wrong base URL must not make the sync give up sessions."""
    service.fail_next(status=404, body=b"<html>Not Found</html>")
    progress = await run(store, client, IDS[:1])
    assert (progress.failed, progress.missing) == (1, 0)
    assert [type(error) for error in progress.errors] == [NotFoundError]
    assert states_in(store.path) == {IDS[0]: "failed"}


async def test_settle_decides_when_a_session_is_final(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """A shorter time makes a session final, and a longer one makes it due again."""
    add(service, IDS[0], ago=timedelta(minutes=30))
    await run(store, client, IDS[:1])
    asked(service)
    await run(store, client, IDS[:1], settle=timedelta(minutes=20))
    assert asked(service) == []
    await run(store, client, IDS[:1], settle=timedelta(days=999_999_999))
    assert asked(service) == IDS[:1]


async def test_refresh_reads_all_sessions(store: TraceStore, service: FakeTracesServer, client: TracesClient) -> None:
    """This includes final sessions, and those missing for more than seven days."""
    final, missing = IDS[:2]
    add(service, final, ago=timedelta(hours=2))
    await run(store, client, IDS[:2])
    with duckdb.connect(store.path) as database:
        database.execute("UPDATE sessions SET missing_since = missing_since - INTERVAL '7 days'")
    asked(service)
    assert (await run(store, client, IDS[:2])).due == 0
    assert asked(service) == []
    assert (await run(store, client, IDS[:2], refresh=True)).missing == 1
    assert sorted(asked(service)) == [final, missing]


async def test_read_at_is_the_time_before_the_first_request(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """Traces that arrive during the reading may not be in it, so a later time would be wrong."""
    begun: list[datetime] = []
    service.on_request = lambda _: begun.append(datetime.now(UTC))
    service.latency = 0.05
    service.add_session(IDS[0], traces=250)
    await run(store, client, IDS[:1])
    ((read_at,),) = rows(store.path, "SELECT read_at FROM sessions")
    assert read_at <= begun[0]


async def test_ids_of_every_kind_are_taken(store: TraceStore, service: FakeTracesServer, client: TracesClient) -> None:
    """Strings, UUIDs and listed sessions count once each. Anything else is a session that failed."""
    for session_id in IDS[:3]:
        service.add_session(session_id, traces=1)

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    async def ids() -> AsyncIterator[Any]:
        for given in (IDS[0], UUID(IDS[1]), IDS[0], UUID(IDS[0]), "no id", 5, None, Hostile(), "\ud800"):
            yield given

    progress = await run(store, client, ids())
    assert (progress.given, progress.done, progress.failed, progress.traces) == (7, 7, 5, 2)
    assert states_in(store.path) == {
        IDS[0]: "read",
        IDS[1]: "read",
        "no id": "failed",
        "5": "failed",
        "None": "failed",
        "<Hostile>": "failed",
        "?": "failed",
    }
    (said,) = rows(store.path, "SELECT error FROM sessions WHERE session_id = 'no id'")[0]
    assert said.startswith("InvalidArgumentError: session_id must be a UUID")
    asked(service)
    progress = await run(store, client, client.iter_sessions())
    assert progress.given == 3
    assert asked(service) == ["transcripts", IDS[2]]


async def test_a_key_in_place_of_an_id_is_masked_in_the_file(store: TraceStore, service: FakeTracesServer) -> None:
    """It is masked in the id and in the error."""
    key = "canary-0123456789-canary"
    async with TracesClient(key, base_url=service.base_url) as client:
        assert (await run(store, client, [key])).failed == 1
    assert key not in str(rows(store.path, "FROM sessions"))
    assert key.encode() not in store.path.read_bytes()


async def test_a_batch_is_written_when_nothing_comes_for_a_while(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the quota holds requests back, a killed process loses little."""
    monkeypatch.setattr(_sync, "BATCH_SECONDS", 0.05)
    for session_id in IDS[:3]:
        service.add_session(session_id, traces=1)
    service.on_request = lambda request: service.fail_next(stall=0.5) if IDS[2] in request.path else None
    assert [progress.done async for progress in store.sync(client, IDS[:3])] == [0, 2, 3]


async def test_a_trace_that_fits_into_no_column_fails_its_session(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """The other sessions of the batch are written."""
    service.add_session(IDS[0], traces=[Trace("huge", None, None, datetime.now(UTC), None, None, 2**63, None)])
    service.add_session(IDS[1], traces=[Trace("large", None, None, datetime.now(UTC), None, None, 2**63 - 1, None)])
    progress = await run(store, client, IDS[:2])
    assert (progress.done, progress.failed, progress.traces) == (2, 1, 1)
    (error,) = progress.errors
    assert "'huge' has 9223372036854775808 observations, more than a column can hold" in str(error)
    assert rows(store.path, "SELECT observation_count FROM traces") == [(2**63 - 1,)]


async def test_the_remaining_time_follows_from_the_quota(store: TraceStore, tmp_path: Path) -> None:
    """It assumes as many requests per session as were needed so far."""
    async with FakeTracesServer(quota=Quota(requests=10, seconds=1)) as server:
        for session_id in IDS[:8]:
            server.add_session(session_id, traces=150)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            found = [progress async for progress in store.sync(client, IDS[:8])]
            assert found[0].seconds_left is None
            assert found[-1].seconds_left == 0
            first = await anext(TraceStore(tmp_path / "other.duckdb").sync(client, IDS))
    # A thousand sessions need at least a thousand requests: a hundred windows of a second each.
    assert first.seconds_left is not None
    assert 98 <= first.seconds_left <= 100
