"""`list`: which traces are listed, and in which order."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import Trace
from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._listing import Ranking
from lyzr_traces_async.testing import FakeTracesServer

ONE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TWO = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
UNKNOWN = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"
MOMENT = datetime(2026, 3, 25, 18, 19, 24, tzinfo=UTC)
VALUES = st.none() | st.sampled_from([-1.0, 0.0, 1.0]) | st.floats(allow_nan=False)

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def rows(text: str) -> list[str]:
    """Return the lines with traces of a table in a pipe."""
    return [line for line in text.splitlines() if "2026-03-25 " in line]


def latencies(traces: tuple[Trace, ...]) -> list[Trace]:
    """Sort traces as `--sort latency` does."""
    known = [trace for trace in traces if trace.latency_seconds is not None]
    return [
        *sorted(known, key=lambda trace: -(trace.latency_seconds or 0.0)),
        *(trace for trace in traces if trace.latency_seconds is None),
    ]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_trace_without_a_session_id_gets_the_requested_one(
    server: FakeTracesServer, capsys: Captured, kind: str, *, several: bool
) -> None:
    """Rows of several sessions could not be told apart otherwise. An id that is there stays as it is."""
    first, second = server.add_session(ONE, traces=2)
    server.add_traces(ONE, [attrs.evolve(first, trace_id="a", session_id=None)])
    server.add_traces(ONE, [attrs.evolve(second, trace_id="b", session_id=ONE.upper())])
    server.add_session(TWO)
    assert main(["list", ONE, *([TWO] if several else []), "--format", kind]) == 0
    out = capsys.readouterr().out
    found = list(csv.DictReader(io.StringIO(out))) if kind == "csv" else [json.loads(row) for row in out.splitlines()]
    assert [row["sessionId"] for row in found] == [ONE.upper(), ONE, ONE, ONE]


@pytest.mark.parametrize("sort", ["latency", "cost"])
def test_the_largest_come_first_over_all_sessions(server: FakeTracesServer, capsys: Captured, sort: str) -> None:
    """One table has the traces of all sessions, with the session of each. Unknown values come last."""
    every = (*server.add_session(ONE, traces=40), *server.add_session(TWO, traces=40))
    assert main(["list", ONE, TWO, "--sort", sort, "--format", "jsonl"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    field = "latencySeconds" if sort == "latency" else "totalCostUsd"
    values = [row[field] for row in found]
    known = [value for value in values if value is not None]
    assert len(values) == 80
    assert values == [*sorted(known, reverse=True), *[None] * (80 - len(known))]
    assert {row["traceId"] for row in found} == {trace.trace_id for trace in every}
    assert main(["list", ONE, TWO, "--sort", sort, "--top", "3"]) == 0
    heading, titles, *table = capsys.readouterr().out.splitlines()
    assert heading == f"2 sessions · 80 traces, {'slowest' if sort == 'latency' else 'dearest'} first"
    assert titles.split() == ["session", "time", "(UTC)", "name", "latency", "cost", "obs", "trace", "dashboard"]
    assert [line.split()[0] for line in table[:3]] == [row["sessionId"] for row in found[:3]]
    assert [row["traceId"] in line for row, line in zip(found, table[:3], strict=False)] == [True] * 3
    assert table[4].startswith("3 of 80 traces · $")


def test_one_session_is_ranked_after_all_its_pages_are_read(server: FakeTracesServer, capsys: Captured) -> None:
    """The table has no column for the session, which is the same in each row."""
    traces = server.add_session(ONE, traces=25)
    assert main(["list", ONE, "--sort", "latency", "--limit", "10"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{ONE} · 25 traces, slowest first\ntime (UTC)  ")
    assert [line.split()[-2] for line in rows(out)] == [trace.trace_id for trace in latencies(traces)]


def test_an_incomplete_ranking_says_so(server: FakeTracesServer, capsys: Captured) -> None:
    """The traces read so far are listed. If none were read, nothing is written."""
    server.add_session(ONE, traces=30)
    server.fail_next(status=403, page=2)
    assert main(["list", ONE, "--sort", "latency", "--limit", "10"]) == 1
    out, err = capsys.readouterr()
    assert len(rows(out)) == 10
    assert out.endswith("\nincomplete: stopped after 10 of 30 traces\n")
    assert err.count("\n") == 1
    server.fail_next(status=403)
    assert main(["list", ONE, "--sort", "latency"]) == 1
    assert capsys.readouterr().out == ""


def test_nothing_is_written_if_every_session_failed(server: FakeTracesServer, capsys: Captured) -> None:
    """An empty table would look like an answer."""
    assert main(["list", ONE, UNKNOWN, "--sort", "latency"]) == 1
    assert len(server.requests) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 2


def test_the_newest_traces_are_listed_without_reading_the_rest(server: FakeTracesServer, capsys: Captured) -> None:
    """The walk ends with the page of the last one. The summary says how many traces the session has."""
    traces = server.add_session(ONE, traces=100)
    assert main(["list", ONE, "--top", "12", "--limit", "10"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[-2] for line in rows(out)] == [trace.trace_id for trace in traces[:12]]
    assert "\n12 of 100 traces · $" in out
    assert len(server.requests) < 5


def test_top_applies_to_each_session(server: FakeTracesServer, capsys: Captured) -> None:
    """Each session is sorted for itself."""
    server.add_session(ONE, traces=5)
    server.add_session(TWO, traces=1)
    assert main(["list", ONE, TWO, "--top", "2"]) == 0
    out = capsys.readouterr().out
    assert len(rows(out)) == 3
    assert "\n2 of 5 traces · $" in out
    assert "\n1 trace · $" in out


def test_only_traces_of_the_given_names_are_listed(server: FakeTracesServer, capsys: Captured) -> None:
    """Names must match exactly. The summary says how many traces the session has."""
    first = server.add_session(ONE, traces=45)[0]
    server.add_traces(ONE, [attrs.evolve(first, trace_id="a", name=None)])
    names = ["--name", "text-to-speech", "--name", "speech-to-text"]
    assert main(["list", ONE, "--limit", "10", *names]) == 0
    out = capsys.readouterr().out
    assert len(rows(out)) == 30
    assert "voice-agent-response" not in out
    assert "\n30 of 46 traces · $" in out
    assert main(["list", ONE, "--sort", "cost", "--top", "2", *names]) == 0
    assert "\n2 of 46 traces · $" in capsys.readouterr().out
    assert main(["list", ONE, "--name", "Speech-to-text"]) == 0
    assert capsys.readouterr().out == f"{ONE} · 46 traces on 1 page\n\n0 of 46 traces\n"


def traces(*values: float | None) -> list[Trace]:
    """Make a trace for each latency, with the negative latency as its cost and its number as its id."""
    return [
        Trace(str(number), None, None, MOMENT, value, None if value is None else -value, 0, None)
        for number, value in enumerate(values)
    ]


def ranked(by: Literal["latency", "cost"], top: int | None, *batches: list[Trace]) -> list[str]:
    """Rank the traces of all batches, and return their ids."""
    ranking = Ranking(by, top)
    for batch in batches:
        ranking.add(batch)
    return [trace.trace_id for trace in ranking.traces()]


@pytest.mark.parametrize(
    ("by", "top", "ids"),
    [
        ("latency", None, "23501467"),
        ("latency", 3, "235"),
        ("latency", 100, "23501467"),
        ("cost", None, "40152367"),
        ("cost", 1, "4"),
    ],
)
def test_the_largest_comes_first_and_unknown_values_last(
    by: Literal["latency", "cost"], top: int | None, ids: str
) -> None:
    """Equal values keep their order. A negative value comes before an unknown one."""
    assert "".join(ranked(by, top, traces(0.0, 0.0, 2.0, 2.0, -1.0, 1.0, None, None))) == ids


@given(st.lists(st.lists(VALUES, max_size=6), max_size=6), st.none() | st.integers(1, 20))
def test_batches_make_no_difference(batches: list[list[float | None]], top: int | None) -> None:
    """The result is the same as if all traces had come in one batch."""
    every = traces(*(value for batch in batches for value in batch))
    rest = iter(every)
    parts = [[next(rest) for _ in batch] for batch in batches]
    unknown = [trace.trace_id for trace in every if trace.latency_seconds is None]
    known = sorted((t for t in every if t.latency_seconds is not None), key=lambda t: -(t.latency_seconds or 0.0))
    assert ranked("latency", top, *parts) == [*(trace.trace_id for trace in known), *unknown][:top]
