"""`demo --serve`: a local API with made-up sessions, for trying the commands."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lyzr_traces_async import APIConnectionError, RetryPolicy, TracesClient
from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._serve import serve
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.processes import COMMAND, PATIENCE

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")
posix = pytest.mark.skipif(os.name != "posix", reason="signals and shells as POSIX has them")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "8080"], "--host and --port need --serve"),
        (["--host", "127.0.0.1"], "--host and --port need --serve"),
        (["--serve", "--port", "65536"], "port"),
        (["--serve", "--host", "http://localhost"], "host must be a name or an IP address"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(capsys: Captured, arguments: list[str], complaint: str) -> None:
    """The command ends with status 2 before it listens."""
    assert main(["demo", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err.splitlines()[0]


def test_a_port_in_use_is_an_error_of_one_line(traces_server: FakeTracesServer, capsys: Captured) -> None:
    """The command ends with status 1."""
    port = re.findall("[0-9]+", traces_server.base_url)[-2]
    assert main(["demo", "--serve", "--port", port]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(f"lyzr-traces: [^\n]*{port}[^\n]*\n", err)


@pytest.mark.parametrize("terminal", [True, False])
async def test_the_made_up_sessions_are_served_until_the_command_is_cancelled(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    """The sessions have several sizes, one is empty, and each is in the list of ended sessions."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    serving = asyncio.create_task(serve("127.0.0.1", 0))
    script = ""
    while not script:
        await asyncio.sleep(0.01)
        assert not serving.done()
        script = capsys.readouterr().out
    base_url = re.findall("LYZR_TRACES_BASE_URL=(.+)", script)[0]
    async with TracesClient("test-key", base_url=base_url) as client:
        ids = [session.session_id async for session in client.iter_sessions()]
        async with client.stream_sessions(ids) as stream:
            sizes = {session.session_id: len(session) async for session in stream}
        trace_id = re.findall(f"show {SESSION} ([0-9a-f]+) --full", script)[0]
        assert (await client.get_trace(SESSION, trace_id)).observations
        assert sizes[SESSION] == 45
        assert 0 in sizes.values()
        assert 1234 in sizes.values()
        assert f"A made-up API with {len(sizes)} sessions listens at this URL" in script
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(APIConnectionError):
            await client.with_options(retry=RetryPolicy(attempts=1)).list_session_traces(SESSION)


@posix
def test_the_api_is_served_until_ctrl_c(capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It prints two lines for the shell and commands to copy. Each command works, and the port is closed at the end."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background may ignore SIGINT
    with subprocess.Popen([*COMMAND, "demo", "--serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        signal.signal(signal.SIGINT, before)
        try:
            assert process.stdout is not None
            script = process.stdout.read().decode()  # standard output ends, and the process goes on
            assert process.poll() is None
            exports = dict(re.findall("^export ([A-Z_]+)=(.+)$", script, re.MULTILINE))
            assert set(exports) == {"LYZR_API_KEY", "LYZR_TRACES_BASE_URL"}
            for name, value in exports.items():
                monkeypatch.setenv(name, *shlex.split(value))
            assert f"kill {process.pid}\n" in script
            commands = re.findall("^#   lyzr-traces ([^|\n]+)", script, re.MULTILINE)
            assert {command.split()[0] for command in commands} == {"sessions", "list", "summary", "show", "sync"}
            assert "| lyzr-traces report -" in script
            monkeypatch.chdir(tmp_path)
            for command in commands:
                assert main(shlex.split(command)) == 0
                out, err = capsys.readouterr()
                assert (out != "", err) == (True, "")
            assert all(line.startswith(("export ", "# ")) for line in script.splitlines())
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
            assert process.stderr is not None
            assert process.stderr.read() == b""
        finally:
            process.kill()
    port = int(re.findall(":([0-9]+)/", exports["LYZR_TRACES_BASE_URL"])[0])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@posix
def test_a_shell_can_take_the_lines_while_the_api_is_served() -> None:
    """The command closes its standard output if that is a pipe, so `eval` goes on."""
    script = f'eval "$({shlex.join(COMMAND)} demo --serve & echo SERVER=$!)"; echo $LYZR_API_KEY; kill $SERVER'
    done = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == (b"test-key\n", b"")
