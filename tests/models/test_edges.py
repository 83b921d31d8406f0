"""Edges of a summary and of its table for notebooks: the exact HTML, the phrase for the scope, how many are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from lyzr_traces_async import summarize
from lyzr_traces_async._notebook import as_html, headline
from lyzr_traces_async.models import Trace
from lyzr_traces_async.summary import Summarizer
from tests.helpers.list_server import trace

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def made(number: int, latency: float | None = None) -> Trace:
    return attrs.evolve(trace(f"t-{number}"), name="llm", latency_seconds=latency, timestamp=MOMENT)


def test_the_html_of_a_summary_is_two_tables_and_nothing_else() -> None:
    """Between the elements there is no text. A time always has its milliseconds."""
    assert as_html(summarize([made(1, 1.5)])) == (
        "<div><p>1 trace in 1.5 s, no cost known</p>"
        '<table><thead><tr><th scope="col">step</th><th scope="col">traces</th><th scope="col">p50</th>'
        '<th scope="col">p95</th><th scope="col">max</th><th scope="col">cost</th><th scope="col">share</th></tr>'
        '</thead><tbody><tr><th scope="row">llm</th><td>1</td><td>1.500 s</td><td>1.500 s</td><td>1.500 s</td>'
        "<td>–</td><td>–</td></tr></tbody></table>"  # noqa: RUF001 - the dash is meant
        '<table><thead><tr><th scope="col">slowest</th><th scope="col">latency</th><th scope="col">began (UTC)</th>'
        '<th scope="col">trace</th><th scope="col">dashboard</th></tr></thead><tbody><tr><th scope="row">llm</th>'
        "<td>1.500 s</td><td>2026-01-01 00:00:00.000</td><td>t-1</td><td>–</td></tr></tbody></table></div>"  # noqa: RUF001
    )


def test_rows_stand_next_to_each_other() -> None:
    """The same holds for the rows of a table."""
    html = as_html(summarize([made(1, 1.5), made(2, 1.0)]))
    assert html.count("</tr><tr>") == 1


@pytest.mark.parametrize(
    ("traces", "scope", "line"),
    [
        ([], None, "no traces"),
        ([], "of two sessions", "no traces of two sessions"),
        ([made(1)], None, "1 trace in 0.0 s, no cost known, 1 without a latency"),
        ([made(1), made(2)], "of two sessions", "2 traces of two sessions, no cost known, 2 without a latency"),
    ],
)
def test_a_headline_names_the_time_or_the_scope(traces: list[Trace], scope: str | None, line: str) -> None:
    """The scope replaces the total time."""
    assert headline(summarize(traces), scope) == line


@pytest.mark.parametrize(("latency", "shown"), [(999_999_999.0, "999,999,999.000 s"), (1e9, "1.000e+09 s")])
def test_a_latency_of_decades_is_shown_by_its_exponent(latency: float, shown: str) -> None:
    """A billion seconds and more."""
    assert f"<td>{shown}</td>" in as_html(summarize([made(1, latency)]))


def test_five_of_the_slowest_traces_are_kept_unless_another_number_is_given() -> None:
    """The same number for both ways to summarize."""
    summarizer = Summarizer()
    traces = [made(n, float(n)) for n in range(9)]
    for one in traces:
        summarizer.add(one)
    assert len(summarizer.summary().slowest) == len(summarize(traces).slowest) == 5
    assert len(summarize(traces, top=7).slowest) == 7


def test_a_trace_without_a_latency_ends_when_it_begins() -> None:
    """Of several, the one that began last."""
    later = attrs.evolve(made(2), timestamp=MOMENT + timedelta(seconds=1))
    assert summarize([later, made(1)]).ended == later.timestamp


@pytest.mark.usefixtures("tokyo")
def test_times_are_written_in_utc_wherever_the_program_runs() -> None:
    """In JSON and in the table for notebooks."""
    assert made(1).to_dict()["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert "<td>2026-01-01 00:00:00.000</td>" in as_html(summarize([made(1, 1.5)]))
