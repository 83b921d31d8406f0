"""The bulk scenario: many sessions into a store, into an Arrow table, and into a Parquet file.

Only this library is measured, in a process of its own. The other peers have no bulk functions.
"""

from __future__ import annotations

from typing import Any, Final

from .bench import Bench
from .channel import Child
from .peers import OURS

# The worker's tasks, with the names of their cases.
CASES: Final = {
    "into_store": "`TraceStore.sync`, into a new file",
    "into_arrow": "`to_arrow`, of traces in memory",
    "pulled": "`pull_sessions`, into a Parquet file",
}


def bulk(bench: Bench) -> None:
    """Measure many sessions of full pages, end to end from the server; for the table the traces are in memory."""
    plan = bench.plan
    sessions = plan.session_ids(plan.bulk_sessions)
    where = bench.open(sessions, [plan.bulk_pages] * len(sessions))
    traces = len(sessions) * plan.traces(plan.bulk_pages)
    with Child("benchmarks.bulk_worker") as worker:
        alone = bench.alone(worker)
        for name, case in CASES.items():

            def task(worker: Child, name: str = name) -> dict[str, Any]:
                bench.server.do("report")
                seconds = worker.do(name, sessions=sessions, traces=traces, **where)
                server = bench.server.do("report")
                return {"seconds": seconds, "busy": server["cpu"] / server["wall"]}

            for done in alone.rounds("bulk", case, plan.bulk_rounds, task).values():
                bench.note("bulk", case, OURS, time=("s a trace", [one["seconds"] / traces for one in done]))
                if name != "into_arrow":
                    bench.note("bulk", case, OURS, server_busy=("of the time", [one["busy"] for one in done]))
