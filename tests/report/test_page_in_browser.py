"""A report in a real browser: how a reader uses it, and that hostile data have no effect."""

from __future__ import annotations

import pytest

from benchmarks.browser import Tab
from lyzr_traces_async import NotFoundError, SessionTraces
from tests.report.browsing import OTHER, Show, choose, column, search, text, trace
from tests.report.samples import DASHBOARD, SESSION, session

pytestmark = pytest.mark.browser


async def test_the_figures_are_those_of_the_session(tab: Tab, show: Show) -> None:
    """Quantiles are existing latencies, sums are exact, and missing values are counted."""
    fields = [(0.1, 0.1), (0.2, 0.2), (0.3, None), (None, 0.7)]
    await show(session(*(trace(n, latency_seconds=s, total_cost_usd=c) for n, (s, c) in enumerate(fields))))
    figures = await tab.run("[...document.querySelectorAll('#figures li')].map(item => item.innerText)")
    assert [figure.split("\n") for figure in figures] == [
        ["4", "traces"],
        ["1.2 s", "from first start to last end"],
        ["$1.000000", "cost, 1 without a cost"],
        ["0.200 s", "p50 latency, 1 without a latency"],
        ["0.300 s", "p95 latency"],
        ["0.300 s", "slowest trace"],
    ]
    assert await column(tab, 4) == ["0.300 s", "0.200 s", "0.100 s", "\u2013"]
    assert await column(tab, 5) == ["\u2013", "$0.200000", "$0.100000", "$0.700000"]


async def test_sums_lose_nothing(tab: Tab, show: Show) -> None:
    """As with `math.fsum`, a small cost between two large ones is kept."""
    await show(session(*(trace(n, total_cost_usd=cost) for n, cost in enumerate([1e15, 0.3, -1e15]))))
    assert await text(tab, "#totals") == "1 session \u00b7 3 traces \u00b7 $0.300000"


async def test_a_click_on_a_column_sorts_by_it(tab: Tab, show: Show) -> None:
    """A second click reverses the order. Unknown values are last both times."""
    costs = [0.3, None, 0.1, 0.2]
    await show(session(*(trace(n, total_cost_usd=cost) for n, cost in enumerate(costs))))
    head = "document.querySelector('#table th:nth-child(5)')"
    for order, expected in (
        ("descending", ["$0.300000", "$0.200000", "$0.100000", "\u2013"]),
        ("ascending", ["$0.100000", "$0.200000", "$0.300000", "\u2013"]),
    ):
        await tab.run(f"{head}.querySelector('button').click()")
        assert await column(tab, 5) == expected
        assert await tab.run(f"{head}.getAttribute('aria-sort')") == order
    assert await tab.run("document.querySelectorAll('#table th[aria-sort=none]').length") == 6


@pytest.mark.parametrize("number", range(1, 8))
async def test_each_column_can_be_sorted_with_the_keyboard(tab: Tab, show: Show, number: int) -> None:
    """Enter presses the button in the header, which keeps the focus."""
    await show(session(*map(trace, (2, 0, 1))))
    button = f"document.querySelector('#table th:nth-child({number}) button')"
    await tab.run(f"{button}.focus()")
    orders = []
    for _ in range(2):
        await tab.key("Enter", 13, "\r")
        assert await tab.run(f"document.activeElement === {button}")
        orders.append(await column(tab, number))
    assert sorted(orders[0]) == sorted(orders[1])
    assert number == 7 or orders[0] == orders[1][::-1] != orders[1]  # all links have the same text


async def test_a_search_looks_in_names_and_ids(tab: Tab, show: Show) -> None:
    """Case does not matter. The number of matches is also announced to screen readers."""
    await show(session(*map(trace, range(9)), trace(9, trace_id="needle", name=None)))
    await search(tab, "SPEECH-to")
    assert set(await column(tab, 3)) == {"speech-to-text"}
    assert await text(tab, "#count") == "3 of 10 traces"
    assert await tab.run("document.getElementById('count').getAttribute('role')") == "status"
    await search(tab, "needle")
    assert await column(tab, 3) == ["\u2013"]
    await search(tab, "nothing like it")
    assert await column(tab, 1) == []
    assert await text(tab, "#count") == "0 of 10 traces"


async def test_a_long_table_has_pages(tab: Tab, show: Show) -> None:
    """A page has 100 rows, so 20,000 traces are drawn as fast as 100."""
    await show(session(*map(trace, range(250))))
    assert len(await column(tab, 1)) == 100
    assert await text(tab, "#page-number") == "1\u2013100 of 250"
    for _ in range(2):
        await tab.run("document.getElementById('next-page').click()")
    assert len(await column(tab, 1)) == 50
    assert await tab.run("document.getElementById('next-page').disabled")
    await tab.run("document.getElementById('previous-page').click()")
    assert await text(tab, "#page-number") == "101\u2013200 of 250"


async def test_the_page_begins_with_the_session_of_the_slowest_trace(tab: Tab, show: Show) -> None:
    """The other sessions can be chosen, and failed ones are listed with their errors."""
    lost = SessionTraces("lost", NotFoundError("Trace session not found", status=404))
    await show(session(trace(0)), lost, session(trace(1, latency_seconds=9.0), trace(2), session_id=OTHER))
    assert await text(tab, "#session-title") == f"Session {OTHER}"
    assert await text(tab, "#failures-title") == "1 session could not be read"
    assert "HTTP 404: Trace session not found" in await text(tab, "#failures-list")
    await choose(tab, SESSION)
    assert await text(tab, "#session-title") == f"Session {SESSION}"
    assert len(await column(tab, 1)) == 1


async def test_a_session_without_traces_can_be_chosen_and_left_again(tab: Tab, show: Show) -> None:
    """It has no charts, on paper either. The next session has them again."""
    await show(session(trace(0)), session(session_id=OTHER))
    await choose(tab, OTHER)
    await tab.frame()
    assert await text(tab, "#session-notes") == "This session has no traces."
    await tab.run("['beforeprint', 'afterprint'].forEach(name => dispatchEvent(new Event(name)))")
    await choose(tab, SESSION)
    await tab.frame()
    assert await column(tab, 1) == [trace(0).trace_id]
    assert await tab.run("document.querySelector('#timeline svg').clientWidth") > 1000


async def test_many_sessions_can_be_searched(tab: Tab, show: Show) -> None:
    """A part of the id is enough. The current session stays until another one is chosen."""
    await show(*(session(trace(n), session_id=f"session-{n}") for n in range(12)))
    assert await tab.run("document.getElementById('session-select').options.length") == 12
    await search(tab, "session-1", "session-filter")
    assert await text(tab, "#session-count") == "3 of 12 sessions"
    assert await text(tab, "#session-title") == "Session session-6"
    await choose(tab, "session-11")
    assert await text(tab, "#session-title") == "Session session-11"
    await search(tab, "no such", "session-filter")
    assert await text(tab, "#session-select") == "No session matches"


async def test_the_time_line_can_be_walked(tab: Tab, show: Show) -> None:
    """Buttons and the pointer select a trace, and its details are shown as text."""
    await show(session(*map(trace, reversed(range(9)))))
    assert await text(tab, "#detail .id") == trace(6).trace_id  # the slowest
    for button, expected in (("next", 7), ("previous", 6), ("previous", 5)):
        await tab.run(f"document.getElementById('{button}-trace').click()")
        assert await text(tab, "#detail .id") == trace(expected).trace_id
    await tab.run("document.getElementById('slowest-trace').click()")
    assert await text(tab, "#detail .id") == trace(6).trace_id
    x, y = await tab.run(
        "(box => [box.left + 10, box.top + 45])(document.querySelector('#timeline svg').getBoundingClientRect())"
    )
    await tab.do("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert await text(tab, "#detail .id") == trace(0).trace_id


async def test_a_page_without_sessions_or_traces_says_so(tab: Tab, show: Show) -> None:
    """There are no empty charts."""
    await show()
    assert await text(tab, "#totals") == "There are no sessions in this report."
    assert await tab.run("document.getElementById('session').hidden")
    await show(session())
    assert await text(tab, "#session-notes") == "This session has no traces."
    assert await tab.run("[...document.querySelectorAll('.card')].every(card => card.hidden)")


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<style>*{display:none}</style>",
    "__proto__",
    "constructor",
    "toString",
    "\u202egnp.exe",
    "\x1b[31m\x00",
    "",
    None,
    "x" * 10_000,
    "\U0001f600" * 500,
)
PATHS = (
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example",
    "/\\evil.example",
    "http://evil.example",
    "https://a@evil.example/",
    "/fine",
)
NUMBERS = (1e300, -3.0, None, 5e-324, 0.0, 1.7e308, 2.0)


async def test_hostile_data_do_nothing(tab: Tab, show: Show) -> None:
    """Markup is shown as text, only safe addresses are links, and no shape has an invalid number."""
    traces = [
        trace(
            n,
            trace_id=f"<b>{n}</b>&\u202e",
            name=HOSTILE[n % len(HOSTILE)],
            latency_seconds=NUMBERS[n % len(NUMBERS)],
            total_cost_usd=NUMBERS[n % len(NUMBERS)],
            html_path=PATHS[n % len(PATHS)],
        )
        for n in range(60)
    ]
    await show(
        session(*traces), SessionTraces("<b>lost</b>", NotFoundError("<img src=x onerror=alert(2)>", status=404))
    )
    assert await tab.run("document.querySelectorAll('#table b, dl img, img, main style').length") == 0
    assert await tab.run("document.scripts.length") == 2
    assert set(await tab.run("[...document.querySelectorAll('#table a')].map(link => link.href)")) == {
        f"{DASHBOARD}/fine"
    }
    drawn = (
        "[...document.querySelectorAll('svg, svg *')].flatMap(node => [...node.attributes].map(a => a.value)).join()"
    )
    assert not {"NaN", "Infinity", "undefined", "null"} & set((await tab.run(drawn)).replace(",", " ").split())
    assert "NaN" not in await tab.run(drawn)
    assert "Infinity" not in await tab.run(drawn)
    assert await tab.run("document.documentElement.scrollWidth") <= 1200
    names = set(await column(tab, 3))
    assert {"__proto__", "constructor", "\\u202egnp.exe", "\\x1b[31m\\x00", "\u2013"} <= names
    assert "too large to add" in await text(tab, "#figures")
    for number in range(1, 8):
        await tab.run(f"document.querySelector('#table th:nth-child({number}) button').click()")
    await search(tab, "__proto__")
    assert set(await column(tab, 3)) == {"__proto__"}


async def test_a_narrow_window_needs_no_scrolling_sideways(tab: Tab, show: Show) -> None:
    """This holds after resizing too. Only the table scrolls, within its own frame."""
    await show(session(*map(trace, range(45)), trace(45, name="x" * 10_000)), session(trace(1), session_id="y" * 300))
    await tab.size(360, 800)
    await tab.frame()
    await tab.frame()
    assert await tab.run("document.documentElement.scrollWidth") == 360
    assert await tab.run("document.querySelector('#timeline svg').viewBox.baseVal.width") < 360


async def test_on_paper_are_all_rows_up_to_a_thousand(tab: Tab, show: Show) -> None:
    """Printed pages cannot be turned. A note says how many rows are missing, and the screen is restored."""
    await show(session(*map(trace, range(1200))))
    await tab.run(
        "addEventListener('beforeprint', () => {"
        "  window.printed = [document.querySelectorAll('#table tbody tr').length,"
        "                    document.getElementById('print-note').textContent] })"
    )
    answer = await tab.do("Page.printToPDF")
    assert len(answer["data"]) > 50_000
    assert await tab.run("window.printed") == [1000, "The first 1,000 of 1,200 traces."]
    assert len(await column(tab, 1)) == 100
    await tab.media("print")
    assert await tab.run("getComputedStyle(document.getElementById('previous-trace')).display") == "none"
    assert await tab.run("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


async def test_every_control_has_a_name_for_screen_readers(tab: Tab, show: Show) -> None:
    """This holds for each button, field, link, picture and region."""
    await show(*(session(*map(trace, range(150)), session_id=f"session-{n}") for n in range(12)))
    nodes = (await tab.do("Accessibility.getFullAXTree"))["nodes"]
    found: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            found.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role in ("button", "link", "image", "combobox", "searchbox", "table", "columnheader", "region", "navigation"):
        assert found[role], role
        assert all(found[role]), role
    assert {"banner", "main", "contentinfo"} <= found.keys()
    assert len(set(found["link"])) == len(found["link"])
