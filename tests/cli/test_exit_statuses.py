"""The exit statuses of the command line, all in one place."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from lyzr_traces_async import RetryPolicy, TracesClient
from lyzr_traces_async.cli import main
from lyzr_traces_async.testing import FakeTracesServer

ONE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


class _Broken(io.StringIO):
    """A standard output whose reader has gone, with a descriptor of its own."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def write(self, _: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def fileno(self) -> int:
        return self._descriptor


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["list", ONE], 0),
        (["list", UNKNOWN], 1),
        (["list", ONE, UNKNOWN], 1),
        (["summary", ONE, UNKNOWN], 1),
        (["report", ONE, UNKNOWN], 1),
        (["sync", "traces.duckdb", ONE, UNKNOWN], 0),
        (["sync", "traces.duckdb", ONE, "not-a-uuid"], 2),
        (["list", "not-a-uuid"], 2),
        (["no-such-command"], 2),
    ],
    ids=str,
)
def test_a_command_ends_with_the_status_of_its_outcome(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], status: int
) -> None:
    """One session of many that failed counts. For `sync`, a 404 does not."""
    monkeypatch.chdir(tmp_path)
    server.add_session(ONE, traces=3)
    assert main(arguments) == status


def test_an_error_of_the_network_is_status_1(
    server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The connection is reset at the only attempt."""
    impatient = partial(TracesClient, retry=RetryPolicy(attempts=1))
    monkeypatch.setattr("lyzr_traces_async.cli._environment.TracesClient", impatient)
    server.fail_next(reset=True)
    assert main(["list", ONE]) == 1
    assert "no complete answer" in capsys.readouterr().err


def test_ctrl_c_and_a_broken_pipe_have_the_statuses_of_their_signals(
    server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are 128 and the number of the signal: SIGINT and SIGPIPE."""
    server.add_session(ONE, traces=3)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lyzr_traces_async.cli._list.open_client", interrupt)
        assert main(["list", ONE]) == 130
    with (tmp_path / "out").open("w") as file, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", _Broken(file.fileno()))
        assert main(["list", ONE]) == 141
