"""Traces as Arrow tables, and batches of sessions for a cluster. This needs the extra ``arrow``.

::

    table = to_arrow(await client.list_session_traces(session_id))  # pandas, polars and DuckDB read it

    path = pull_sessions(ids, into="s3://bucket/traces")  # in a task of Dask, Spark or Ray: one Parquet file a batch

``_columns.py`` makes tables of traces. ``_batches.py`` has the file name and the metadata of a batch. ``_folders.py``
reads and writes the files. ``_life.py`` has the event loop and the client of the process. ``_pull.py`` combines them.
"""

try:
    import pyarrow as _  # noqa: F401, ICN001 - only to see whether it is installed
except ModuleNotFoundError as _missing:
    raise ModuleNotFoundError(
        "pyarrow is not installed. Tables of traces need it: pip install 'lyzr-traces-async[arrow]'", name=_missing.name
    ) from _missing

from ._columns import TRACES_SCHEMA, to_arrow
from ._pull import pull_sessions

__all__ = ["TRACES_SCHEMA", "pull_sessions", "to_arrow"]
