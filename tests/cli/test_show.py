"""`show`: one trace as a tree, prompts and answers with `--full`, and no control characters."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from lyzr_traces_async import Observation, TraceDetail
from lyzr_traces_async._text import UNSAFE
from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._links import Dashboard
from lyzr_traces_async.cli._show import print_trace
from lyzr_traces_async.testing import FakeTracesServer
from tests.cli.consoles import console_of, text_of
from tests.cli.samples import DETAIL, SESSION, after, observed

OTHER = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
DASH = "\N{EN DASH}"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def drawn(
    *observations: Observation,
    width: int = 160,
    terminal: bool = True,
    full: bool = False,
    encoding: str = "utf-8",
    colours: bool = False,
    detail: TraceDetail = DETAIL,
) -> list[str]:
    """Print a trace with these observations, and return the lines."""
    console = console_of(width, terminal=terminal, encoding=encoding, colours=colours)
    where = Dashboard("https://dash.example")
    print_trace(console, attrs.evolve(detail, observations=observations), where, full=full)
    return text_of(console).split("\n")


def tree(*observations: Observation, **options: Any) -> list[str]:
    """Return the rows of the tree without the header."""
    shown = drawn(*observations, **options)
    return shown[shown.index("") + 2 : -1]


GENERATION = observed(
    "llm",
    0.5,
    1.5,
    "root",
    model="gpt-4o-mini",
    completion_start_time=after(0.75),
    usage_details={"input": 1234, "output": 16, "total": 1250},
    cost_details={"input": 0.005, "output": 0.0034, "total": 0.0084},
    input=[{"role": "system", "content": "Be\r\nbrief."}, {"role": "user", "content": "\tHi"}],
    output={"role": "assistant", "content": "Hello"},
)


def test_a_trace_is_shown_as_a_tree(server: FakeTracesServer, capsys: Captured) -> None:
    """Each observation is a line below its parent. Prompts and answers are not shown."""
    traces = server.add_session(SESSION, traces=3, observations=True)
    trace = next(trace for trace in traces if trace.observation_count == 4)
    assert main(["show", SESSION, trace.trace_id]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    head, blank, titles, *rows = out.splitlines()
    assert head == (
        f"voice-agent-response · 2026-03-25 18:19:24.759 UTC · {trace.latency_seconds:.3f} s · $0.00"
        f"{f'{trace.total_cost_usd:.6f}'[4:]} · 4 observations · {trace.html_path}"
    )
    assert blank == ""
    assert re.split("  +", titles) == [
        *["observation", "type", "start", "took", "first token", "tokens", "cost", "model"]
    ]
    assert [re.split("  +", row)[:2] for row in rows[:2]] == [
        ["voice-agent-response", "span"],
        ["└─ llm", "generation"],
    ]
    assert rows[2].startswith("   └─ tool-call ")
    assert rows[3].startswith("      └─ tool-result ")
    assert rows[3].rstrip().endswith(f"{DASH}  {DASH}")
    assert "friendly" not in out
    assert "\x1b" not in out


def test_full_shows_prompts_and_answers_below_the_tree(server: FakeTracesServer, capsys: Captured) -> None:
    """Text is shown as text, messages with their roles, and anything else as JSON."""
    trace, *_ = server.add_session(SESSION, traces=2, observations=True)
    assert main(["show", SESSION, trace.trace_id, "--full"]) == 0
    out = capsys.readouterr().out
    assert "\nmodel parameters\n" in out or "\nmetadata\n" in out
    assert '\n  {"framework": "livekit-agents"}\n' in out
    assert "\ninput\n  system:\n    You are a friendly voice agent." in out


def test_the_json_is_that_of_the_library(server: FakeTracesServer, capsys: Captured) -> None:
    """It is one line with all fields, with or without `--full`."""
    trace, *_ = server.add_session(SESSION, traces=1)
    server.set_observations(SESSION, trace.trace_id, [observed("\x1b[2J\u2028", output="\x9b\n")])
    for arguments in ([], ["--full"]):
        assert main(["show", SESSION, trace.trace_id, "--format", "json", *arguments]) == 0
        out = capsys.readouterr().out
        assert out.count("\n") == 1
        assert UNSAFE.search(out[:-1]) is None
        found = json.loads(out)
        assert found["traceId"] == trace.trace_id
        assert found["observations"][0]["output"] == "\x9b\n"


@pytest.mark.parametrize("trace_id", ["nothing-of-that-name", "-x", "../x?%2F"])
def test_an_unknown_trace_is_an_error_of_the_api(server: FakeTracesServer, capsys: Captured, trace_id: str) -> None:
    """The command ends with status 1 and one line, also for a trace of another session."""
    server.add_session(SESSION, traces=1)
    (foreign,) = server.add_session(OTHER, traces=1)
    for unknown in (trace_id, foreign.trace_id):
        assert main(["show", SESSION, unknown]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(r"lyzr-traces: HTTP 404: Trace not found[^\n]+\n", err)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "ID"),
        ([SESSION], "TRACE"),
        (["not-a-uuid", "t"], "not-a-uuid"),
        ([SESSION, "t" * 257], "256"),
        ([SESSION, ""], "trace"),
        ([SESSION, "t", "--format", "xml"], "xml"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_sent(
    server: FakeTracesServer, capsys: Captured, arguments: list[str], complaint: str
) -> None:
    """The command ends with status 2, a line that says why, and a hint at the help."""
    assert main(["show", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err.splitlines()[0]
    assert err.endswith("Try 'lyzr-traces show --help'.\n")
    assert not server.requests


def test_missing_fields_of_a_trace_are_called_unknown() -> None:
    """A missing latency or cost is not shown as zero."""
    bare = attrs.evolve(DETAIL, name=None, latency_seconds=None, total_cost_usd=None, html_path=None)
    assert drawn(detail=bare) == [
        f"{DASH} · 2026-03-25 18:19:24.347 UTC · latency unknown · cost unknown · 0 observations",
        "",
    ]


def test_the_link_can_be_clicked_on() -> None:
    """On a terminal the link leads to the dashboard."""
    assert ";https://dash.example/t/abc\x1b\\" in drawn(colours=True)[0]


def test_each_observation_has_its_times_tokens_and_cost() -> None:
    """The start counts from the beginning of the trace, and a bar shows the time."""
    root, llm, event = tree(observed("root", 0, 2), GENERATION, observed("event", 1.0, parent="root"))
    assert root.split() == ["root", "span", "+0.000", "s", "2.000", "s", *[DASH] * 4, "━" * 40]
    name, kind, *others = re.split("  +", llm)
    assert (name, kind) == ("├─ llm", "span")
    assert others[:6] == ["+0.500 s", "1.000 s", "0.250 s", "1,234 → 16", "$0.0084", "gpt-4o-mini"]
    assert llm.endswith(" " * 10 + "━" * 21)
    assert re.search(f"└─ event +span +\\+1.000 s +{DASH} .* {{20}}╸$", event)


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        ({"total": 7}, "7"),
        ({"input": 5.0}, f"5 → {DASH}"),
        ({"output": 0.5}, f"{DASH} → 0.5"),
        ({"input": 1e300, "output": 2e9}, "1e+300 → 2e+09"),
    ],
)
def test_tokens_are_shown_as_far_as_they_are_known(usage: dict[str, float], text: str) -> None:
    """Any unit is accepted, and numbers take no more digits than fit."""
    (row,) = tree(observed("a", usage_details=usage))
    assert f"  {text}  " in row


def test_columns_without_values_are_left_out() -> None:
    """A trace of spans has no tokens, no cost and no model."""
    titles = drawn(observed("a", usage_details={"seconds": 3}))
    assert titles[2].split() == ["observation", "type", "start", "took"]
    titles = drawn(observed("a", cost_details={"input": 0.25, "output": 0.5}))
    assert titles[2].split() == ["observation", "type", "start", "took", "cost"]
    assert " $0.75 " in titles[3]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (20, "observation took"),
        (34, "observation start took"),
        (48, "observation start took cost"),
        (60, "observation start took first token cost"),
        (80, "observation start took first token tokens cost"),
        (100, "observation start took first token tokens cost model"),
        (120, "observation type start took first token tokens cost model"),
        (160, "observation type start took first token tokens cost model"),
    ],
)
def test_a_narrow_terminal_keeps_the_most_important_columns(width: int, titles: str) -> None:
    """The type and the bar are dropped first, then the model and the tokens."""
    shown = drawn(observed("root", 0, 2), GENERATION, width=width)
    header = next(line for line in shown if line.startswith("observation"))
    assert " ".join(header.split()) == titles
    assert max(map(cell_len, shown)) <= width


def test_the_level_and_the_status_message_stand_below_an_observation() -> None:
    """The default level without a message is left out. A long message is cut, except with `--full` and in a pipe."""
    said = ("no answer " * 100).strip()
    failed = observed("root", 0, 1, level="ERROR", status_message=said)
    quiet = observed("part", 0, 1, "root", level="DEFAULT", status_message="")
    warned = observed("last", 1, 2, "root", level="WARNING")
    rows = tree(failed, quiet, warned, width=80)
    assert rows[1].startswith("│  ERROR: no answer no answer")
    assert rows[-4].endswith("…")
    assert rows[-3].startswith("├─ part")
    assert rows[-2].startswith("└─ last")
    assert rows[-1] == "      WARNING"
    assert len(rows) <= 8
    assert "".join(tree(failed, quiet, warned, width=80, full=True)).count("answer") >= 95
    assert tree(failed, terminal=False)[1] == f"   ERROR: {said}"
    assert "\x1b[1;31mERROR" in "".join(drawn(failed, colours=True))


def test_contents_are_printed_as_text_messages_or_json() -> None:
    """Lines are wrapped on a terminal with their indentation, and control characters are shown as escapes."""
    inside = observed(
        "a", -0.25, input="one\ntwo \x1b[31m", output={"deep": ["word " * 40]}, metadata={"n": 1}, model_parameters={}
    )
    shown = drawn(inside, GENERATION, full=True, width=60)
    text = "\n".join(shown)
    assert "\na  -0.250 s\ninput\n  one\n  two \\x1b[31m\noutput\n  {\n" in text
    assert '\n      "word word ' in text
    assert len(re.findall('^      ("|w)', text, re.MULTILINE)) >= 4
    assert '\nmetadata\n  {"n": 1}\n' in text
    assert "model parameters" not in text
    assert "\nllm  +0.500 s\ninput\n  system:\n    Be\n    brief.\n  user:\n        Hi\noutput\n" in text
    assert '\nusage\n  {"input": 1234, "output": 16, "total": 1250}\n' in text
    assert max(map(cell_len, shown)) <= 60
    plain = drawn(inside, full=True, terminal=False)
    assert f'      "{"word " * 40}"' in plain


@pytest.mark.parametrize("value", [0, False, "", "text", [], {}, None, [1, None], [{"role": "user", "content": 1}]])
def test_empty_contents_are_left_out(value: Any) -> None:
    """Zero, false and an empty text are contents."""
    text = "\n".join(drawn(observed("a", output=value), full=True))
    assert ("\noutput\n" in text) is (value is False or value not in ([], {}, None))


def test_observations_with_impossible_times_are_shown() -> None:
    """An end before the start, a start before the trace, a trace of no length, and no name."""
    backwards = attrs.evolve(observed("a", -1.0, -3.0), name=None)
    (row,) = tree(backwards)
    assert row.startswith("span ")
    assert " -1.000 s   -2.000 s  " in row
    (row,) = tree(observed("a", 0, 0), detail=attrs.evolve(DETAIL, latency_seconds=float("inf")))
    assert row.endswith(" ━")


def test_bars_reach_as_far_as_the_last_observation() -> None:
    """The last observation may end after the trace."""
    late, half = tree(observed("a", 0, 4), observed("b", 0, 2))
    assert (late.count("━"), half.count("━")) == (40, 21)


def test_a_very_deep_tree_loses_its_indentation() -> None:
    """A chain of 1,200 observations keeps their names, and fits the terminal."""
    chain = [observed(f"n{depth}", depth, parent=f"n{depth - 1}") for depth in range(1200)]
    for options in ({"width": 80}, {"width": 20}, {"terminal": False}):
        rows = tree(*chain, **options)
        assert len(rows) == 1200
        assert all(f" n{depth} " in row or options == {"width": 20} for depth, row in enumerate(rows[1:], 1))
        assert rows[-1].startswith(("…", "n"))
    assert max(map(cell_len, drawn(*chain, width=20))) <= 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds
OBSERVATIONS = st.builds(
    Observation,
    id=st.sampled_from("abcde"),
    type=st.text(),
    start_time=MOMENTS,
    parent_observation_id=st.none() | st.sampled_from("abcdef"),
    name=st.none() | st.text(),
    level=st.none() | st.text(),
    status_message=st.none() | st.text(),
    model=st.none() | st.text(),
    end_time=st.none() | MOMENTS,
    completion_start_time=st.none() | MOMENTS,
    input=JSON,
    output=JSON,
    metadata=JSON,
    usage_details=st.dictionaries(st.sampled_from(["input", "output", "total", "x"]), st.floats(allow_nan=False)),
    cost_details=st.dictionaries(st.sampled_from(["input", "total", "x"]), st.floats(allow_nan=False)),
)


@settings(max_examples=40)
@given(
    observations=st.lists(OBSERVATIONS, max_size=6),
    width=st.integers(24, 200),
    encoding=st.sampled_from(["utf-8", "ascii", "cp1252"]),
    terminal=st.booleans(),
)
def test_any_trace_fits_any_terminal(
    *, observations: list[Observation], width: int, encoding: str, terminal: bool
) -> None:
    """No line is too long, and no control character is written."""
    shown = drawn(*observations, width=width, encoding=encoding, terminal=terminal, full=True)
    assert not any(map(UNSAFE.search, shown))
    if terminal:
        assert max(map(cell_len, shown)) <= width
