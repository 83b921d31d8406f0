"""Real clusters of two processes, one of which is killed: Dask, and Spark and Ray if they are installed."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from pyarrow import parquet

from lyzr_traces_async import ServerError
from lyzr_traces_async.bulk import pull_sessions, to_arrow
from lyzr_traces_async.testing import FakeTracesServer

pytestmark = [
    pytest.mark.cluster,
    # The engines leave sockets and processes open until the interpreter ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

README = Path(__file__).parents[2] / "README.md"
KEY = "canary-5c1f0e7b"
SESSIONS = 200
IN_A_BATCH = 4


@pytest.fixture
def ids() -> list[str]:
    rng = random.Random(9)
    return [str(UUID(int=rng.getrandbits(128), version=4)) for _ in range(SESSIONS)]


@pytest.fixture
def batches(ids: list[str]) -> list[list[str]]:
    return [ids[first : first + IN_A_BATCH] for first in range(0, SESSIONS, IN_A_BATCH)]


@pytest.fixture
def service(ids: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTracesServer]:
    """Run a server with sessions of up to three pages. The environment of the workers has its address."""
    with FakeTracesServer(api_key=KEY, quota=None) as server:
        for number, session_id in enumerate(ids):
            server.add_session(session_id, number * 53 % 290)
        monkeypatch.setenv("LYZR_API_KEY", KEY)
        monkeypatch.setenv("LYZR_TRACES_BASE_URL", server.base_url)
        yield server


@pytest.fixture
def least(service: FakeTracesServer, ids: list[str], tmp_path: Path) -> int:
    """Read everything in one batch, which requests nothing twice, and return the number of requests."""
    pull_sessions(ids, tmp_path / "at once")
    return len(service.requests)


def truth(server: FakeTracesServer, batches: list[list[str]]) -> list[pa.Table]:
    """Return the content of the batches."""
    return [to_arrow(trace for session_id in batch for trace in server.traces(session_id)) for batch in batches]


def held(paths: list[str]) -> list[pa.Table]:
    return [parquet.read_table(path).replace_schema_metadata() for path in paths]


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def dask() -> Iterator[tuple[Any, Any]]:
    """Start two worker processes."""
    # imported late, since it changes how the whole process pickles errors
    import distributed  # noqa: PLC0415

    with (
        distributed.LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield cluster, client


def run_recipe(engine: str, into: Path, **names: Any) -> list[str]:
    """Run the README's block for an engine with this test's paths in it, and return the files that it wrote."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if "s3://bucket" in block and engine in block]
    scheduler = names.pop("scheduler", "")
    exec(code.replace("s3://bucket/traces", str(into)).replace("tcp://scheduler:8786", scheduler), names)  # noqa: S102
    paths: list[str] = names["paths"]
    return paths


def check_recipe(paths: list[str], ids: list[str], server: FakeTracesServer) -> None:
    rows = [row for path in paths for row in parquet.read_table(path, columns=["trace_id"]).to_pylist()]
    assert [row["trace_id"] for row in rows] == [trace.trace_id for i in ids for trace in server.traces(i)]


def test_the_recipe_for_dask(service: FakeTracesServer, ids: list[str], tmp_path: Path) -> None:
    """It runs as it is in the README, except for the paths."""
    with dask() as (cluster, _):
        paths = run_recipe("dask", tmp_path, ids=ids, scheduler=cluster.scheduler_address)
    check_recipe(paths, ids, service)


def test_a_killed_worker_of_dask_costs_no_more_than_its_batch(
    service: FakeTracesServer, batches: list[list[str]], least: int, tmp_path: Path
) -> None:
    """The result is right, less than 5 % of the requests are extra, and a second run sends none."""
    cloudpickle = pytest.importorskip("cloudpickle")  # installed with Dask
    into = tmp_path / "traces"
    service.latency = 0.1
    with dask() as (cluster, client):
        before = len(service.requests)
        futures = client.map(pull_sessions, batches, into=str(into), pure=False)
        wait_until(lambda: len(list(into.glob("*.parquet"))) >= len(batches) // 3)
        victim = next(iter(cluster.workers.values())).pid
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in [worker.pid for worker in cluster.workers.values()])
        client.dump_cluster_state(str(tmp_path / "state"), format="yaml")
        tasks = cloudpickle.dumps([task.run_spec for task in cluster.scheduler.tasks.values()])
        state = (tmp_path / "state.yaml").read_bytes()
        paths = client.gather(futures)
        requests = len(service.requests) - before
        assert batches[-1][-1].encode() in tasks
        assert b"pull_sessions" in state
        assert KEY.encode() not in tasks + state
        assert held(paths) == truth(service, batches)
        assert sorted(map(str, into.iterdir())) == sorted(paths)
        assert requests > 0
        assert requests - least < 0.05 * least
        print(f"{requests} requests, {least} at least")  # noqa: T201 - for the record, with -s
        service.latency = 0
        assert client.gather(client.map(pull_sessions, batches, into=str(into), pure=False)) == paths
        assert len(service.requests) - before == requests


def test_an_error_comes_back_from_a_worker_of_dask_as_itself(
    service: FakeTracesServer, batches: list[list[str]], tmp_path: Path
) -> None:
    """It has its class and its session."""
    with dask() as (_, client):
        service.fail_next(status=501)
        error = client.submit(pull_sessions, batches[0], into=str(tmp_path)).exception()
    assert type(error) is ServerError
    assert error.session_id in batches[0]


def killed_once(marker: Path, into: Path) -> Callable[[list[str]], str]:
    """Return the task, wrapped so that the first process that runs it is killed while it waits for answers."""

    def task(batch: list[str]) -> str:
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            threading.Timer(0.35, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return pull_sessions(batch, into)

    return task


def test_a_killed_worker_of_spark_costs_no_more_than_its_batch(
    service: FakeTracesServer, batches: list[list[str]], least: int, tmp_path: Path, spark: Any
) -> None:
    """A partition is a batch, even one without sessions. The recipe runs unchanged, except for the paths.

    All is in one test, since the workers of a second Spark session would have the environment of the first.
    """
    into, marker = tmp_path / "traces", tmp_path / "killed"
    ids = list(chain.from_iterable(batches))
    before = len(service.requests)

    service.latency = 0.15
    task = killed_once(marker, into)
    sessions = spark.sparkContext.parallelize(ids, len(batches))
    paths = sessions.mapPartitions(lambda part: [task(list(part))]).collect()
    assert marker.exists()
    service.latency = 0
    requests = len(service.requests) - before
    assert held(paths) == truth(service, batches)
    assert requests - least < 0.05 * least
    print(f"{requests} requests, {least} at least")  # noqa: T201 - for the record, with -s

    assert sessions.mapPartitions(lambda part: [pull_sessions(part, str(into))]).collect() == paths
    assert len(service.requests) - before == requests
    assert spark.read.parquet(str(into)).count() == sum(map(len, held(paths)))

    check_recipe(run_recipe("spark", tmp_path / "recipe", ids=ids, spark=spark), ids, service)

    few = spark.sparkContext.parallelize(ids[:2], 5).mapPartitions(
        lambda part: [pull_sessions(part, str(into / "few"))]
    )
    assert sorted(map(len, held(sorted(set(few.collect()))))) == [0, *sorted(len(service.traces(i)) for i in ids[:2])]


@pytest.fixture
def spark(
    service: FakeTracesServer,  # noqa: ARG001 - before this one sets the environment
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """Start Spark after the environment is set, since its workers inherit the environment of that moment."""
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    # Two workers, and four attempts at a task, as on a cluster.
    session = sql.SparkSession.builder.master("local[2,4]").config(map=settings).getOrCreate()
    yield session
    session.stop()


def test_the_recipe_for_ray(service: FakeTracesServer, ids: list[str], tmp_path: Path) -> None:
    """It runs as it is in the README, except for the paths."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        check_recipe(run_recipe("ray", tmp_path, ids=ids), ids, service)
    finally:
        ray.shutdown()


def test_a_killed_worker_of_ray_costs_no_more_than_its_batch(
    service: FakeTracesServer, batches: list[list[str]], least: int, tmp_path: Path
) -> None:
    """The killed worker costs no more than its batch, and a second run sends no request."""
    ray = pytest.importorskip("ray")
    into, marker = tmp_path / "traces", tmp_path / "killed"
    before = len(service.requests)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        service.latency = 0.15
        task = ray.remote(killed_once(marker, into))
        paths = ray.get([task.remote(batch) for batch in batches])
        assert marker.exists()
        service.latency = 0
        requests = len(service.requests) - before
        assert held(paths) == truth(service, batches)
        assert requests - least < 0.05 * least
        print(f"{requests} requests, {least} at least")  # noqa: T201 - for the record, with -s

        task = ray.remote(pull_sessions)
        assert ray.get([task.remote(batch, into=str(into)) for batch in batches]) == paths
        assert len(service.requests) - before == requests
    finally:
        ray.shutdown()
