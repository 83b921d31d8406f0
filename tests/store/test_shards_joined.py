"""The files of several hosts can be queried as one."""

from __future__ import annotations

from pathlib import Path

import duckdb

from lyzr_traces_async import TracesClient
from lyzr_traces_async.store import TraceStore
from lyzr_traces_async.testing import FakeTracesServer

IDS = [f"3fa85f64-5717-4562-b3fc-{number:012x}" for number in range(2)]


async def test_the_tables_of_two_files_are_joined_by_name(tmp_path: Path) -> None:
    """The statement is that of the README, with a second file."""
    async with (
        FakeTracesServer(quota=None) as server,
        TracesClient(server.api_key, base_url=server.base_url) as client,
    ):
        for number, session_id in enumerate(IDS):
            server.add_session(session_id, traces=number + 1)
            async for _ in TraceStore(tmp_path / f"{number}.duckdb").sync(client, [session_id]):
                pass
    with duckdb.connect(tmp_path / "0.duckdb", read_only=True) as database:
        database.execute(f"ATTACH '{tmp_path / '1.duckdb'}' AS other (READ_ONLY)")
        joined = "(SELECT * FROM traces UNION ALL BY NAME SELECT * FROM other.traces)"
        found = database.execute(f"SELECT session_id, count(*) FROM {joined} GROUP BY 1 ORDER BY 1").fetchall()  # noqa: S608 - our own text
    assert found == [(IDS[0], 1), (IDS[1], 2)]
