"""A summary in a notebook: its numbers are right, and text from a server stays text."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import Trace, summarize

MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
TRACE: Final = Trace("t-1", "llm", "s", MOMENT, 1.6934, 0.25, 0, "/p/t-1")


class Page(HTMLParser):
    """Reads the HTML as a browser would: rows of cells, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.lines: list[str] = []
        self._text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th", "p"):
            self._text = ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.rows[-1].append(self._text)
        if tag == "p":
            self.lines.append(self._text)


def page(*traces: Trace) -> Page:
    return Page(summarize(traces)._repr_html_())


def test_a_summary_is_two_small_tables() -> None:
    """One has the names by cost, the other the slowest traces."""
    shown = page(
        TRACE,
        evolve(TRACE, trace_id="t-2", latency_seconds=2.0674, timestamp=MOMENT + timedelta(seconds=16)),
        evolve(TRACE, name="stt", total_cost_usd=0.5, latency_seconds=None),
        evolve(TRACE, name=None, total_cost_usd=None, latency_seconds=None, html_path=None),
    )
    assert shown.lines == ["4 traces in 18.1 s, $1.00 (1 without a cost), 2 without a latency"]
    assert shown.rows == [
        ["step", "traces", "p50", "p95", "max", "cost", "share"],
        ["llm", "2", "1.693 s", "2.067 s", "2.067 s", "$0.50", "50 %"],
        ["stt", "1", "–", "–", "–", "$0.50", "50 %"],  # noqa: RUF001 - the dash is meant
        ["no name", "1", "–", "–", "–", "–", "–"],  # noqa: RUF001 - the dash is meant
        ["slowest", "latency", "began (UTC)", "trace", "dashboard"],
        ["llm", "2.067 s", "2026-01-02 03:04:21.678", "t-2", "/p/t-1"],
        ["llm", "1.693 s", "2026-01-02 03:04:05.678", "t-1", "/p/t-1"],
    ]


def test_a_trace_without_a_page_on_the_dashboard_has_no_link() -> None:
    """A dash takes its place."""
    assert page(evolve(TRACE, html_path=None)).rows[3][4] == "–"  # noqa: RUF001 - the dash is meant


def test_a_summary_of_nothing_says_so() -> None:
    """There is no empty table."""
    shown = page()
    assert (shown.lines, shown.rows) == (["no traces"], [])


def test_without_latencies_there_is_no_table_of_the_slowest() -> None:
    """A trace without a cost is not shown as free either."""
    shown = page(evolve(TRACE, latency_seconds=None, total_cost_usd=None))
    assert shown.lines == ["1 trace in 0.0 s, no cost known, 1 without a latency"]
    assert [row[0] for row in shown.rows] == ["step", "llm"]


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (0.0, "$0.00"),
        (0.112298, "$0.112298"),
        (0.1, "$0.10"),
        (0.125, "$0.125"),
        (0.0000004, "<$0.000001"),
        (-0.0000004, "-<$0.000001"),
        (-1.5, "-$1.50"),
        (1234567.25, "$1,234,567.25"),
        (1e12, "$1.000e+12"),
        (1e300, "$1.000e+300"),
    ],
)
def test_a_cost_is_shown_to_the_millionth_of_a_dollar(cost: float, text: str) -> None:
    """A smaller cost is not shown as 0, and a huge one is shortened."""
    assert page(evolve(TRACE, total_cost_usd=cost)).rows[1][5] == text


@pytest.mark.parametrize(("cost", "text"), [(1e308, "$∞"), (-1e308, "-$∞")])
def test_a_sum_beyond_a_float_is_infinite(cost: float, text: str) -> None:
    """Names then have no share of it."""
    shown = page(*[evolve(TRACE, total_cost_usd=cost)] * 2)
    assert shown.rows[1][5:] == [text, "–"]  # noqa: RUF001 - the dash is meant
    assert shown.lines == [f"2 traces in 1.7 s, {text}"]


@pytest.mark.parametrize(
    ("latency", "text"), [(0.0, "0.000 s"), (-1.5, "-1.500 s"), (12345.6789, "12,345.679 s"), (1e300, "1.000e+300 s")]
)
def test_a_latency_is_shown_to_the_millisecond(latency: float, text: str) -> None:
    """A very long one has fewer digits."""
    assert page(evolve(TRACE, latency_seconds=latency)).rows[1][2:5] == [text] * 3


HOSTILE: Final = [
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "&lt;b&gt; &amp; <b>",
    "\x00\x1b[31m\r\n\x7f\x9b\u2028\u202egnp.exe\u2066\ufeff\ud800",
]
ALLOWED: Final = {"div", "p", "table", "thead", "tbody", "tr", "th", "td", "em", "a"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(text: str) -> None:
    """In every place that a server fills, the tags stay the same and the text is shown as text."""
    shown = page(evolve(TRACE, name=text, trace_id=text, html_path=text))
    harmless = page(evolve(TRACE, name="x", trace_id="x", html_path="x"))
    assert shown.tags == harmless.tags
    expected = text if text.isprintable() else r"\x00\x1b[31m\r\n\x7f\x9b\u2028\u202egnp.exe\u2066\ufeff\ud800"
    assert shown.rows[1][0] == shown.rows[3][0] == shown.rows[3][3] == shown.rows[3][4] == expected


@given(st.text() | st.text().map("https://".__add__) | st.text("<>\"'&=/ javascript:onerror\x00\u202e"))
def test_no_text_becomes_anything_but_text(text: str) -> None:
    """No text adds a tag, an attribute, a control character, or a character that UTF-8 can't encode."""
    html = summarize([evolve(TRACE, name=text, trace_id=text, html_path=text)])._repr_html_()
    assert {tag for tag, _ in Page(html).tags} <= ALLOWED
    assert {name for _, attrs in Page(html).tags for name in attrs} <= {"scope", "href", "rel", "target"}
    assert not re.search("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]", html)
    html.encode()


@pytest.mark.parametrize(
    ("path", "linked"),
    [
        ("https://app.example/p/t-1?a=1&b=\"<'", True),
        ("/p/t-1", False),
        ("http://app.example/p", False),
        ("javascript:alert(1)", False),
        (" https://app.example/p", False),
        ("//app.example/p", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ("https://app.example/\u202egnp", False),
        ("https://app.example/\n", False),
    ],
)
def test_only_a_whole_https_address_is_a_link(path: str, linked: bool) -> None:  # noqa: FBT001 - a case of the table
    """A path without a dashboard URL and any other scheme are shown as text."""
    links = [attrs for tag, attrs in page(evolve(TRACE, html_path=path)).tags if tag == "a"]
    expected = [{"href": path, "rel": "noopener noreferrer", "target": "_blank"}]
    assert links == (expected if linked else [])


def test_a_long_text_is_cut() -> None:
    """This holds if only its escapes make it long. A link keeps its target."""
    path = "https://app.example/" + "p" * 10_000
    shown = page(evolve(TRACE, name="n" * 10_000, trace_id="\x1b" * 30, html_path=path))
    assert shown.rows[1][0] == "n" * 80 + "…"
    assert shown.rows[3][3] == r"\x1b" * 20 + "…"
    assert shown.rows[3][4] == path[:80] + "…"
    assert ("a", {"href": path, "rel": "noopener noreferrer", "target": "_blank"}) in shown.tags
    assert page(evolve(TRACE, name="n" * 80)).rows[1][0] == "n" * 80


def test_many_names_and_many_slow_traces_are_cut() -> None:
    """The table says how many names it leaves out."""
    traces = [evolve(TRACE, name=f"name {number}", total_cost_usd=1 / (number + 1)) for number in range(1234)]
    shown = Page(summarize(traces, top=1000)._repr_html_())
    assert [row[0] for row in shown.rows] == [
        "step",
        *[f"name {number}" for number in range(50)],
        "slowest",
        *[f"name {number}" for number in range(5)],
    ]
    assert shown.lines[1] == "and 1,184 more names"
    assert len(page(*traces[:50]).lines) == 1
    assert math.isclose(float(shown.lines[0].split("$")[1]), sum(1 / number for number in range(1, 1235)), rel_tol=1e-6)
