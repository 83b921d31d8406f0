"""A summary as a value: equal, picklable, and written as JSON."""

from __future__ import annotations

import inspect
import json
import pickle

from attrs import evolve, fields_dict

from lyzr_traces_async import (
    NameSummary,
    Quantiles,
    Summarizer,
    TraceSummary,
    summarize,
)
from tests.models.summaries import SMALL, with_costs


def test_the_summary_has_its_documented_names() -> None:
    """The order of the fields and the signatures are public."""
    assert str(inspect.signature(summarize)) == "(traces: 'Iterable[Trace]', *, top: 'int' = 5) -> 'TraceSummary'"
    assert str(inspect.signature(Summarizer)) == "(*, top: 'int' = 5) -> 'None'"
    assert list(fields_dict(Quantiles)) == ["p50", "p90", "p95", "p99", "max"]
    assert list(fields_dict(NameSummary)) == [
        "name", "count", "total_cost_usd", "costs_missing", "latencies_missing", "cost_share", "latency",
    ]  # fmt: skip
    assert list(fields_dict(TraceSummary)) == [
        "count", "total_cost_usd", "costs_missing", "latencies_missing", "latency", "began", "ended", "by_name",
        "slowest", "dearest",
    ]  # fmt: skip
    assert {name for name in vars(Summarizer) if not name.startswith("_")} == {"add", "summary"}


def test_a_summary_is_a_value() -> None:
    """It is equal by value, hashable and picklable, and has a short repr."""
    summary = summarize(SMALL)
    again = pickle.loads(pickle.dumps(summary))  # noqa: S301 - of our own making
    assert again == summary
    assert list(again.by_name) == list(summary.by_name)
    assert hash(again) == hash(summary)
    assert summary != summarize(SMALL[:4])
    assert hash(evolve(summary, by_name={})) == hash(summary)
    assert repr(summary).endswith("by_name=<4>, slowest=<3>, dearest=<3>)")
    assert "Trace(" not in repr(summary)


def test_a_summary_is_json() -> None:
    """It uses names in the API's style, and lists the names' summaries in their order."""
    document = summarize(SMALL, top=1).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert list(document) == [
        "count", "totalCostUsd", "costsMissing", "latenciesMissing", "latency", "began", "ended", "byName", "slowest",
        "dearest",
    ]  # fmt: skip
    assert document["latency"] == {"p50": 1.0, "p90": 2.0, "p95": 2.0, "p99": 2.0, "max": 2.0}
    assert (document["began"], document["ended"]) == ("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:10.000Z")
    assert [part["name"] for part in document["byName"]] == ["llm", "tts", "stt", None]
    assert document["byName"][1] == {
        "name": "tts",
        "count": 1,
        "totalCostUsd": 0.375,
        "costsMissing": 0,
        "latenciesMissing": 1,
        "costShare": 0.375,
        "latency": None,
    }
    assert document["slowest"] == document["dearest"] == [SMALL[1].to_dict()]
    assert summarize(with_costs([1e308, 1e308])).to_dict()["totalCostUsd"] is None
