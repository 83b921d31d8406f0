"""The progress of a sync: when it comes, and what each of its counts means."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lyzr_traces_async import RetryPolicy, ServerError, TracesClient
from lyzr_traces_async.store import SyncProgress, TraceStore, _sync
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.databases import rows
from tests.store.syncing import IDS, add, asked, run


async def test_progress_comes_before_the_first_request_and_after_each_batch(
    store: TraceStore, service: FakeTracesServer, client: TracesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers of due and given sessions stay the same. Each failure is in the errors of one progress only."""
    monkeypatch.setattr(_sync, "BATCH_TRACES", 1)
    final, *due = IDS[:13]
    failing = due[::3]
    add(service, final, ago=timedelta(hours=2))
    for session_id in due:
        service.add_session(session_id, traces=1)
    await run(store, client, [final])
    asked(service)
    for session_id in failing:
        service.fail_next(status=500, session_id=session_id)
    syncing = store.sync(client.with_options(retry=RetryPolicy(attempts=1)), IDS[:13])
    before = await anext(syncing)
    assert (before, asked(service)) == (SyncProgress(due=12, given=13), [])
    told = []
    async for progress in syncing:
        assert (progress.due, progress.given) == (12, 13)
        assert progress.done > before.done
        assert rows(store.path, "SELECT count(*) FROM sessions") == [(1 + progress.done,)]
        assert rows(store.path, "SELECT count(*) FROM traces") == [(1 + progress.traces,)]
        assert len(progress.errors) == progress.failed - before.failed
        assert all(isinstance(error, ServerError) for error in progress.errors)
        told += [error.session_id for error in progress.errors]
        before = progress
    assert sorted(map(str, told)) == failing
    assert (before.done, before.failed, before.missing, before.traces) == (12, 4, 0, 8)


async def test_the_remaining_seconds_are_zero_if_nothing_remains(
    store: TraceStore, service: FakeTracesServer, client: TracesClient
) -> None:
    """This holds without a known quota too. If sessions remain, an unknown quota gives None."""
    service.add_session(IDS[0], traces=1)
    found = [progress.seconds_left async for progress in store.sync(client, IDS[:1])]
    assert client.quota is None
    assert found == [None, 0.0]
