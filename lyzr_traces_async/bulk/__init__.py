"""Traces as columns, and batches of sessions for a cluster. It needs the extra ``arrow``.

::

    table = to_arrow(await client.list_session_traces(session_id))  # what pandas, polars and DuckDB read

    path = pull_sessions(ids, into="s3://bucket/traces")  # in a task of Dask, Spark or Ray: one Parquet file a batch

What is within: ``_columns.py`` makes tables of traces, ``_batches.py`` knows what a batch is called and what its file
says of it, ``_folders.py`` keeps files, ``_life.py`` has the event loop and the client of the process, and
``_pull.py`` puts these together.
"""

try:
    import pyarrow as _  # noqa: F401, ICN001 - is it there?
except ModuleNotFoundError as _missing:
    raise ModuleNotFoundError(
        "tables of traces need pyarrow: pip install 'lyzr-traces-async[arrow]'", name=_missing.name
    ) from _missing

from ._columns import TRACES_SCHEMA, to_arrow
from ._pull import pull_sessions

__all__ = ["TRACES_SCHEMA", "pull_sessions", "to_arrow"]
