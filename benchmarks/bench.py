"""A run under way: the processes, who of them does what when, and what has been measured so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .channel import Child, TaskFailedError
from .peers import OURS
from .plan import Plan
from .results import Measurement, rounded

Progress = Callable[[str], None]


class Bench:
    """A run under way.

    :param workers: a process for each peer that is installed, by the peer's name.
    :ivar measurements: what was measured so far.
    """

    def __init__(self, plan: Plan, server: Child, workers: Mapping[str, Child], progress: Progress) -> None:
        self.measurements: list[Measurement] = []
        self.plan = plan
        self.server = server
        self.workers = workers
        self.progress = progress

    def alone(self, worker: Child) -> Bench:
        """Return a bench with another process of this library as its only worker; what it measures is kept here too."""
        bench = Bench(self.plan, self.server, {OURS: worker}, self.progress)
        bench.measurements = self.measurements
        return bench

    def note(self, scenario: str, case: str, peer: str, **metrics: tuple[str, list[float]]) -> None:
        """Keep what was measured: for each metric its unit, and the values of all rounds."""
        for metric, (unit, values) in metrics.items():
            self.measurements.append(
                Measurement(scenario=scenario, case=case, peer=peer, metric=metric, unit=unit, values=rounded(values))
            )

    def fail(self, scenario: str, case: str, peer: str, why: str) -> None:
        """Keep that nothing could be measured."""
        self.measurements.append(
            Measurement(scenario=scenario, case=case, peer=peer, metric="all", unit="", values=(), note=why)
        )

    def rounds(self, scenario: str, case: str, rounds: int, task: Callable[[Child], Any]) -> dict[str, list[Any]]:
        """Have all workers do a task by turns, and return each one's results. One that fails is out.

        The peers take turns in each round, so that a busy moment of the machine does not fall on one alone.
        """
        results: dict[str, list[Any]] = defaultdict(list)
        failures: dict[str, str] = {}
        for number in range(1, rounds + 1):
            for name, worker in self.workers.items():
                if name in failures:
                    continue
                self.progress(f"{scenario}, {case}: round {number} of {rounds}, {name}")
                try:
                    results[name].append(task(worker))
                except TaskFailedError as error:
                    failures[name] = str(error)
                    self.fail(scenario, case, name, str(error))
        return {name: found for name, found in results.items() if name not in failures}

    def together(self, scenario: str, case: str, task: Callable[[str, Child], Any]) -> dict[str, Any]:
        """Have all workers do a task at the same time, and return each one's result.

        For tasks that are mostly waiting. The task must leave the server's process alone.
        """
        self.progress(f"{scenario}, {case}: all at once")
        results = {}
        with ThreadPoolExecutor(max(1, len(self.workers))) as threads:
            under_way = {name: threads.submit(task, name, worker) for name, worker in self.workers.items()}
        for name, done in under_way.items():
            try:
                results[name] = done.result()
            except TaskFailedError as error:
                self.fail(scenario, case, name, str(error))
        return results

    def open(self, sessions: Sequence[str], pages: Sequence[int], **how: Any) -> dict[str, Any]:
        """Have the server serve sessions of so many pages, and return what a worker has to know of it."""
        traces = [self.plan.traces(count) for count in pages]
        where: dict[str, Any] = self.server.do("open", sessions=sessions, traces=traces, **how)
        self.server.do("report")
        return where | {"limit": self.plan.limit}
