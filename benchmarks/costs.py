"""The scenarios of a good day: the time, CPU and memory that a page, a session and an import cost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from urllib.request import Request, urlopen

from .bench import Bench
from .channel import Child
from .peers import BY_HAND, OURS, PEERS


def decode(bench: Bench) -> None:
    """Measure how long a peer takes to turn the bytes of one page into values, without a server."""
    plan = bench.plan
    session = plan.session_ids(1)[0]
    # Two pages, because the last page is not full.
    where = bench.open([session], [2])
    url = f"{where['base_url']}/traces/session/{session}?limit={plan.limit}"
    with urlopen(Request(url, headers={"x-api-key": where["api_key"]})) as response:  # noqa: S310 - our own server
        body = response.read().decode()
    case = f"{plan.limit} traces"
    found = bench.rounds(
        "decode",
        case,
        plan.decode_rounds,
        lambda worker: worker.do("decode", body=body, seconds=plan.decode_seconds),
    )
    for name, seconds in found.items():
        bench.note("decode", case, name, time=("s a page", seconds))


def walk(bench: Bench) -> None:
    """Measure the CPU time of the client for one long session from a server that answers at once."""
    plan = bench.plan
    long, short = plan.session_ids(2)
    warm = min(20, plan.walk_pages)
    where = bench.open([long, short], [plan.walk_pages, warm])

    def task(worker: Child) -> dict[str, float]:
        worker.do("walk", session=short, traces=plan.traces(warm), **where)
        bench.server.do("report")
        done: dict[str, float] = worker.do("walk", session=long, traces=plan.traces(plan.walk_pages), **where)
        server = bench.server.do("report")
        return done | {"server": server["cpu"], "busy": server["cpu"] / server["wall"]}

    case = f"{plan.walk_pages} pages"
    for name, rounds in bench.rounds("walk", case, plan.walk_rounds, task).items():
        bench.note(
            "walk",
            case,
            name,
            cpu=("s a page", [one["cpu"] / plan.walk_pages for one in rounds]),
            wall=("s a page", [one["wall"] / plan.walk_pages for one in rounds]),
            server_cpu=("s a page", [one["server"] / plan.walk_pages for one in rounds]),
            server_busy=("of the time", [one["busy"] for one in rounds]),
        )


def latency(bench: Bench) -> None:
    """Measure how long the user waits for sessions from a slow server."""
    plan = bench.plan
    sessions = plan.session_ids(len(plan.latency_pages))
    where = bench.open(sessions, plan.latency_pages, latency=plan.latency)
    for session, pages in zip(sessions, plan.latency_pages, strict=True):
        case = f"{pages} pages"

        def task(worker: Child, session: str = session, traces: int = plan.traces(pages)) -> float:
            done: dict[str, float] = worker.do("walk", session=session, traces=traces, **where)
            return done["wall"]

        for name, walls in bench.rounds("latency", case, plan.latency_rounds, task).items():
            bench.note("latency", case, name, wall=("s", walls))


def imports(bench: Bench) -> None:
    """Measure the import time of each peer, each time in a new process."""
    plan = bench.plan
    statements = {"aiohttp": "import aiohttp"}
    statements |= {
        peer.name: peer.imports
        for peer in PEERS
        if peer.name in bench.workers and peer.name != BY_HAND and (peer.name == OURS or not plan.quick)
    }
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(1, plan.import_rounds + 1):
        bench.progress(f"import: round {number} of {plan.import_rounds}")
        for name, statement in statements.items():
            seconds[name].append(_import_time(statement))
    for name, times in seconds.items():
        bench.note("import", "new process", name, time=("s", times))


def memory(bench: Bench) -> None:
    """Measure the memory peak of streaming many sessions. Each number of sessions has a process of its own."""
    plan = bench.plan
    ids = plan.session_ids(max(plan.memory_sessions))
    where = bench.open(ids, [plan.memory_pages] * len(ids))
    for count in plan.memory_sessions:
        case = f"{count} sessions"
        bench.progress(f"memory, {case}: {OURS}")
        with Child("benchmarks.worker", OURS) as worker:
            sessions = dict.fromkeys(ids[:count], plan.traces(plan.memory_pages))
            done = worker.do("herd", sessions=sessions, **where)
            if done["lost"]:
                bench.fail("memory", case, OURS, f"{done['lost']} sessions lost: {done['errors']}")
            else:
                bench.note("memory", case, OURS, peak=("MiB", [worker.do("peak")]))


def _import_time(statement: str) -> float:
    code = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    # Installed packages are imported from bytecode. With this variable each round would compile this library again.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603 - ours
    return float(done.stdout)
