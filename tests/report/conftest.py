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

# What tells of a mistake in the page, or of something that the policy has kept from being done.
COMPLAINTS: Final = (
    "Log.entryAdded",
    "Runtime.exceptionThrown",
    "Runtime.consoleAPICalled",
    "Page.javascriptDialogOpening",
)


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """The browser takes its time, which no clock may jump over."""
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
    """An ordinary window, and after the test a look at what the browser had to complain of and what it asked for."""
    await running.size(1200, 900)
    await running.media(scheme="light")
    yield running
    assert running.told(*COMPLAINTS) == []
    requests = [event["request"]["url"] for event in running.told("Network.requestWillBeSent")]
    assert [url.partition("#")[0] for url in requests] == [await running.run("location.href.split('#')[0]")]


@pytest.fixture
def show(tab: Tab, tmp_path: Path) -> Show:
    """Write a report and open it."""

    async def show(*sessions: SessionTraces) -> None:
        page = tmp_path / "report.html"
        write_report(page, sessions, dashboard_url=DASHBOARD)
        await tab.open(page)

    return show
