"""Syncing sessions into a file: what is asked for, what is kept, and what is told."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import duckdb
import pytest

import lyzr_traces_async
from lyzr_traces_async import (
    AuthenticationError,
    ClientClosedError,
    InvalidArgumentError,
    NotFoundError,
    RetryPolicy,
    ServerError,
    StorageError,
    Trace,
    TracesClient,
)
from lyzr_traces_async.store import SyncProgress, TraceStore, _sync
from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest

IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(1000)]


@pytest.fixture
def store(tmp_path: Path) -> TraceStore:
    return TraceStore(tmp_path / "traces.duckdb")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # work is done in threads, for which a clock that jumps does not wait


def rows(store: TraceStore, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(store.path, read_only=True) as database:
        return database.execute(query).fetchall()


def states(store: TraceStore) -> dict[str, str]:
    return dict(rows(store, "SELECT session_id, state FROM sessions"))


async def run(store: TraceStore, client: TracesClient, ids: Any, **options: Any) -> SyncProgress:
    """Sync to the end; return how far it has come."""
    return [progress async for progress in store.sync(client, ids, **options)][-1]


def asked(server: FakeTracesServer) -> list[str]:
    """Return the sessions that were asked for since this was called last."""
    found = [request.path.rpartition("/")[2] for request in server.requests]
    server.requests.clear()
    return found


def add(server: FakeTracesServer, session_id: str, *, ago: timedelta, traces: int = 1) -> None:
    """Add a session whose newest trace began so long ago."""
    newest = datetime.now(UTC) - ago
    server.add_session(
        session_id,
        traces=[
            Trace(f"{session_id}-{number}", "llm", session_id, newest - timedelta(seconds=number), 0.5, 0.25, 1, None)
            for number in range(traces)
        ],
    )


async def test_the_tables_are_what_the_service_has(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """Every trace of every session once, in sessions of no, one and many pages."""
    sizes = dict(zip(IDS, (0, 1, 99, 100, 101, 250), strict=False))
    truth = {(name, trace.trace_id) for name, size in sizes.items() for trace in service.add_session(name, traces=size)}
    progress = await run(store, client, sizes)
    assert progress == SyncProgress(done=6, due=6, given=6, traces=551, seconds_left=0.0)
    kept = rows(store, "SELECT session_id, trace_id FROM traces")
    assert len(kept) == len(truth)
    assert set(kept) == truth
    assert dict(rows(store, "SELECT session_id, trace_count FROM sessions")) == sizes
    assert set(states(store).values()) == {"read"}


async def test_nothing_is_due_so_nothing_is_asked(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """A session that was read late enough is final, and so is an empty one; that is told at once."""
    add(service, IDS[0], ago=timedelta(hours=2))
    service.add_session(IDS[1])
    await run(store, client, IDS[:2])
    asked(service)
    assert [found async for found in store.sync(client, IDS[:2])] == [SyncProgress(given=2, seconds_left=0.0)]
    assert await run(store, client, []) == SyncProgress(seconds_left=0.0)
    assert asked(service) == []


async def test_what_is_not_final_is_asked_for_again(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """What was read too early, what failed, and what is missing; with what came of it in the meantime."""
    early, failing, missing, final = IDS[:4]
    add(service, early, ago=timedelta(minutes=30))
    add(service, failing, ago=timedelta(hours=2))
    add(service, final, ago=timedelta(hours=2))
    hurried = client.with_options(retry=RetryPolicy(attempts=1))
    service.on_request = lambda request: service.fail_next(status=500) if failing in request.path else None
    progress = await run(store, hurried, IDS[:4])
    assert (progress.done, progress.failed, progress.missing, progress.traces) == (4, 1, 1, 2)
    assert {error.session_id: type(error) for error in progress.errors} == {failing: ServerError}
    assert states(store) == {early: "read", failing: "failed", missing: "missing", final: "read"}
    service.on_request = None
    add(service, missing, ago=timedelta(hours=3))
    service.add_traces(early, 2)
    asked(service)
    progress = await run(store, client, IDS[:4])
    assert sorted(asked(service)) == [early, failing, missing]
    assert (progress.done, progress.due, progress.given, progress.failed, progress.traces) == (3, 3, 4, 0, 5)
    assert rows(store, "SELECT session_id, count(*) FROM traces GROUP BY 1 ORDER BY 1") == [
        (early, 3),
        (failing, 1),
        (missing, 1),
        (final, 1),
    ]


async def test_only_the_service_says_that_a_session_is_missing(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """What answers 404 at a wrong base URL must not make a month of sessions be given up."""
    service.fail_next(status=404, body=b"<html>Not Found</html>")
    progress = await run(store, client, IDS[:1])
    assert (progress.failed, progress.missing) == (1, 0)
    assert [type(error) for error in progress.errors] == [NotFoundError]
    assert states(store) == {IDS[0]: "failed"}


async def test_a_sync_that_is_cancelled_before_anything_has_come_has_nothing_to_write(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """No error of the file stands in the way of the cancellation."""
    service.latency = 30
    syncing = store.sync(client, IDS[:1])
    await anext(syncing)
    with anyio.move_on_after(0.2) as scope:
        await anext(syncing)
    assert scope.cancelled_caught
    assert states(store) == {}


async def test_settle_says_how_late_is_late_enough(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """A shorter time makes what was read final, a longer one makes it due again."""
    add(service, IDS[0], ago=timedelta(minutes=30))
    await run(store, client, IDS[:1])
    asked(service)
    await run(store, client, IDS[:1], settle=timedelta(minutes=20))
    assert asked(service) == []
    await run(store, client, IDS[:1], settle=timedelta(days=999_999_999))
    assert asked(service) == IDS[:1]


async def test_refresh_asks_for_all(store: TraceStore, service: FakeTracesServer, client: TracesClient) -> None:
    """What is final, and what has been missing for more than seven days, which is not asked for otherwise."""
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


async def test_a_session_is_read_when_it_was_begun_to_be_read(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """What arrives while it is read may not be in it, so that the reading must not count as later than that."""
    begun: list[datetime] = []
    service.on_request = lambda _: begun.append(datetime.now(UTC))
    service.latency = 0.05
    service.add_session(IDS[0], traces=250)
    await run(store, client, IDS[:1])
    ((read_at,),) = rows(store, "SELECT read_at FROM sessions")
    assert read_at <= begun[0]


async def test_ids_of_every_kind_are_taken(store: TraceStore, service: FakeTracesServer, client: TracesClient) -> None:
    """Strings, UUIDs, sessions as they are listed, each once; what is none of these is a session that failed."""
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
    assert states(store) == {
        IDS[0]: "read",
        IDS[1]: "read",
        "no id": "failed",
        "5": "failed",
        "None": "failed",
        "<Hostile>": "failed",
        "?": "failed",
    }
    (said,) = rows(store, "SELECT error FROM sessions WHERE session_id = 'no id'")[0]
    assert said.startswith("InvalidArgumentError: session_id must be a UUID")
    asked(service)
    progress = await run(store, client, client.iter_sessions())
    assert progress.given == 3
    assert asked(service) == ["transcripts", IDS[2]]


async def test_the_key_is_in_no_row_where_it_was_given_as_an_id(store: TraceStore, service: FakeTracesServer) -> None:
    """It is masked in the name of the session, and in what is said of it."""
    key = "canary-0123456789-canary"
    async with TracesClient(key, base_url=service.base_url) as client:
        assert (await run(store, client, [key])).failed == 1
    assert key not in str(rows(store, "FROM sessions"))
    assert key.encode() not in store.path.read_bytes()


async def test_a_key_that_dies_stops_it_and_loses_nothing(store: TraceStore, service: FakeTracesServer) -> None:
    """What was read is in the file when the error comes, and the next sync goes on from there."""
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
    kept = list(states(store))
    assert 20 - 8 <= len(kept) <= 20
    assert found[-1].done == len(kept)
    service.on_request = None
    asked(service)
    async with TracesClient(service.api_key, base_url=service.base_url) as client:
        assert (await run(store, client, IDS[:40])).due == 40 - len(kept)
    assert sorted([*asked(service), *kept]) == IDS[:40]


async def test_a_sync_that_is_cancelled_keeps_what_has_come(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """Also what came since the last batch."""
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
    assert set(states(store).values()) == {"read"}
    assert len(states(store)) == 5
    assert not list(store.path.parent.glob("*.lock"))


async def test_the_file_can_be_read_between_two_batches(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is open only while one is written; the progress tells what is in it by now."""
    monkeypatch.setattr(_sync, "BATCH_TRACES", 300)
    for session_id in IDS[:20]:
        service.add_session(session_id, traces=90)
    done = []
    async for progress in store.sync(client, IDS[:20]):
        assert rows(store, "SELECT count(*), coalesce(sum(trace_count), 0) FROM sessions") == [
            (progress.done, progress.traces)
        ]
        done.append(progress.done)
    assert done == [0, 4, 8, 12, 16, 20]


async def test_a_batch_is_written_when_nothing_comes_for_a_while(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while the quota makes everything wait, so that a kill loses little."""
    monkeypatch.setattr(_sync, "BATCH_SECONDS", 0.05)
    for session_id in IDS[:3]:
        service.add_session(session_id, traces=1)
    service.on_request = lambda request: service.fail_next(stall=0.5) if IDS[2] in request.path else None
    assert [progress.done async for progress in store.sync(client, IDS[:3])] == [0, 2, 3]


async def test_somebody_who_reads_the_file_is_waited_for(
    store: TraceStore,
    service: FakeTracesServer,
    client: TracesClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """For a while: what was read is kept until they have closed it."""
    service.add_session(IDS[0], traces=1)
    await run(store, client, [])
    caplog.set_level("INFO", "lyzr_traces_async")
    reader = duckdb.connect(store.path, read_only=True)
    asyncio.get_running_loop().call_later(0.3, reader.close)
    assert (await run(store, client, IDS[:1])).traces == 1
    (said,) = [text for text in caplog.messages if "waiting" in text]
    assert said.startswith(f"waiting up to 5 s until the file is free: {store.path} is in use by another program")


async def test_a_file_that_stays_in_use_is_told_of(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first request, where it is so from the beginning."""
    monkeypatch.setattr(_sync, "PATIENCE_AT_FIRST", 0.2)
    await run(store, client, [])
    with duckdb.connect(store.path, read_only=True), pytest.raises(StorageError, match="is in use"):
        await run(store, client, IDS[:1])
    assert asked(service) == []


async def test_a_file_that_is_no_store_is_told_of_before_the_first_request(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """No id is drawn either."""
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
    """Both would ask for every session."""
    monkeypatch.setattr(_sync, "PATIENCE_WITH_SYNCS", 0.2)
    service.add_session(IDS[0], traces=1)
    first = store.sync(client, IDS[:1])
    await anext(first)
    with pytest.raises(StorageError, match="another sync"):
        await run(TraceStore(store.path), client, IDS[:1])
    assert [progress.done async for progress in first] == [1]
    assert asked(service) == IDS[:1]


async def test_leaving_the_loop_ends_the_sync(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written stays, nothing more is asked for, and the file is free for another sync."""
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
    assert len(states(store)) == 3
    assert (await run(store, client, IDS[:3])).given == 3


async def test_a_sync_that_was_dropped_is_no_hindrance_to_the_next(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """It ends while the next one begins, which waits for that."""
    service.add_session(IDS[0], traces=1)
    service.latency = 0.1
    async for _ in store.sync(client, IDS):
        break
    assert (await run(store, client, IDS[:1])).traces == 1


async def test_a_failure_of_the_ids_comes_before_any_request(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """As itself; and the file is free again."""

    async def ids() -> AsyncIterator[str]:
        yield IDS[0]
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            await run(store, client, ids())
    assert asked(service) == []


async def test_a_client_that_is_closed_ends_it(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """In the middle, or before it begins."""
    service.add_session(IDS[0], traces=1)
    closing: list[asyncio.Task[None]] = []
    service.on_request = lambda _: closing.append(asyncio.create_task(client.aclose()))
    service.latency = 30
    for _ in range(2):
        with pytest.raises(ClientClosedError):
            await run(store, client, IDS[:1])


async def test_a_trace_that_fits_into_no_column_fails_its_session(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """Rather than the whole batch."""
    service.add_session(IDS[0], traces=[Trace("huge", None, None, datetime.now(UTC), None, None, 2**63, None)])
    service.add_session(IDS[1], traces=[Trace("large", None, None, datetime.now(UTC), None, None, 2**63 - 1, None)])
    progress = await run(store, client, IDS[:2])
    assert (progress.done, progress.failed, progress.traces) == (2, 1, 1)
    (error,) = progress.errors
    assert "'huge' has 9223372036854775808 observations, more than a column can hold" in str(error)
    assert rows(store, "SELECT observation_count FROM traces") == [(2**63 - 1,)]


async def test_the_quota_tells_how_long_it_takes(store: TraceStore, tmp_path: Path) -> None:
    """In windows of as many requests as a session has needed so far."""
    async with FakeTracesServer(quota=Quota(requests=10, seconds=1)) as server:
        for session_id in IDS[:15]:
            server.add_session(session_id, traces=150)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            found = [progress async for progress in store.sync(client, IDS[:15])]
            assert found[0].seconds_left is None
            assert found[-1].seconds_left == 0
            first = await anext(TraceStore(tmp_path / "other.duckdb").sync(client, IDS))
    # A thousand sessions are a thousand requests at least, a hundred windows of a second each.
    assert first.seconds_left is not None
    assert 98 <= first.seconds_left <= 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"client": None}, "client must be a TracesClient, not NoneType"),
        ({"ids": IDS[0]}, "session_ids must be an iterable of session ids"),
        ({"ids": 5}, "session_ids must be an iterable of session ids"),
        ({"settle": 3600}, "settle must be a timedelta of 0 or more, not 3600"),
        ({"settle": timedelta(seconds=-1)}, "settle must be a timedelta of 0 or more"),
        ({"refresh": 1}, "refresh must be True or False"),
    ],
)
async def test_a_malformed_argument_is_refused_at_the_call(
    store: TraceStore, client: TracesClient, arguments: dict[str, Any], said: str
) -> None:
    """Before the loop begins."""
    given: dict[str, Any] = {"client": client, "ids": IDS} | arguments
    with pytest.raises(InvalidArgumentError, match=said):
        store.sync(given.pop("client"), given.pop("ids"), **given)


@pytest.mark.parametrize("path", ["", ":memory:", "a\0b", b"traces.duckdb", 5, None])
def test_what_is_no_path_of_a_file_is_refused(path: Any) -> None:
    """A database in memory would be gone after each batch."""
    with pytest.raises(InvalidArgumentError, match="path must be"):
        TraceStore(path)


def test_a_store_is_where_it_was_meant_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the working directory is another one later; making one touches no file."""
    monkeypatch.chdir(tmp_path)
    store = TraceStore("traces.duckdb")
    monkeypatch.chdir("/")
    assert store.path == tmp_path / "traces.duckdb"
    assert repr(store) == f"TraceStore('{tmp_path}/traces.duckdb')"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("library", "said"),
    [
        ("duckdb", "duckdb is not installed. A store needs it: pip install 'lyzr-traces-async[store]'"),
        ("anyio.to_thread", "import of anyio.to_thread halted; None in sys.modules"),
    ],
)
def test_without_duckdb_it_is_said_what_to_install(library: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the import; another library that is missing is another matter."""
    for name in [name for name in sys.modules if name.startswith("lyzr_traces_async.store")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(lyzr_traces_async, "store")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("lyzr_traces_async.store")
    assert (str(caught.value), caught.value.name) == (said, library)
