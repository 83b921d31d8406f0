"""Keep sessions and their traces in one DuckDB file, and bring the file up to date. This needs the extra ``store``.

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
        "duckdb is not installed. A store needs it: pip install 'lyzr-traces-async[store]'", name="duckdb"
    ) from _error

from ._progress import SyncProgress

__all__ = ["SyncProgress", "TraceStore"]


class TraceStore:
    """Sessions and their traces in one DuckDB file, for SQL.

    The table ``traces`` has the fields of :class:`Trace` as columns, with ``extra`` as JSON. Its ``session_id`` is the
    id that was asked for. The table ``sessions`` has a row for each session: ``session_id``, ``state`` (``read``,
    ``failed``, or ``missing`` for a 404), ``error``, ``asked_at`` (the time of the last attempt to read the session),
    ``read_at`` (the time at which the last complete read began), ``newest`` (the time at which its newest trace
    began), ``trace_count`` and ``missing_since``.

    :param path: the file. The first :meth:`sync` creates it. Its folder must exist.
    :raises InvalidArgumentError: if ``path`` is not the path of a file.

    Example::

        store = TraceStore("traces.duckdb")
        async with TracesClient() as client:
            async for progress in store.sync(client, session_ids):
                print(f"{progress.done} of {progress.due} sessions, {progress.traces} traces")
        with duckdb.connect("traces.duckdb", read_only=True) as database:
            database.sql("SELECT name, quantile_cont(latency_seconds, 0.95) FROM traces GROUP BY name").show()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        given: object = path  # checked although it is annotated: callers may not use a type checker
        text = os.fspath(given) if isinstance(given, str | os.PathLike) else given
        if not isinstance(text, str) or text in ("", ":memory:") or "\0" in text:
            raise InvalidArgumentError(f"path must be the path of a file, not {text!r}")
        self._path = Path(path).absolute()

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
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
        """Read the sessions that are due, and write them into the file batch by batch.

        A session is final, and no longer due, if it was read at least ``settle`` after its newest trace began. A
        session without traces is final once it was read. A session that has been missing (404) for more than seven days
        is not due either. All other sessions are due: those never read, failed, missing, or read too early. If a call
        ends early for any reason, the next call continues with the sessions that are still due. If no session is due,
        the call makes no request.

        Each session is replaced as a whole, with its traces, in one transaction. If a session can't be read this time,
        its earlier traces stay. The file is open only while a batch is written, so other programs can read it between
        the batches. If another program has the file open, the sync waits for it: up to 5 s before the first request,
        and up to two minutes with a batch to write.

        The method yields the progress once before the first request, then after each batch. It draws all ids before it
        reads the first session. Leaving the loop or closing the client ends the sync.

        :param client: makes the requests. The client and its quota can serve other calls at the same time.
        :param ids: the sessions, as in :meth:`TracesClient.stream_sessions`. A repeated id counts once.
        :param settle: how long after its newest trace a session must be read to be final.
        :param refresh: read all sessions, including those that are final.
        :raises InvalidArgumentError: at the call, if an argument is malformed. An invalid id among ``ids`` does not
            raise: it counts as a session that failed.
        :raises StorageError: if the file is not a store, has a newer version, is in use, or can't be written. It is
            raised before the first request if the reason is known by then.
        :raises AuthenticationError: if no session can be read any more. For the same reason the method raises
            :class:`PermissionDeniedError` and :class:`ServiceNotConfiguredError`. The file has all sessions that were
            read before.
        :raises LyzrTracesError: the error that ``ids`` raises, if it is :meth:`TracesClient.iter_sessions`.

        Example::

            async for progress in store.sync(client, client.iter_sessions(since=yesterday)):
                print(progress.done, progress.failed, progress.missing, progress.due, progress.seconds_left)
        """
        check_ids(ids)
        given: object = client  # checked although it is annotated: callers may not use a type checker
        if not isinstance(given, TracesClient):
            raise InvalidArgumentError(f"client must be a TracesClient, not {type(client).__name__}")
        least: object = settle
        if not isinstance(least, timedelta) or least < timedelta(0):
            raise InvalidArgumentError(f"settle must be a timedelta of 0 or more, not {least!r}")
        check_flag("refresh", refresh)
        return sync(self._path, client, ids, settle=settle, refresh=refresh)
