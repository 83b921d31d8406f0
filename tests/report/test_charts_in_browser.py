"""The charts of a report in a real browser."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.browser import Tab
from lyzr_traces_async import Trace
from lyzr_traces_async.report import write_report
from tests.report.browsing import NAMES, Show, column, text, trace
from tests.report.samples import BEGIN, DASHBOARD, session

pytestmark = pytest.mark.browser


async def test_every_part_of_a_session_is_drawn(tab: Tab, show: Show) -> None:
    """Each name has a lane, a row of latencies and a row of costs. The table has the traces with their links."""
    await show(session(*map(trace, reversed(range(45)))))
    assert await text(tab, "#totals") == "1 session \u00b7 45 traces \u00b7 $0.090000"
    assert await tab.run("[...document.querySelectorAll('.lane')].map(lane => lane.textContent)") == list(NAMES)
    assert await tab.run("document.querySelectorAll('.bars').length") == 6  # three lanes, three costs
    assert await tab.run("document.querySelectorAll('#latency .dots').length") == 3
    assert await tab.run("document.querySelectorAll('#latency .mark').length") == 6
    assert len(await column(tab, 1)) == 45
    assert (await tab.run("document.querySelector('#table a').href")).startswith(f"{DASHBOARD}/project/p/")
    assert "the first" in await text(tab, "#detail")


async def test_the_bars_have_the_times_of_the_traces(tab: Tab, show: Show) -> None:
    """The reader sees the pause that a caller heard."""
    one = trace(0, name="a", timestamp=BEGIN, latency_seconds=2.0)
    two = trace(1, name="a", timestamp=BEGIN + timedelta(seconds=8), latency_seconds=2.0)
    await show(session(two, one))
    bars = await tab.run("document.querySelector('#timeline .bars').getAttribute('d')")
    first, second = ([float(x) for x in bar.replace("H", " ").split()[::2]] for bar in _edges(bars))
    length = first[1] - first[0]
    assert second[0] - first[0] == pytest.approx(4 * length, abs=0.1)
    assert second[1] - second[0] == pytest.approx(length, abs=0.1)
    assert await text(tab, "#timeline text") == "pause 6.0 s"


def _edges(path: str) -> list[str]:
    """Return ``left y right`` of each bar of a path."""
    return [bar.partition("v")[0].replace("H", " ") for bar in path.split("M")[1:]]


async def test_many_latencies_are_drawn_as_a_histogram(tab: Tab, show: Show) -> None:
    """Hundreds of dots would overlap."""
    often = [trace(n, name="a", latency_seconds=1.0) for n in range(200)]
    await show(session(*often, *(trace(n, name="a", latency_seconds=5.0) for n in range(200, 300))))
    assert await tab.run("document.querySelectorAll('#latency .dots').length") == 0
    drawn = await tab.run("document.querySelector('#latency .bars').getAttribute('d')")
    tops = [float(place.split()[1].partition("h")[0]) for place in drawn.split("M")[1:]]
    assert tops == [2.0, 8.0]


@pytest.mark.parametrize(
    "traces",
    [
        [trace(0, name=None, latency_seconds=None, total_cost_usd=None, html_path=None)] * 3,
        [trace(0)],
        [trace(0, latency_seconds=1e300, total_cost_usd=1e300)],
        [trace(0, latency_seconds=sys.float_info.max, total_cost_usd=sys.float_info.max)],
        [trace(0, latency_seconds=-1.0, total_cost_usd=-1.0)],
        [trace(n, timestamp=BEGIN, latency_seconds=0.0) for n in range(5)],
        [trace(0), trace(1, timestamp=BEGIN + timedelta(days=20_000))],
        [trace(n, name=f"name {n}") for n in range(200)],
    ],
    ids=["nulls", "one", "huge", "largest", "negative", "one moment", "decades", "many names"],
)
async def test_unusual_sessions_are_drawn(tab: Tab, show: Show, traces: list[Trace]) -> None:
    """Every trace is in the table, the page fits the window, and no place is missing or infinite."""
    await show(session(*traces))
    assert len(await column(tab, 1)) == min(len(traces), 100)
    shapes = await tab.run("document.getElementById('session').outerHTML")
    assert "NaN" not in shapes
    assert "Infinity" not in shapes
    assert await tab.run("document.querySelectorAll('.lane').length") <= 12
    assert await tab.run("document.documentElement.scrollWidth") <= 1200


async def test_a_reader_who_prefers_dark_gets_a_dark_page(tab: Tab, show: Show) -> None:
    """The colours follow the browser's setting."""
    await show(session(trace(0)))
    colours = []
    for scheme in ("light", "dark"):
        await tab.media(scheme=scheme)
        colours.append(await tab.run("['backgroundColor', 'color'].map(name => getComputedStyle(document.body)[name])"))
    assert colours == [["rgb(246, 247, 249)", "rgb(27, 36, 48)"], ["rgb(18, 22, 28)", "rgb(230, 234, 240)"]]


async def drawing(tab: Tab, page: Path) -> float:
    """Return the best of three times from opening a page until it is drawn, in seconds."""
    times = []
    for _ in range(3):
        await tab.open(page)
        await tab.run("new Promise(done => setTimeout(done, 50))")
        (measure,) = await tab.run("performance.getEntriesByName('drawn').map(entry => entry.duration)")
        times.append(float(measure) / 1000)
    return min(times)


@pytest.mark.parametrize(("count", "limit"), [(5000, 1.0), (20_000, 2.0)])
async def test_thousands_of_traces_are_drawn_soon(tab: Tab, tmp_path: Path, count: int, limit: float) -> None:
    """5,000 traces take at most one second and 20,000 at most two, including layout and painting."""
    page = tmp_path / "report.html"
    write_report(page, [session(*map(trace, reversed(range(count))))], dashboard_url=DASHBOARD)
    assert await drawing(tab, page) < limit
