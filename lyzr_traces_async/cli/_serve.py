"""``lyzr-traces demo --serve``: a made-up API to try every command against, and the sessions of the demo."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from lyzr_traces_async.testing import FakeTracesServer, Quota

from ._numbers import counted
from ._output import abandon_stdout, write_utf8

__all__ = ["DOCUMENTED", "EMPTY", "LARGE", "LATENCY", "UNKNOWN", "serve"]

# The session id in the API's own documentation. It has 45 traces, which are 5 pages of 10.
DOCUMENTED: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
LARGE: Final = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
EMPTY: Final = "c2f7d3a8-61b0-4e95-8a14-7be30f5d9c26"
UNKNOWN: Final = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"

# In seconds: a short wait before each answer, as over a network, so that rows visibly arrive one page after another.
LATENCY: Final = 0.03

# Ten times the quota of the real API, so that a user who tries a few commands need not wait for the next window.
_QUOTA: Final = Quota(requests=1000, seconds=60)
_MORE_SESSIONS: Final = 8


async def serve(host: str, port: int) -> None:
    """Print how to reach the server, and serve made-up sessions until cancelled.

    :raises OSError: if the server cannot listen at this address.
    """
    async with FakeTracesServer(quota=_QUOTA, host=host, port=port) as server:
        server.latency = LATENCY
        trace_id = _fill(server)
        write_utf8(_instructions(server, trace_id))
        if not sys.stdout.isatty():
            abandon_stdout()  # the reader, such as a shell's `$(...)`, waits for the end of the output
        await asyncio.Event().wait()


def _fill(server: FakeTracesServer) -> str:
    """Make up the sessions, and return the id of the slowest trace of the documented session."""
    documented = server.add_session(DOCUMENTED, traces=45, observations=True)
    server.add_session(LARGE, traces=1234, observations=True)
    server.add_session(EMPTY)
    for number in range(_MORE_SESSIONS):
        server.add_session(uuid5(NAMESPACE_URL, f"session/{number}"), traces=12 + 9 * number, observations=True)
    return max(documented, key=lambda trace: trace.latency_seconds or 0.0).trace_id


def _instructions(server: FakeTracesServer, trace_id: str) -> str:
    """Return lines for a shell: two ``export`` lines, and comments with commands to try."""
    commands = (
        "sessions",
        f"list {DOCUMENTED}",
        f"list {DOCUMENTED} --sort latency --top 5",
        f"summary {DOCUMENTED}",
        f"show {DOCUMENTED} {trace_id}",
        f"show {DOCUMENTED} {trace_id} --full",
        "sessions --format ids | lyzr-traces summary -",
        "sessions --format ids | lyzr-traces report - -o report.html",
        f"sync traces.duckdb {DOCUMENTED}",
    )
    sessions = counted(len(server.transcripts()), "session")
    return "\n".join(
        (
            f"export LYZR_API_KEY={shlex.quote(server.api_key)}",
            f"export LYZR_TRACES_BASE_URL={shlex.quote(server.base_url)}",
            f"# A made-up API with {sessions} listens at this URL until Ctrl-C, or until: kill {os.getpid()}",
            "# Paste the two export lines into another terminal, then try:",
            *(f"#   lyzr-traces {command}" for command in commands),
            "",
        )
    )
