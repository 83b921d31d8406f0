"""The task for engines: read a batch of sessions into a Parquet file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from uuid import UUID

import pyarrow as pa
from pyarrow import parquet

from .._arguments import MAX_LIMIT, check_count
from ..client import TracesClient
from ..errors import LyzrTracesError, NotFoundError
from ..models import SessionInfo, SessionTraces
from ._batches import NOTE, fits, ids_of, name_of, note_of
from ._columns import TRACES_SCHEMA, to_arrow
from ._folders import Folder, folder_of, kept_in
from ._life import check_no_loop, in_the_process

__all__ = ["pull_sessions"]


def pull_sessions(ids: Iterable[str | UUID | SessionInfo], into: str | os.PathLike[str], *, limit: int = 100) -> str:
    """Read the traces of a batch of sessions into one Parquet file, and return its path: a task for any engine.

    The function blocks. Key and base URL come from the environment of the process (``LYZR_API_KEY``,
    ``LYZR_TRACES_BASE_URL``), so that no task contains a key. All calls of a process share one client, and so its
    connections and its share of the quota.

    The name of the file is a hash of the ids. The file appears when it is complete. If it exists already, the function
    returns its path and makes no request, so an engine can repeat the call. Delete the file to read the batch again.

    The file has the columns of :data:`TRACES_SCHEMA`. Sessions are in the order of the ids, and the traces of a session
    are in the server's order, newest first. ``session_id`` is the id that was asked for. The schema's metadata has a
    JSON object under ``lyzr_traces_async``: ``sessions`` has the number of rows of each session, and ``missing`` has
    the ids of the sessions that the service did not find. These have no rows.

    :param ids: the session ids, or the items of ``iter_sessions``. A repeated session is read once. Without ids, the
        file has no rows.
    :param into: a folder, which is created if it does not exist, or a URI that fsspec knows, such as
        ``s3://bucket/traces``. On a cluster, it must be the same place for all workers.
    :param limit: the number of traces in one request, 1 to 100. With 100 there are the fewest requests.
    :return: the path or the URI of the file.
    :raises InvalidArgumentError: before anything is sent, if an argument is malformed, there is no key, or this thread
        runs an event loop. The call would block the loop; use ``await asyncio.to_thread(pull_sessions, ids, into)``.
    :raises StorageError: if the file can't be written. It is raised before the first request if the reason is known by
        then.
    :raises LyzrTracesError: the error of a session that failed. A session that the service does not find is no failure.
        No file is written.

    Example::

        paths = dask_client.gather(dask_client.map(pull_sessions, batches, into="s3://bucket/traces"))
    """
    asked_for = ids_of(ids, os.environ.get("LYZR_API_KEY"))
    folder = folder_of(into)
    check_count("limit", limit, MAX_LIMIT)
    check_no_loop()
    name = name_of(asked_for)
    with kept_in(folder):
        if _is_there(folder, name, asked_for):
            return folder.where(name)
        folder.check()
    try:
        sessions = in_the_process(partial(_read, ids=asked_for, limit=limit)) if asked_for else {}
    except LyzrTracesError as error:
        # Engines pickle the error, some with its cause and context. Some objects of aiohttp in these can't be pickled.
        error.__cause__ = error.__context__ = None
        raise
    table = _table({session_id: sessions[session_id] for session_id in asked_for})
    with kept_in(folder):
        folder.write(name, partial(parquet.write_table, table))
    return folder.where(name)


def _is_there(folder: Folder, name: str, ids: tuple[str, ...]) -> bool:
    """Return whether the batch's file exists and is complete."""
    try:
        with folder.open(name) as file:
            found = parquet.ParquetFile(file)
            schema = found.schema_arrow
            return schema.equals(TRACES_SCHEMA) and fits(
                (schema.metadata or {}).get(NOTE), ids, found.metadata.num_rows
            )
    except FileNotFoundError:
        return False
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the disk: errors of Arrow about the content of a file have no number
        return False


async def _read(client: TracesClient, *, ids: tuple[str, ...], limit: int) -> dict[str, SessionTraces | None]:
    """Return the sessions by their ids; ``None`` for those that the service does not find."""
    found: dict[str, SessionTraces | None] = {}
    async with client.stream_sessions(ids, limit=limit) as stream:
        async for session in stream:
            error = session.error
            # A 404 that is not the service's own may mean a wrong base URL. All batches would then end as missing.
            if error is not None and not (isinstance(error, NotFoundError) and error._by_service):
                raise error
            found[session.session_id] = session if error is None else None
    return found


def _table(sessions: Mapping[str, SessionTraces | None]) -> pa.Table:
    index = TRACES_SCHEMA.get_field_index("session_id")
    field = TRACES_SCHEMA.field(index)
    tables = [TRACES_SCHEMA.empty_table()]
    for session_id, session in sessions.items():
        table = to_arrow(session or ())
        tables.append(table.set_column(index, field, pa.repeat(session_id, len(table))))
    note = note_of({session_id: None if session is None else len(session) for session_id, session in sessions.items()})
    return pa.concat_tables(tables).replace_schema_metadata({NOTE: note})
