"""The command line as a process of its own, with pipes or on a terminal."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lyzr_traces_async.testing import FakeTracesServer

# In seconds: far longer than a test that succeeds.
PATIENCE = 30.0
COMMAND = [sys.executable, "-W", "default::ResourceWarning", "-m", "lyzr_traces_async"]


def environment(server: FakeTracesServer, **more: str) -> dict[str, str]:
    """Return the environment of a process that asks the fake server."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "HOME")}
    own = {"LYZR_API_KEY": server.api_key, "LYZR_TRACES_BASE_URL": server.base_url, "TERM": "xterm-256color"}
    return {**kept, **own, **more}


@contextmanager
def started(
    server: FakeTracesServer,
    *arguments: str,
    stdin: int | None = None,
    **env: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command line. Python warns of everything that is not closed."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(server, **env),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[bytes], count: int) -> list[str]:
    """Read the next lines of the process's standard output, as soon as they come."""
    assert process.stdout is not None
    return [process.stdout.readline().decode() for _ in range(count)]


def wait_for(server: FakeTracesServer, process: subprocess.Popen[bytes], requests: int) -> None:
    """Wait until the process has sent so many requests."""
    deadline = time.monotonic() + PATIENCE
    while len(server.requests) < requests:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(process: subprocess.Popen[bytes], patience: float = PATIENCE) -> tuple[int, str, str]:
    """Return the exit status and the rest of both outputs."""
    out, err = process.communicate(timeout=patience)
    return process.returncode, out.decode(), err.decode()


@contextmanager
def on_a_terminal(columns: int, *arguments: str, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the command line on a terminal of its own. Yield the process and the descriptor to read the screen from."""
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=env,
        stdin=inside,
        stdout=inside,
        stderr=inside,
    ) as process:
        os.close(inside)
        try:
            yield process, outside
        finally:
            process.kill()
    os.close(outside)


def screen_of(descriptor: int) -> bytes:
    """Read the next output on a terminal; nothing at the end."""
    # Reading from a terminal that its last user has left is an error on Linux.
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
