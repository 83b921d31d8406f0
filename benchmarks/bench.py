"""A run: its processes, the order of their tasks, and the measurements so far."""

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
    """A run with its processes and its measurements.

    :param workers: a process for each installed peer, by the peer's name.
    :param progress: shows a line about the current task.
    :ivar measurements: the measurements so far.
    """

    def __init__(self, plan: Plan, server: Child, workers: Mapping[str, Child], progress: Progress) -> None:
        self.measurements: list[Measurement] = []
        self.plan = plan
        self.server = server
        self.workers = workers
        self.progress = progress

    def alone(self, worker: Child) -> Bench:
        """Return a bench with one worker, a process of this library. Both benches share their measurements."""
        bench = Bench(self.plan, self.server, {OURS: worker}, self.progress)
        bench.measurements = self.measurements
        return bench

    def note(self, scenario: str, case: str, peer: str, **metrics: tuple[str, list[float]]) -> None:
        """Add measurements: for each metric its unit, and the values of all rounds."""
        for metric, (unit, values) in metrics.items():
            self.measurements.append(
                Measurement(scenario=scenario, case=case, peer=peer, metric=metric, unit=unit, values=rounded(values))
            )

    def fail(self, scenario: str, case: str, peer: str, why: str) -> None:
        """Add a failed measurement, with the reason."""
        self.measurements.append(
            Measurement(scenario=scenario, case=case, peer=peer, metric="all", unit="", values=(), note=why)
        )

    def rounds(self, scenario: str, case: str, rounds: int, task: Callable[[Child], Any]) -> dict[str, list[Any]]:
        """Run a task in all workers in turn, and return the results of each worker.

        A worker whose task fails is left out of the rounds that follow and of the results. The peers take turns in each
        round, so that a busy moment of the machine affects several peers.
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
        """Run a task in all workers at the same time, and return the result of each worker.

        This is for tasks that mostly wait. The task must not send commands to the server's process, which takes them
        from one thread only.
        """
        self.progress(f"{scenario}, {case}: all peers at once")
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
        """Let the server serve sessions with these numbers of pages, and return the arguments that workers need."""
        traces = [self.plan.traces(count) for count in pages]
        where: dict[str, Any] = self.server.do("open", sessions=sessions, traces=traces, **how)
        self.server.do("report")
        return where | {"limit": self.plan.limit}
