"""Short versions of the soaks: hundreds of sessions from a server that keeps failing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.soak


def _soak(*arguments: str, module: str = "soak") -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", f"tests.proof.{module}", "--json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    figures: dict[str, Any] = json.loads(ran.stdout)
    return figures


def test_every_trace_comes_once_from_a_server_that_keeps_failing() -> None:
    """One request in twenty fails, in eight ways. Memory and file descriptors stay as they were at the start."""
    figures = _soak("--pages=1000", "--sessions=100")
    assert figures["problems"] == []
    assert figures["sessions"] == 100
    assert 4000 < figures["traces"] <= 5000
    faults = {kind: count for kind, count in figures["server"].items() if kind != "requests"}
    assert len(faults) == 8
    assert figures["server"]["requests"] >= 1000 + sum(faults.values()) - faults["stalled"]


def test_the_soak_can_be_stopped_before_its_end() -> None:
    """Sessions that were handed over are complete, and the rest is cancelled."""
    figures = _soak("--pages=6000", "--sessions=3000", "--seconds=1")
    assert figures["problems"] == []
    assert 0 < figures["sessions"] < 3000


def test_every_trace_is_in_the_store_once_after_a_sync_from_a_server_that_keeps_failing() -> None:
    """Memory and file descriptors stay as they were. A second sync requests only sessions that are not final."""
    figures = _soak("--sessions=300", "--traces=200", module="soak_sync")
    assert figures["problems"] == []
    assert 20_000 < figures["traces"] < 40_000
    first, second = figures["syncs"]
    assert (first["done"], first["due"]) == (300, 300)
    assert 0 < second["missing"] < second["done"] == second["due"] < 30
    assert second["requests"] < 2 * second["due"] + second["retries"]
    assert figures["server"]["requests"] > 300
