"""The scenarios: what each child process is told to do, and which figures come of it.

Where there are rounds, the peers take turns in each, so that a busy moment of the machine does not fall on one alone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import Request, urlopen

from .channel import Child, TaskFailedError
from .peers import BY_HAND, OURS, PEERS
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
        self._plan = plan
        self._server = server
        self._workers = workers
        self._progress = progress

    def run(self) -> None:
        """Measure everything."""
        self.decode()
        self.walk()
        self.latency()
        self.herd()
        self.imports()
        self.memory()

    def _note(self, scenario: str, case: str, peer: str, **metrics: tuple[str, list[float]]) -> None:
        for metric, (unit, values) in metrics.items():
            self.measurements.append(
                Measurement(scenario=scenario, case=case, peer=peer, metric=metric, unit=unit, values=rounded(values))
            )

    def _fail(self, scenario: str, case: str, peer: str, why: str) -> None:
        self.measurements.append(
            Measurement(scenario=scenario, case=case, peer=peer, metric="all", unit="", values=(), note=why)
        )

    def _rounds(self, scenario: str, case: str, rounds: int, task: Callable[[Child], Any]) -> dict[str, list[Any]]:
        """Have all workers do a task by turns, and return each one's results. One that fails is out."""
        results: dict[str, list[Any]] = defaultdict(list)
        failures: dict[str, str] = {}
        for number in range(1, rounds + 1):
            for name, worker in self._workers.items():
                if name in failures:
                    continue
                self._progress(f"{scenario}, {case}: round {number} of {rounds}, {name}")
                try:
                    results[name].append(task(worker))
                except TaskFailedError as error:
                    failures[name] = str(error)
                    self._fail(scenario, case, name, str(error))
        return {name: found for name, found in results.items() if name not in failures}

    def _open(self, sessions: list[str], traces: list[int], **how: Any) -> dict[str, Any]:
        where: dict[str, Any] = self._server.do(
            "open", sessions=sessions, traces=traces, **{"latency": 0.0, "quota": None} | how
        )
        self._server.do("report")
        return where | {"limit": self._plan.limit}

    def decode(self) -> None:
        """One page, from bytes to values, with no server at all."""
        plan = self._plan
        session = plan.session_ids(1)[0]
        where = self._open([session], [plan.limit])
        url = f"{where['base_url']}/traces/session/{session}?limit={plan.limit}"
        with urlopen(Request(url, headers={"x-api-key": where["api_key"]})) as response:  # noqa: S310 - our own server
            body = response.read().decode()
        case = f"{plan.limit} traces"
        found = self._rounds(
            "decode",
            case,
            plan.decode_rounds,
            lambda worker: worker.do("decode", body=body, seconds=plan.decode_seconds),
        )
        for name, seconds in found.items():
            self._note("decode", case, name, time=("s a page", seconds))

    def walk(self) -> None:
        """One long session from a server that answers at once: what the client itself costs."""
        plan = self._plan
        long, short = plan.session_ids(2)
        warm = min(20, plan.walk_pages)
        where = self._open([long, short], [plan.walk_pages * plan.limit, warm * plan.limit])

        def task(worker: Child) -> dict[str, float]:
            worker.do("walk", session=short, traces=warm * plan.limit, **where)
            self._server.do("report")
            done: dict[str, float] = worker.do("walk", session=long, traces=plan.walk_pages * plan.limit, **where)
            server = self._server.do("report")
            return done | {"server": server["cpu"], "busy": server["cpu"] / server["wall"]}

        case = f"{plan.walk_pages} pages"
        for name, rounds in self._rounds("walk", case, plan.walk_rounds, task).items():
            self._note(
                "walk",
                case,
                name,
                cpu=("s a page", [one["cpu"] / plan.walk_pages for one in rounds]),
                wall=("s a page", [one["wall"] / plan.walk_pages for one in rounds]),
                server_cpu=("s a page", [one["server"] / plan.walk_pages for one in rounds]),
                server_busy=("of the time", [one["busy"] for one in rounds]),
            )

    def latency(self) -> None:
        """Sessions from a server that takes its time: how long the user waits."""
        plan = self._plan
        sessions = plan.session_ids(len(plan.latency_pages))
        traces = [pages * plan.limit for pages in plan.latency_pages]
        where = self._open(sessions, traces, latency=plan.latency)
        for session, pages, count in zip(sessions, plan.latency_pages, traces, strict=True):
            case = f"{pages} pages"

            def task(worker: Child, session: str = session, count: int = count) -> float:
                done: dict[str, float] = worker.do("walk", session=session, traces=count, **where)
                return done["wall"]

            for name, walls in self._rounds("latency", case, plan.latency_rounds, task).items():
                self._note("latency", case, name, wall=("s", walls))

    def herd(self) -> None:
        """Many sessions at once, more than the quota lets through."""
        plan = self._plan
        ids = plan.session_ids(max(plan.herd_sessions))
        traces = plan.herd_pages * plan.limit
        where = self._open(ids, [traces] * len(ids), quota=(plan.quota, plan.window))
        for sessions in plan.herd_sessions:
            requests = sessions * plan.herd_pages
            floor = (-(-requests // plan.quota) - 1) * plan.window

            def task(worker: Child, sessions: int = sessions) -> dict[str, Any]:
                time.sleep(plan.window)  # what the one before has spent
                done: dict[str, Any] = worker.do("herd", sessions=ids[:sessions], traces=traces, **where)
                return done | {"answers": self._server.do("report")["answers"]}

            case = f"{sessions} sessions"
            for name, (done,) in self._rounds("herd", case, 1, task).items():
                answers = done["answers"]
                self._note(
                    "herd",
                    case,
                    name,
                    lost=("sessions", [done["lost"]]),
                    refused=("answers", [answers.get("429", 0)]),
                    requests=("requests", [sum(answers.values())]),
                    wall=("s", [done["wall"]]),
                    floor=("s", [floor]),
                )

    def imports(self) -> None:
        """How long the import takes, each time in a new process."""
        imports = {"aiohttp": "import aiohttp"}
        imports |= {
            peer.name: peer.imports
            for peer in PEERS
            if peer.name in self._workers and peer.name != BY_HAND and (peer.name == OURS or not self._plan.quick)
        }
        seconds: dict[str, list[float]] = defaultdict(list)
        for number in range(1, self._plan.import_rounds + 1):
            self._progress(f"import: round {number} of {self._plan.import_rounds}")
            for name, statement in imports.items():
                seconds[name].append(_import_time(statement))
        for name, times in seconds.items():
            self._note("import", "new process", name, time=("s", times))

    def memory(self) -> None:
        """The peak of memory while many sessions are streamed, each count in a process of its own."""
        plan = self._plan
        ids = plan.session_ids(max(plan.memory_sessions))
        traces = plan.memory_pages * plan.limit
        where = self._open(ids, [traces] * len(ids))
        for sessions in plan.memory_sessions:
            case = f"{sessions} sessions"
            self._progress(f"memory, {case}: {OURS}")
            with Child("benchmarks.worker", OURS) as worker:
                done = worker.do("herd", sessions=ids[:sessions], traces=traces, **where)
                if done["lost"]:
                    self._fail("memory", case, OURS, f"{done['lost']} sessions lost: {done['errors']}")
                else:
                    self._note("memory", case, OURS, peak=("MiB", [worker.do("peak")]))


def _import_time(statement: str) -> float:
    code = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return float(done.stdout)
