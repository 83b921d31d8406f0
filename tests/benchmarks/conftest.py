"""Fixtures of the benchmarks: the results of a small run, and a server with a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.channel import Child
from benchmarks.peers import BY_HAND, OURS
from benchmarks.results import Measurement, PeerInfo, Results
from tests.helpers.measurements import measured


@pytest.fixture
def results() -> Results:
    """Return a run of two peers. A third peer is not installed, and one scenario failed."""
    # fmt: off
    measurements = [
        *measured("decode", "100 traces", OURS, time=(0.000150, 0.000140)),
        *measured("decode", "100 traces", BY_HAND, time=(0.000120, 0.000112)),
        *measured("walk", "20 pages", OURS, cpu=(0.0004,), server_cpu=(0.00023,), server_busy=(0.5,)),
        *measured("walk", "20 pages", BY_HAND, cpu=(0.0005,), server_cpu=(0.00023,), server_busy=(0.4,)),
        *measured("latency", "20 pages", OURS, wall=(0.25,)),
        Measurement(
            scenario="latency", case="20 pages", peer=BY_HAND, metric="all", unit="", values=(), note="OSError: gone"
        ),
        *measured("herd", "60 sessions", OURS, lost=(0,), refused=(0,), requests=(780,), wall=(35.4,), floor=(35,)),
        *measured("herd", "60 sessions", BY_HAND, lost=(59,), refused=(59,), requests=(100,), wall=(1,), floor=(35,)),
        *measured(
            "neighbours", "16 clients", OURS, lost=(0,), refused=(40,), requests=(841,), least=(800,), wall=(36,),
            floor=(35,),
        ),
        *measured(
            "neighbours", "16 clients", BY_HAND, lost=(70,), refused=(70,), requests=(170,), least=(800,), wall=(1,),
            floor=(35,),
        ),
        *measured(
            "brownout", "one bad minute", OURS, lost=(0,), failed=(17,), requests=(73,), least=(50,), wall=(16.2,)
        ),
        *measured(
            "brownout", "one bad minute", BY_HAND, lost=(1,), failed=(1,), requests=(26,), least=(50,), wall=(1.9,)
        ),
        *measured(
            "fairness", "7 long, 100 short", OURS, lost=(0,), requests=(1502,), least=(1500,), last_short=(0.54,),
            by_turns=(0.53,), wall=(10.3,),
        ),
        *measured(
            "fairness", "7 long, 100 short", BY_HAND, lost=(3,), requests=(1500,), least=(1500,), last_short=(0.08,),
            by_turns=(0.07,), wall=(10.5,),
        ),
        *measured("bulk", "`sync`", OURS, time=(0.00004, 0.000032), server_busy=(0.1,)),
        *measured("bulk", "`to_arrow`", OURS, time=(0.000004,)),
        Measurement(
            scenario="bulk", case="`pull`", peer=OURS, metric="all", unit="", values=(), note="ImportError: gone"
        ),
        *measured("import", "new process", "aiohttp", time=(0.15, 0.16)),
        *measured("import", "new process", OURS, time=(0.18, 0.19)),
        *measured("memory", "100 sessions", OURS, peak=(43.2,)),
    ]
    # fmt: on
    return Results(
        machine={"date": "2026-11-24", "cpu": "Some CPU", "cores": 2, "system": "Linux", "python": "CPython 3.11.7"},
        settings={"quick": False, "seed": 1, "latency": 0.05, "quota": 100, "window": 5.0}
        | {"herd_pages": 13, "memory_pages": 3}
        | {"neighbours": 16, "neighbour_sessions": 5, "neighbour_pages": 10, "patience": 10.0}
        | {"brownout_pages": 50, "brownout": 15.0, "brownout_wait": 1.75, "heavy_fits": 5}
        | {"fair_long": 7, "fair_pages": 200, "fair_short": 100}
        | {"bulk_sessions": 500, "bulk_pages": 2},
        peers=(
            PeerInfo(name=OURS, title="ours", about="with its defaults", packages={"aiohttp": "3.14.5"}),
            PeerInfo(name=BY_HAND, title="by hand & quickly", about="a loop", packages={"aiohttp": "3.14.5"}),
            PeerInfo(name="openai_pages", title="openai", about="pages", packages={}, missing="No module"),
        ),
        measurements=tuple(measurements),
    )


@pytest.fixture(scope="module")
def processes() -> Iterator[tuple[Child, Child]]:
    """Run the server, and a worker for this library."""
    with Child("benchmarks.server") as server, Child("benchmarks.worker", OURS) as worker:
        yield server, worker
