"""``lyzr-traces demo --serve``: a made-up API to try every command with."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from lyzr_traces_async.testing import FakeTracesServer, Quota

from ._made_up import DOCUMENTED, EMPTY, LARGE, LATENCY
from ._numbers import counted
from ._output import abandon_stdout, write_utf8

__all__ = ["serve"]

# Ten times that of the real API, so that nobody who tries a few commands has to wait for the next minute.
_QUOTA: Final = Quota(requests=1000, seconds=60)
_MORE_SESSIONS: Final = 8


async def serve(host: str, port: int) -> None:
    """Serve made-up sessions, and print how to reach them, until cancelled.

    :raises OSError: if it cannot listen there.
    """
    async with FakeTracesServer(quota=_QUOTA, host=host, port=port) as server:
        server.latency = LATENCY
        trace_id = _fill(server)
        write_utf8(_instructions(server, trace_id))
        if not sys.stdout.isatty():
            abandon_stdout()  # whoever reads it, such as a shell's `$(...)`, waits for its end
        await asyncio.Event().wait()


def _fill(server: FakeTracesServer) -> str:
    """Make sessions up; return the id of a trace that is worth looking at: the slowest of the documented session."""
    documented = server.add_session(DOCUMENTED, traces=45, observations=True)
    server.add_session(LARGE, traces=1234, observations=True)
    server.add_session(EMPTY)
    for number in range(_MORE_SESSIONS):
        server.add_session(uuid5(NAMESPACE_URL, f"session/{number}"), traces=12 + 9 * number, observations=True)
    return max(documented, key=lambda trace: trace.latency_seconds or 0.0).trace_id


def _instructions(server: FakeTracesServer, trace_id: str) -> str:
    """Return lines for a shell: two that set the environment, and comments."""
    commands = (
        "sessions",
        f"list {DOCUMENTED}",
        f"list {DOCUMENTED} --sort latency --top 5",
        f"summary {DOCUMENTED}",
        f"show {DOCUMENTED} {trace_id}",
        f"show {DOCUMENTED} {trace_id} --full",
        "sessions --format ids | lyzr-traces summary -",
        "sessions --format ids | lyzr-traces report - -o report.html",
    )
    sessions = counted(len(server.transcripts()), "session")
    return "\n".join(
        (
            f"export LYZR_API_KEY={shlex.quote(server.api_key)}",
            f"export LYZR_TRACES_BASE_URL={shlex.quote(server.base_url)}",
            f"# A made-up API with {sessions} listens there until Ctrl-C, or: kill {os.getpid()}",
            "# With these two lines in another terminal, try:",
            *(f"#   lyzr-traces {command}" for command in commands),
            "",
        )
    )
