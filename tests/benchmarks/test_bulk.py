"""The bulk scenario."""

from __future__ import annotations

import attrs
import pytest

from benchmarks.bench import Bench
from benchmarks.bulk import CASES, bulk
from benchmarks.channel import Child, TaskFailedError
from benchmarks.plan import QUICK


def test_bulk_work_is_measured_in_a_process_of_its_own(processes: tuple[Child, Child]) -> None:
    """The whole scenario runs with small sizes. A task fails if it finds too few traces."""
    server, _ = processes
    bench = Bench(attrs.evolve(QUICK, bulk_sessions=2, bulk_pages=1), server, {}, lambda _: None)
    bulk(bench)
    assert [found.note for found in bench.measurements if not found.values] == []
    measures = [(found.case, found.metric) for found in bench.measurements]
    into_store, _, pulled = CASES.values()
    assert sorted(measures) == sorted(
        [(case, "time") for case in CASES.values()] + [(case, "server_busy") for case in (into_store, pulled)]
    )
    assert all(found.best > 0 for found in bench.measurements if found.metric == "time")
    (session,) = QUICK.session_ids(1)
    where = server.do("open", sessions=[session], traces=[29]) | {"limit": 10}
    with Child("benchmarks.bulk_worker") as worker:
        for task in CASES:
            with pytest.raises(TaskFailedError, match="29 traces instead of 30"):
                worker.do(task, sessions=[session], traces=30, **where)
