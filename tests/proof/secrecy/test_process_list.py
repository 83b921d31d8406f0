"""The list of processes does not show the key."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lyzr_traces_async.testing import FakeTracesServer
from tests.proof.secrecy.listeners import SESSION


def _ps(pid: int) -> str:
    command = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _proc(pid: int) -> str:
    return " ".join(Path(f"/proc/{pid}/{name}").read_bytes().decode() for name in ("cmdline", "comm", "wchan"))


LISTINGS: dict[str, Callable[[int], str]] = {
    **({"/proc": _proc} if sys.platform == "linux" else {}),
    **({"ps": _ps} if sys.platform != "win32" and shutil.which("ps") else {}),
}


if LISTINGS:

    @pytest.mark.parametrize("listing", LISTINGS)
    def test_the_list_of_processes_does_not_show_the_key(
        traces_server: FakeTracesServer, listing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The test reads the list while the command line waits for an answer."""
        traces_server.add_session(SESSION, traces=1)
        traces_server.fail_next(stall=60)
        monkeypatch.setenv("LYZR_API_KEY", traces_server.api_key)
        monkeypatch.setenv("LYZR_TRACES_BASE_URL", traces_server.base_url)
        command = [sys.executable, "-m", "lyzr_traces_async", "list", SESSION]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while not traces_server.requests:
                    assert process.poll() is None
                    time.sleep(0.01)
                shown = LISTINGS[listing](process.pid)
            finally:
                process.kill()
        assert SESSION in shown
        assert traces_server.api_key not in shown
