"""A browser for the tests of the page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from benchmarks.browser import MISSING, Tab, browser, chromium
from lyzr_traces_async import SessionTraces
from lyzr_traces_async.report import write_report
from tests.report.browsing import Show
from tests.report.samples import DASHBOARD

# Events about an error in the page, or about an action that the security policy has blocked.
COMPLAINTS: Final = (
    "Log.entryAdded",
    "Runtime.exceptionThrown",
    "Runtime.consoleAPICalled",
    "Page.javascriptDialogOpening",
)


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """Use a loop on the real clock: a clock that jumps would not wait for the browser."""
    return "asyncio"


@pytest.fixture(scope="package")
async def running(anyio_backend: str) -> AsyncIterator[Tab]:  # noqa: ARG001 - in its loop
    """Start one browser for all tests."""
    if chromium() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    async with browser() as tab:
        yield tab


@pytest.fixture
async def tab(running: Tab) -> AsyncIterator[Tab]:
    """Open a window of the usual size. After the test, check for complaints of the browser and for requests."""
    await running.size(1200, 900)
    await running.media(scheme="light")
    yield running
    assert running.told(*COMPLAINTS) == []
    requests = [event["request"]["url"] for event in running.told("Network.requestWillBeSent")]
    assert [url.partition("#")[0] for url in requests] == [await running.run("location.href.split('#')[0]")]


@pytest.fixture
def show(tab: Tab, tmp_path: Path) -> Show:
    """Return a function that writes a report and opens it."""

    async def show(*sessions: SessionTraces) -> None:
        """Return a function that writes a report and opens it."""
        page = tmp_path / "report.html"
        write_report(page, sessions, dashboard_url=DASHBOARD)
        await tab.open(page)

    return show
