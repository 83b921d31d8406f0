"""A summary for people: its tables, and the slowest and dearest traces."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from lyzr_traces_async import Trace, summarize
from lyzr_traces_async._text import UNSAFE
from lyzr_traces_async.cli._links import Dashboard
from lyzr_traces_async.cli._overview import print_overview
from lyzr_traces_async.cli._session_lines import SessionLines
from tests.cli.consoles import console_of, text_of

ONE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
MOMENT = datetime(2026, 3, 25, 18, 19, 24, 347_000, tzinfo=UTC)
TRACE = Trace("0123456789abcdef0123456789abcdef", "voice-agent-response", ONE, MOMENT, 1.25, 0.0034, 4, "/t/abc")
DASH = "\N{EN DASH}"
NUMBER = st.none() | st.floats(allow_nan=False)
TRACES = st.builds(
    Trace,
    trace_id=st.text(min_size=1, max_size=40),
    name=st.none() | st.text(),
    session_id=st.just(ONE),
    timestamp=st.datetimes(timezones=st.just(UTC)),
    latency_seconds=NUMBER,
    total_cost_usd=NUMBER,
    observation_count=st.just(1),
    html_path=st.none() | st.text(),
)


def drawn(
    traces: list[Trace], width: int = 120, *, terminal: bool = True, scope: str | None = None, encoding: str = "utf-8"
) -> str:
    """Print the summary of traces, with a line for the session before it if there is a ``scope``."""
    console = console_of(width, terminal=terminal, encoding=encoding)
    summary = summarize(traces)
    if scope is not None:
        SessionLines(console, Dashboard()).row(ONE, summary)
    print_overview(console, summary, Dashboard("https://dash.example"), scope=scope)
    return text_of(console)


def test_unknown_values_are_dashes() -> None:
    """An unknown value is never shown as zero. A step without a name has a dash too."""
    bare = attrs.evolve(TRACE, name=None, latency_seconds=None, total_cost_usd=None)
    head, _, row, *_ = drawn([bare]).splitlines()
    assert head.startswith("1 trace in 0.0 s, no cost known, 1 without a latency · from ")
    assert row.split() == [DASH, "1", *[DASH] * 5]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (20, "step p95"),
        (32, "step p95 cost"),
        (56, "step traces p95 cost"),
        (68, "step traces p95 max cost"),
        (74, "step traces p50 p95 max cost"),
        (80, "step traces p50 p95 max cost share"),
        (120, "step traces p50 p95 max cost share"),
    ],
)
def test_a_narrow_terminal_keeps_the_most_important_columns(width: int, titles: str) -> None:
    """The share is dropped first, then the median and the maximum. The name is cut last."""
    shown = drawn([TRACE], width).splitlines()
    header = next(line for line in shown if line.startswith("step"))
    assert " ".join(header.split()) == titles
    assert max(map(cell_len, shown)) <= width
    assert any(line.startswith("voice-a" if width < 40 else TRACE.name or "") for line in shown)
    assert ("━" in "".join(shown)) is (width >= 100)


@pytest.mark.parametrize(
    ("width", "titles"), [(32, "session p95 cost"), (60, "session p95 cost"), (80, "session traces p95 max cost")]
)
def test_the_ids_of_sessions_are_cut_last(width: int, titles: str) -> None:
    """People copy ids, so ids stay whole as long as possible."""
    console = console_of(width, terminal=True)
    summary = summarize([attrs.evolve(TRACE, name=ONE)])
    print_overview(console, summary, Dashboard(), scope="of 1 session", sessions=list(summary.by_name.values()))
    shown = text_of(console).splitlines()
    header = next(number for number, line in enumerate(shown) if line.startswith("session"))
    assert " ".join(shown[header].split()) == titles
    assert (ONE in shown[header + 1]) is (width >= 60)
    assert max(map(cell_len, shown)) <= width


@pytest.mark.parametrize(("width", "there"), [(50, False), (70, True), (80, True), (160, True)])
def test_the_id_of_a_slow_trace_is_whole_or_left_out(width: int, *, there: bool) -> None:
    """People copy ids, and a part of an id is useless."""
    line = next(line for line in drawn([TRACE], width).splitlines() if line.startswith("slowest"))
    assert (TRACE.trace_id in line) is there
    assert (TRACE.trace_id[:8] in line) is there


@pytest.mark.parametrize(("width", "places"), [(60, (0, 0)), (80, (0, 1)), (120, (1, 0)), (160, (1, 0))])
def test_both_ids_stand_beside_a_trace_of_many_sessions_or_below_it(width: int, places: tuple[int, int]) -> None:
    """`show` takes both ids. They are left out if there is no room for both."""
    shown = drawn([TRACE], width, scope="of 2 sessions").splitlines()
    at = next(number for number, line in enumerate(shown) if line.startswith("slowest"))
    ids = f"{ONE}  {TRACE.trace_id}"
    assert (ids in shown[at], ids == shown[at + 1].strip()) == tuple(map(bool, places))
    assert max(map(cell_len, shown)) <= width


def test_ids_and_links_can_be_clicked_on() -> None:
    """On a terminal they link to the dashboard."""
    console = console_of(200, terminal=True, colours=True)
    print_overview(console, summarize([TRACE]), Dashboard("https://dash.example"))
    assert text_of(console).count(";https://dash.example/t/abc\x1b\\") == 4


def test_extreme_numbers_stay_in_their_columns() -> None:
    """Sums beyond a float, negative latencies and names of 10,000 characters do not break the table."""
    traces = [
        attrs.evolve(TRACE, name="n" * 10_000, total_cost_usd=1.7e308, latency_seconds=-3.0),
        attrs.evolve(TRACE, name="n" * 10_000, total_cost_usd=1.7e308, latency_seconds=1e300),
        attrs.evolve(TRACE, name="m\x1b[2J\u202e", total_cost_usd=math.inf),
    ]
    for width in (20, 60, 80, 120):
        out = drawn(traces, width, scope="of 1 session")
        assert max(map(cell_len, out.splitlines())) <= width or width < 40
        assert "\x1b" not in out
        assert "\u202e" not in out
    assert "n" * 10_000 in drawn(traces, terminal=False)


@example(
    traces=[attrs.evolve(TRACE, html_path=None)], width=140, encoding="utf-8", scope="of 2 sessions", terminal=True
)
@given(
    traces=st.lists(TRACES, max_size=6),
    width=st.integers(40, 200),
    encoding=st.sampled_from(["utf-8", "ascii", "cp1252"]),
    scope=st.sampled_from([None, "of 2 sessions"]),
    terminal=st.booleans(),
)
def test_any_traces_fit_any_terminal(
    *, traces: list[Trace], width: int, encoding: str, scope: str | None, terminal: bool
) -> None:
    """No line is too long, and no control character is written."""
    shown = drawn(traces, width, scope=scope, encoding=encoding, terminal=terminal).split("\n")
    assert not any(map(UNSAFE.search, shown))
    if terminal:
        assert max(map(cell_len, shown)) <= width
