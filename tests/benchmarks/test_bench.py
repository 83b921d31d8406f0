"""The order of the tasks in a run."""

from __future__ import annotations

from typing import Any

from benchmarks.bench import Bench
from benchmarks.channel import Child
from benchmarks.peers import BY_HAND, OURS
from benchmarks.plan import QUICK


def test_a_failed_task_leaves_out_its_peer_only(processes: tuple[Child, Child]) -> None:
    """This holds if all peers run at once, and if they take turns."""
    server, worker = processes
    with Child("benchmarks.worker", BY_HAND) as other:
        bench = Bench(QUICK, server, {OURS: worker, BY_HAND: other}, lambda _: None)

        def task(name: str, worker: Child) -> Any:
            return worker.do("peak" if name == OURS else "no_such_task")

        assert bench.together("brownout", "some case", task).keys() == {OURS}
        assert bench.rounds("walk", "some case", 2, lambda worker: task(BY_HAND, worker)) == {}
    assert [(found.scenario, found.peer, found.note) for found in bench.measurements] == [
        ("brownout", BY_HAND, "KeyError: 'no_such_task'"),
        ("walk", OURS, "KeyError: 'no_such_task'"),
        ("walk", BY_HAND, "KeyError: 'no_such_task'"),
    ]
