"""``python -m benchmarks [--quick] [--output FOLDER] [--render FOLDER]``."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import attrs

from . import bad_days, costs
from .bench import Bench
from .bulk import bulk
from .channel import Child, TaskFailedError
from .machine import machine
from .peers import PEERS
from .plan import FULL, QUICK, Plan
from .plot import plot
from .report import report
from .results import PeerInfo, Results

HERE = Path(__file__).parent

SCENARIOS = (
    costs.decode,
    costs.walk,
    costs.latency,
    bad_days.herd,
    bad_days.neighbours,
    bad_days.brownout,
    bad_days.fairness,
    bulk,
    costs.imports,
    costs.memory,
)


def measure(plan: Plan) -> Results:
    """Run all scenarios and return their results."""
    start = time.monotonic()

    def progress(text: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - start:5.1f} s] {text}\n")
        sys.stderr.flush()

    with ExitStack() as children:
        server = children.enter_context(Child("benchmarks.server"))
        workers = {peer.name: children.enter_context(Child("benchmarks.worker", peer.name)) for peer in PEERS}
        infos = []
        for peer in PEERS:
            try:
                packages, missing = workers[peer.name].do("hello"), None
            except TaskFailedError as error:
                packages, missing = {}, str(error)
                del workers[peer.name]
                progress(f"{peer.name} is left out: {error}")
            infos.append(
                PeerInfo(name=peer.name, title=peer.title, about=peer.about, packages=packages, missing=missing)
            )
        bench = Bench(plan, server, workers, progress)
        for scenario in SCENARIOS:
            scenario(bench)
        progress("done")
    return Results(
        machine=machine(),
        settings=attrs.asdict(plan),
        peers=tuple(infos),
        measurements=tuple(bench.measurements),
    )


def main() -> None:
    """Measure, write the results into a folder, and print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare this library with other ways to read paginated lists."
    )
    parser.add_argument(
        "--quick", action="store_true", help="run with small numbers, within a minute, to see that the benchmarks work"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write results.json, results.md and results.svg into this folder "
        "(default: the folder of --render; or else, in a full run, the folder of the benchmarks)",
    )
    parser.add_argument(
        "--render",
        type=Path,
        metavar="FOLDER",
        help="measure nothing: make results.md and results.svg from the results.json in this folder",
    )
    arguments = parser.parse_args()
    if arguments.render is not None:
        results = Results.from_json((arguments.render / "results.json").read_text(encoding="utf-8"))
    else:
        results = measure(QUICK if arguments.quick else FULL)
    folder = arguments.output or arguments.render or (None if arguments.quick else HERE)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_text(results.to_json(), encoding="utf-8")
        (folder / "results.md").write_text(report(results), encoding="utf-8")
        (folder / "results.svg").write_text(plot(results), encoding="utf-8")
    sys.stdout.write(report(results))
    failed = [found for found in results.measurements if not found.values]
    missing = [peer for peer in results.peers if peer.missing]
    sys.exit(1 if failed or missing else 0)


if __name__ == "__main__":
    main()
