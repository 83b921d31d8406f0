"""The fields that hold mappings or JSON count for equality but not for the hash, so that every value has a hash."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import attrs
import pytest

from lyzr_traces_async import Observation, SessionInfo, TraceDetail, summarize
from tests.models.summaries import SMALL

MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER: Final = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
OBSERVATION: Final = Observation("o-1", "SPAN", MOMENT)
VALUES: Final[list[Any]] = [
    OBSERVATION,
    TraceDetail("t-1", "llm", "s-1", MOMENT, 1.5, 0.25, "/t-1", (OBSERVATION,)),
    SessionInfo("s-1", "room", "agent", "done", MOMENT, MOMENT, 4, 5),
    summarize(SMALL),
]
HELD: Final[dict[str, dict[str, Any]]] = {
    "Observation": {
        "model_parameters": {"t": 1},
        "input": ["text"],
        "output": {"a": 1},
        "metadata": "text",
        "usage_details": {"input": 1.0},
        "cost_details": {"input": 1.0},
        "extra": {"a": 1},
    },
    "TraceDetail": {"extra": {"a": 1}},
    "SessionInfo": {"extra": {"a": 1}},
    "TraceSummary": {"by_name": {}},
}
CASES: Final = [(value, field) for value in VALUES for field in attrs.fields_dict(type(value))]


def other(value: Any) -> Any:
    """Return a value of the same kind that is not equal."""
    match value:
        case datetime():
            return LATER if value != LATER else MOMENT
        case tuple():
            return (*value, *value) or (OBSERVATION,)
        case int() | float():
            return value + 1
        case str():
            return value + "x"
    return "x" if value is None else None


@pytest.mark.parametrize(("value", "field"), CASES, ids=[f"{type(value).__name__}.{field}" for value, field in CASES])
def test_every_field_counts_for_equality_and_all_but_mappings_and_json_for_the_hash(value: Any, field: str) -> None:
    """Each field is changed alone."""
    held = HELD[type(value).__name__]
    changed = attrs.evolve(value, **{field: held[field] if field in held else other(getattr(value, field))})
    assert changed != value
    assert (hash(changed) == hash(value)) == (field in held)
