"""A short version of the soak: sessions by the hundred from a server that keeps failing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SOAK = Path(__file__).with_name("soak.py")


def _soak(*arguments: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, str(SOAK), "--json", *arguments],
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
    """One request in twenty fails, in eight ways; memory and file descriptors stay where they were at the start."""
    figures = _soak("--pages=1000", "--sessions=100")
    assert figures["problems"] == []
    assert figures["sessions"] == 100
    assert 4000 < figures["traces"] <= 5000
    faults = {kind: count for kind, count in figures["server"].items() if kind != "requests"}
    assert len(faults) == 8
    assert figures["server"]["requests"] >= 1000 + sum(faults.values()) - faults["stalled"]


def test_it_can_be_stopped_before_its_end() -> None:
    """What was handed over until then is whole, and what is left is cancelled."""
    figures = _soak("--pages=6000", "--sessions=3000", "--seconds=1")
    assert figures["problems"] == []
    assert 0 < figures["sessions"] < 3000
