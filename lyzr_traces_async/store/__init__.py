"""Sessions in a table: one DuckDB file, brought up to date again and again. It needs the extra ``store``.

::

    store = TraceStore("traces.duckdb")
    async with TracesClient() as client:
        async for progress in store.sync(client, client.iter_sessions(since=last_month)):
            print(progress.done, "of", progress.due)
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

from .._arguments import check_flag, check_ids
from ..client import TracesClient
from ..errors import InvalidArgumentError

try:
    from ._sync import SessionIds, sync
except ModuleNotFoundError as _error:
    if _error.name != "duckdb":
        raise
    raise ModuleNotFoundError(
        "duckdb is not installed; a store needs: pip install 'lyzr-traces-async[store]'", name="duckdb"
    ) from _error

from ._progress import SyncProgress

__all__ = ["SyncProgress", "TraceStore"]


class TraceStore:
    """Sessions and their traces in one DuckDB file, for SQL.

    The table ``traces`` has the fields of :class:`Trace` as columns, with ``extra`` as JSON; its ``session_id`` is that
    of the session that was asked for. The table ``sessions`` has a row for each session: ``session_id``, ``state``
    (``read``, ``failed``, or ``missing`` for a 404), ``error``, ``asked_at`` (when it was last asked for), ``read_at``
    (when it was last read whole), ``newest`` (when its newest trace began), ``trace_count`` and ``missing_since``.

    :param path: the file. It is made by the first :meth:`sync`, in a folder that is there.
    :raises InvalidArgumentError: if ``path`` is no path.

    Example::

        store = TraceStore("traces.duckdb")
        async with TracesClient() as client:
            async for progress in store.sync(client, session_ids):
                print(f"{progress.done} of {progress.due} sessions, {progress.traces} traces")
        with duckdb.connect("traces.duckdb", read_only=True) as database:
            database.sql("SELECT name, quantile_cont(latency_seconds, 0.95) FROM traces GROUP BY name").show()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        given: object = path  # whatever the annotation says
        text = os.fspath(given) if isinstance(given, str | os.PathLike) else given
        if not isinstance(text, str) or text in ("", ":memory:") or "\0" in text:
            raise InvalidArgumentError(f"path must be that of a file, not {text!r}")
        self._path = Path(path).absolute()

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    def __repr__(self) -> str:
        return f"TraceStore({str(self._path)!r})"

    def sync(
        self,
        client: TracesClient,
        ids: SessionIds,
        *,
        settle: timedelta = timedelta(hours=1),
        refresh: bool = False,
    ) -> AsyncGenerator[SyncProgress, None]:
        """Bring sessions up to date in the file: ask for those that are due, and write them batch by batch.

        A session is final, and not due, once it was read at least ``settle`` after its newest trace; one without
        traces, once it was read. A session that was missing (404) for more than seven days is not due either. All
        others are: never read, failed, missing, read too early. So a second call goes on where the first one ended, in
        whatever way that was, and makes no request where nothing is due.

        A session is replaced as a whole, with its traces, in one transaction; one that can't be read this time keeps
        what was read before. The file is open only while a batch is written: others can read it in between. Should one
        of them have it open just then, it is waited for, up to two minutes.

        It yields how far it has come: once before the first request, then after each batch. All ids are drawn before
        the first session is asked for. Leaving the loop ends the sync, and so does closing the client.

        :param client: makes the requests. One client, and its quota, may be used for more than this.
        :param ids: the sessions, as in :meth:`TracesClient.stream_sessions`; repeated ones count once.
        :param settle: how long after its newest trace a session has to be read to be final.
        :param refresh: whether to ask for all of them, also for those that are final.
        :raises InvalidArgumentError: at the call, if an argument is malformed. What is no id among ``ids`` is a session
            that failed.
        :raises StorageError: if the file is no store, or of a newer version, or in use, or can't be written; before the
            first request wherever that shows by then.
        :raises AuthenticationError: as :class:`PermissionDeniedError` and :class:`ServiceNotConfiguredError`, if no
            session can be read any more. What was read by then is in the file.
        :raises LyzrTracesError: what the ids raise, where they are those of :meth:`TracesClient.iter_sessions`.

        Example::

            async for progress in store.sync(client, client.iter_sessions(since=yesterday)):
                print(progress.done, progress.failed, progress.missing, progress.due, progress.seconds_left)
        """
        check_ids(ids)
        given: object = client  # whatever the annotation says
        if not isinstance(given, TracesClient):
            raise InvalidArgumentError(f"client must be a TracesClient, not {type(client).__name__}")
        least: object = settle
        if not isinstance(least, timedelta) or least < timedelta(0):
            raise InvalidArgumentError(f"settle must be a timedelta of 0 or more, not {least!r}")
        check_flag("refresh", refresh)
        return sync(self._path, client, ids, settle=settle, refresh=refresh)
