"""A batch of sessions, from their ids to a Parquet file: the task that engines call."""

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
    """Read the traces of a batch of sessions into one Parquet file, and return where it is: a task for any engine.

    It blocks. Key and base URL come from the environment of the process (``LYZR_API_KEY``,
    ``LYZR_TRACES_BASE_URL``), so that no task has a key in it. All calls of a process share one client: its
    connections and its share of the quota.

    The file is called after a hash of the ids, and appears when it is whole. Where it is there already, it is the
    answer, and nothing is sent: an engine may call again as often as it likes. Delete the file to have the batch read
    anew. Rows have the columns of :data:`TRACES_SCHEMA`, in the order of the ids, and each session's in the server's
    order, newest first. ``session_id`` is the session that was asked for. The schema's metadata has, under
    ``lyzr_traces_async``, a JSON object: ``sessions``, with the number of rows of each session, and ``missing``, the
    ids of those that the service did not find: they have no rows.

    :param ids: the sessions, or what ``iter_sessions`` yields; one that comes twice is read once. None at all make a
        file without rows.
    :param into: a folder, which is made where there is none, or a URI that fsspec knows, such as ``s3://bucket/traces``.
        On a cluster it must be the same place for all workers.
    :param limit: how many traces to ask for in one request, 1 to 100. 100 is the fewest requests.
    :return: the path or the URI of the file.
    :raises InvalidArgumentError: before anything is sent, if an argument is malformed, there is no key, or the thread
        runs an event loop, which this would block: ``await asyncio.to_thread(pull_sessions, ids, into)`` does not.
    :raises StorageError: if nothing can be written there: before the first request where that can be known.
    :raises LyzrTracesError: what went wrong with a session, unless the service does not find it. No file is written.

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
        # Engines send it to another process, some with all that it came from. Not everything of aiohttp's can go along.
        error.__cause__ = error.__context__ = None
        raise
    table = _table({session_id: sessions[session_id] for session_id in asked_for})
    with kept_in(folder):
        folder.write(name, partial(parquet.write_table, table))
    return folder.where(name)


def _is_there(folder: Folder, name: str, ids: tuple[str, ...]) -> bool:
    """Say whether the batch's file is there, and whole."""
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
            raise  # the disk's, while what Arrow says of a file that is none has no number
        return False


async def _read(client: TracesClient, *, ids: tuple[str, ...], limit: int) -> dict[str, SessionTraces | None]:
    """Read the sessions; ``None`` for those that the service does not find."""
    found: dict[str, SessionTraces | None] = {}
    async with client.stream_sessions(ids, limit=limit) as stream:
        async for session in stream:
            error = session.error
            # Another's 404 may be that of a wrong base URL, and would settle all batches.
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
