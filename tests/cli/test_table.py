"""The table of traces fits every width, marks missing values, and writes no control characters."""

from __future__ import annotations

import re
from datetime import UTC, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from lyzr_traces_async import Trace, summarize
from lyzr_traces_async.cli._links import Dashboard
from lyzr_traces_async.cli._table import Table, facts_of
from tests.cli.consoles import console_of, text_of
from tests.cli.samples import BARE, MOMENT, SESSION, TRACE

DASH = "\N{EN DASH}"
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
TRACES = st.builds(
    Trace,
    trace_id=st.just("t"),
    name=st.none() | st.text(),
    session_id=st.none(),
    timestamp=st.datetimes(timezones=st.just(UTC)),
    latency_seconds=st.none() | NUMBER,
    total_cost_usd=st.none() | NUMBER,
    observation_count=st.integers(),
    html_path=st.none() | st.text(),
)


def slow(latency: float | None) -> Trace:
    """Make a trace with this latency."""
    return attrs.evolve(TRACE, latency_seconds=latency)


def drawn(
    *pages: list[Trace],
    width: int = 120,
    terminal: bool = True,
    encoding: str = "utf-8",
    complete: bool = True,
    colours: bool = False,
    more: int = 0,
    dashboard: str = "",
    ranked: bool = False,
    several: bool = False,
) -> str:
    """Print the pages of a session that has ``more`` traces besides these."""
    console = console_of(width, terminal=terminal, encoding=encoding, colours=colours)
    table = Table(console, Dashboard.at(dashboard), ranked=ranked, several=several)
    items = sum(map(len, pages))
    table.open(SESSION, f"{items} traces")
    for traces in pages:
        table.rows(traces)
    table.end(items + more, "" if complete else "stopped")
    return text_of(console)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (200, ["time (UTC)", "name", "latency", "0", "1.25 s", "cost", "obs", "trace", "dashboard"]),
        (129, ["time (UTC)", "name", "latency", "0 1.25 s", "cost", "obs", "trace", "dashboard"]),
        (120, ["time (UTC)", "name", "latency", "0", "1.25 s", "cost", "obs", "trace"]),
        (101, ["time (UTC)", "name", "latency", "0 1.25 s", "cost", "trace"]),
        (91, ["time (UTC)", "name", "latency", "cost", "trace"]),
        (80, ["UTC", "name", "latency", "cost", "trace"]),
        (74, ["UTC", "name", "latency", "cost", "trace"]),
        (73, ["time (UTC)", "name", "latency", "cost"]),
        (40, ["UTC", "name", "latency", "cost"]),
        (30, ["UTC", "name", "latency"]),
        (20, ["name", "latency"]),
        (10, ["name", "latency"]),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns(width: int, titles: list[str]) -> None:
    """The least important column is dropped first. The name and the latency stay."""
    header = next(line for line in drawn([TRACE], width=width).splitlines() if "latency" in line)
    assert [title for title in re.split(r"  +", header.strip()) if title] == titles


@pytest.mark.parametrize(
    ("width", "several", "titles"),
    [
        (200, False, ["time (UTC)", "name", "latency", "0", "1.25 s", "cost", "obs", "trace", "dashboard"]),
        (102, False, ["time (UTC)", "name", "latency", "cost", "trace"]),
        (80, False, ["UTC", "name", "latency", "cost", "trace"]),
        (79, False, ["time (UTC)", "name", "latency", "cost"]),
        (60, False, ["UTC", "name", "latency", "cost"]),
        (40, False, ["UTC", "name", "latency"]),
        (20, False, ["name", "latency"]),
        (200, True, ["session", "time (UTC)", "name", "latency", "0", "1.25 s", "cost", "obs", "trace", "dashboard"]),
        (140, True, ["session", "time (UTC)", "name", "latency", "cost", "trace"]),
        (118, True, ["session", "UTC", "name", "latency", "cost", "trace"]),
        (113, True, ["session", "time (UTC)", "name", "latency", "cost", "trace"]),
        (60, True, ["session", "UTC", "name", "latency", "cost"]),
        (20, True, ["name", "latency"]),
    ],
)
def test_ranked_rows_have_their_date_and_session(width: int, titles: list[str], *, several: bool) -> None:
    """The session's id is whole if there is room for both ids, because `show` takes both. Otherwise it is cut."""
    lines = drawn([TRACE], width=width, ranked=True, several=several).splitlines()
    place = next(number for number, line in enumerate(lines) if "name  " in line)
    header, row = lines[place : place + 2]
    assert [title for title in re.split(r"  +", header.strip()) if title] == titles
    assert ("03-25 18:19:24" in row) is ("(UTC)" in header or "UTC" in header)
    assert (SESSION in row) is (several and width not in (113, 60, 20))
    assert ("3fa85f64…" in row) is (several and width in (113, 60))


@settings(max_examples=40)
@given(
    traces=st.lists(TRACES, max_size=4),
    width=st.integers(20, 200),
    complete=st.booleans(),
    ranked=st.booleans(),
    several=st.booleans(),
)
def test_no_line_is_wider_than_the_terminal(
    traces: list[Trace], width: int, *, complete: bool, ranked: bool, several: bool
) -> None:
    """Any trace is one line, and every line fits."""
    lines = drawn(traces, width=width, complete=complete, ranked=ranked, several=several).splitlines()
    assert max(map(cell_len, lines)) <= width
    days = {trace.timestamp.date() for trace in traces}
    assert ranked or len([line for line in lines if re.fullmatch(r"\d{4}-\d\d-\d\d", line)]) >= len(days)


def test_a_longer_id_in_a_later_row_is_cut_on_a_terminal_only() -> None:
    """The columns stay aligned there. In a pipe, ids can be copied whole."""
    later = attrs.evolve(TRACE, trace_id="9" * 200)
    lines = drawn([TRACE], [later], width=160).splitlines()
    assert max(map(cell_len, lines)) <= 160
    assert "9" * 31 + "…" in lines[4]
    assert "9" * 200 in drawn([TRACE], [later], terminal=False)


def test_an_id_that_does_not_fit_is_left_out() -> None:
    """A part of an id is useless."""
    assert "9" * 5 not in drawn([attrs.evolve(TRACE, trace_id="9" * 200)], width=160)


@settings(max_examples=40)
@given(st.lists(TRACES, max_size=4), st.sampled_from(["utf-8", "latin-1", "ascii"]))
def test_nothing_but_printable_text_and_line_ends_is_written(traces: list[Trace], encoding: str) -> None:
    """No trace brings an escape code, a line break or a character that cannot be encoded."""
    text = drawn(traces, terminal=False, encoding=encoding)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)


def test_control_characters_and_markup_in_a_trace_are_shown_as_text() -> None:
    """Rich's markup and emoji codes in a name, and escape codes in a link, have no effect."""
    evil = attrs.evolve(TRACE, name="[red]x[/] :smile:\n\x1b[2J", html_path="/a\x9b\u202eb")
    text = drawn([evil], width=160)
    assert r"[red]x[/] :smile:\n\x1b[2J" in text
    assert r"/a\x9b\u202eb" in text


def test_rows_on_a_terminal_stand_under_the_day_they_belong_to() -> None:
    """A line has the date in UTC when the day changes, so the rows need only the time."""
    lines = drawn([TRACE, TRACE], [TRACE, attrs.evolve(TRACE, timestamp=MOMENT - timedelta(days=1))]).splitlines()
    assert [line[:23].split("  ")[0] for line in lines[2:8]] == [
        "2026-03-25",
        "18:19:24.347",
        "18:19:24.347",
        "18:19:24.347",
        "2026-03-24",
        "18:19:24.347",
    ]


def test_a_table_in_a_pipe_has_whole_dates_whole_links_and_no_bars() -> None:
    """Each line can be read alone, and nothing is drawn."""
    link = "https://dashboard.example/" + "x" * 200
    text = drawn([attrs.evolve(TRACE, html_path=link)], terminal=False, complete=False)
    assert re.search(
        r"^2026-03-25 18:19:24.347  voice-agent-response +1.250 s +\$0.0034 +4  [0-9a-f]{32}  https", text, re.MULTILINE
    )
    assert link in text
    assert "━" not in text
    assert "bars" not in text
    assert "incomplete: stopped\n" in text


def test_a_missing_value_is_a_dash_and_is_counted_below() -> None:
    """A missing number is not zero in its row, and does not count as zero in the sums."""
    pages = [TRACE, attrs.evolve(BARE, name="x"), BARE], [attrs.evolve(TRACE, latency_seconds=None)]
    text = drawn(*pages, width=140)
    assert re.search(rf"^18:19:24.347  x +{DASH} +{DASH} +0  t +{DASH}$", text, re.MULTILINE)
    assert re.search(rf"^18:19:24.347  {DASH} +{DASH} +{DASH} +0  t +{DASH}$", text, re.MULTILINE)
    assert "4 traces · $0.0068 in all · latency: median 1.250 s, slowest 1.250 s\n" in text
    assert "cost missing for 2 traces · latency missing for 3 traces\n" in text


def test_sums_without_any_known_value_are_left_out() -> None:
    """There is no total if every cost is missing."""
    assert "\n1 trace\ncost missing for 1 trace · latency missing for 1 trace\n" in drawn([BARE])


def test_an_empty_session_is_one_line() -> None:
    """There is no header without rows, and no sums."""
    assert drawn([]) == f"{SESSION} · 0 traces\n"


def test_the_summary_counts_the_traces_that_are_not_listed() -> None:
    """This also holds if no trace is listed."""
    assert "\n1 of 13 traces · $0.0034 in all · " in drawn([TRACE], more=12)
    assert drawn([], more=12) == f"{SESSION} · 0 traces\n\n0 of 12 traces\n"


def test_bars_are_drawn_against_the_slowest_of_the_first_page() -> None:
    """A slower trace of a later page is marked, and the legend explains the bars."""
    text = drawn([slow(2.0), slow(1.0), slow(None)], [slow(3.0)], width=120)
    widest = max(line.count("━") for line in text.splitlines())
    bars = [re.sub("[^━╸▶]", "", line) for line in text.splitlines() if line.startswith("18:")]
    assert bars == ["━" * widest, "━" * (widest // 2) + "╸" * (widest % 2), "", "━" * (widest - 1) + "▶"]
    assert text.endswith("\nbars: full length is 2.000 s, the slowest of the first page; ▶ is beyond\n")
    assert drawn([slow(2.0)], [slow(1.0)]).endswith("\nbars: full length is 2.000 s, the slowest\n")


@pytest.mark.parametrize("latency", [None, 0.0, -1.0])
def test_there_are_no_bars_if_the_first_page_gives_no_scale(latency: float | None) -> None:
    """The first page has no positive latency, so there are neither bars nor a legend."""
    text = drawn([slow(latency)], [slow(1.0)])
    assert "━" not in text
    assert "bars" not in text


def test_an_output_in_another_encoding_gets_ascii() -> None:
    """Dashes, dots and bars have an equivalent in ASCII."""
    text = drawn([TRACE, BARE, attrs.evolve(TRACE, name="é" * 60)], width=110, encoding="ascii")
    assert "==" in text
    assert "..." in text
    assert "3 traces, $0.0068 in all, " in text
    assert drawn([TRACE], encoding="latin-1").isascii()


def test_the_summary_takes_more_lines_if_it_does_not_fit() -> None:
    """A line is broken between facts, not within one."""
    lines = drawn([TRACE], width=45, complete=False).splitlines()
    assert lines[:2] == [SESSION, "1 traces"]
    assert lines[-4:] == [
        "",
        "1 trace · $0.0034 in all",
        "latency: median 1.250 s, slowest 1.250 s",
        "incomplete: stopped",
    ]


@pytest.mark.parametrize(
    ("costs", "facts"),
    [
        ([0.1] * 10, ["10 traces", "$1.00 in all"]),
        ([0.1] * 10 + [1233.5], ["11 traces", "$1,234.50 in all"]),
        ([1.7e308] * 2, ["2 traces", "$inf in all"]),
        ([0.0, None], ["2 traces", "$0.00 in all"]),
        ([None], ["1 trace", "latency: "]),
    ],
)
def test_sums_are_written_as_money(costs: list[float | None], facts: list[str]) -> None:
    """Sums have cents and separators. A sum beyond a float is infinite, and unknown costs have no sum."""
    shown = facts_of(summarize([attrs.evolve(TRACE, total_cost_usd=cost) for cost in costs]))
    assert [fact[: len(expected)] for fact, expected in zip(shown, facts, strict=False)] == facts
