"""The README's pictures of the terminal and of a report: ``python -m benchmarks.pictures``. It needs Chromium.

The fake server makes up the sessions, which are the same every time. The client reads them as from the service.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from lyzr_traces_async import SessionTraces, TracesClient
from lyzr_traces_async.report import write_report
from lyzr_traces_async.testing import FakeTracesServer

from .browser import browser
from .terminal import terminal

HERE = Path(__file__).parent
WIDTH = 1200
HEIGHT = 1420
# The first session is that of the demo. Both pictures show it.
SESSIONS = {"3fa85f64-5717-4562-b3fc-2c963f66afa6": 45, "9b2e8c14-7d3a-4f60-8e51-0c6a7d9f2b38": 1234}


async def read() -> list[SessionTraces]:
    """Return the sessions, read from a server that makes them up."""
    async with FakeTracesServer(quota=None) as server:
        for session_id, traces in SESSIONS.items():
            server.add_session(session_id, traces=traces)
        async with (
            TracesClient(server.api_key, base_url=server.base_url) as client,
            client.stream_sessions(SESSIONS) as stream,
        ):
            return [session async for session in stream]


async def take(page: Path) -> bytes:
    """Return a picture of the page's upper part, with the first session chosen."""
    async with browser() as tab:
        await tab.size(WIDTH, HEIGHT)
        await tab.media(scheme="light")
        await tab.open(page)
        await tab.run(
            "const select = document.getElementById('session-select');"
            f"const shown = [...select.options].find(option => option.text.startsWith('{next(iter(SESSIONS))}'));"
            "select.value = shown.value;"
            "select.dispatchEvent(new Event('change'))"
        )
        await tab.frame()
        return await tab.picture()


async def main() -> None:
    """Write ``summary.svg`` and ``report.png`` beside this file."""
    sessions = await read()
    shown = next(session for session in sessions if session.session_id == next(iter(SESSIONS)))
    _write("summary.svg", terminal(shown).encode())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write_report(page, sessions, dashboard_url="https://dashboard.example")
        _write("report.png", await take(page))


def _write(name: str, picture: bytes) -> None:
    target = HERE / name
    target.write_bytes(picture)
    sys.stdout.write(f"{target}: {len(picture):,} bytes\n")


if __name__ == "__main__":
    asyncio.run(main())
