"""The inside of a trace: the fields of an observation, and the tree that the observations form."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import Observation, ObservationNode, TraceDetail

BEGIN = datetime(2026, 3, 25, 18, 19, 24, 347_000, tzinfo=UTC)


def observation(name: str, parent: str | None = None, at: float = 0.0) -> Observation:
    return Observation(name, "SPAN", BEGIN + timedelta(seconds=at), parent_observation_id=parent)


def detail(*observations: Observation) -> TraceDetail:
    return TraceDetail("t-1", "llm", None, BEGIN, 1.5, 0.25, None, observations, {"new": [1]})


def drawn(nodes: Iterable[ObservationNode]) -> str:
    """Write a tree as ``a(b c(d))``."""
    return " ".join(node.observation.id + (f"({drawn(node.children)})" if node.children else "") for node in nodes)


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        pytest.param([], "", id="none"),
        pytest.param([observation("a")], "a", id="one"),
        pytest.param([observation("c", "a", 2), observation("b", "a", 1), observation("a")], "a(b c)", id="in order"),
        pytest.param([observation("b", "lost", 1), observation("a", "gone")], "a b", id="orphans"),
        pytest.param([observation("a", "")], "a", id="an empty parent"),
        pytest.param([observation("a", "a")], "a", id="its own parent"),
        pytest.param([observation("a", "b"), observation("b", "a", 1)], "a(b)", id="cycle"),
        pytest.param(
            [observation("b", "a"), observation("a", "b", 1), observation("c", "a", 2)], "b(a(c))", id="below a cycle"
        ),
        pytest.param(
            [observation("top"), observation("a", "c", 1), observation("b", "a", 2), observation("c", "b", 3)],
            "top a(b(c))",
            id="long cycle",
        ),
        pytest.param(
            [observation("a"), observation("a", None, 1), observation("b", "a", 2)], "a(b) a", id="an id twice"
        ),
    ],
)
def test_observations_become_trees(observations: list[Observation], expected: str) -> None:
    """Orphans become roots, and a cycle is cut at its earliest observation."""
    assert drawn(detail(*observations).tree()) == expected


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"), st.sampled_from(["a", "b", "c", "d", "e", "f", "g", None]), st.integers(0, 3)
        ),
        max_size=9,
    )
)
def test_each_observation_is_in_the_trees_once(rows: list[tuple[str, str | None, int]]) -> None:
    """This holds for any parents. Observations of one level are ordered by their start."""
    observations = [observation(*row) for row in rows]
    found = []
    level = list(detail(*observations).tree())
    assert [node.observation.start_time for node in level] == sorted(node.observation.start_time for node in level)
    while level:
        node = level.pop()
        found.append(node.observation)
        begins = [child.observation.start_time for child in node.children]
        assert begins == sorted(begins)
        assert all(child.observation.parent_observation_id == node.observation.id for child in node.children)
        level += node.children
    assert sorted(map(str, found)) == sorted(map(str, observations))


def test_a_tree_may_be_deeper_than_the_stack() -> None:
    """A server's answer can't cause a RecursionError."""
    chain = [observation(str(n), str(n - 1), n / 1000) for n in range(5000)]
    (node,) = detail(*reversed(chain)).tree()
    depth = 1
    while node.children:
        (node,) = node.children
        depth += 1
    assert depth == 5000


@pytest.mark.parametrize(
    ("end", "seconds"), [(None, None), (BEGIN + timedelta(seconds=1.5), 1.5), (BEGIN - timedelta(seconds=2), -2.0)]
)
def test_an_observation_tells_how_long_it_took(end: datetime | None, seconds: float | None) -> None:
    """The duration is ``None``, not zero, without an end, and it may be negative."""
    one = attrs.evolve(observation("a"), end_time=end)
    assert (one.duration_seconds, one.time_to_first_token_seconds) == (seconds, None)
    one = attrs.evolve(observation("a"), completion_start_time=end)
    assert (one.duration_seconds, one.time_to_first_token_seconds) == (None, seconds)


def test_prompts_and_answers_are_not_in_the_repr() -> None:
    """They may be long and confidential."""
    one = attrs.evolve(
        observation("a"), input="a secret", output={"b": "a secret"}, metadata={}, extra={"c": "a secret"}
    )
    assert "secret" not in repr(one)
    assert "observations=<2>" in repr(detail(one, one))
    assert "children=<1>" in repr(ObservationNode(one, (ObservationNode(one),)))


def test_a_trace_with_its_observations_is_written_as_json() -> None:
    """It uses the API's names, with the observations, and has unknown fields at the end."""
    one = attrs.evolve(
        observation("a"),
        end_time=BEGIN + timedelta(microseconds=1),
        input=[{"role": "user"}],
        usage_details={"input": 3},
        extra={"new": None},
    )
    written = json.loads(json.dumps(detail(one).to_dict()))
    assert list(written)[:3] + list(written)[-2:] == ["traceId", "name", "sessionId", "observations", "new"]
    (row,) = written["observations"]
    assert (row["startTime"], row["endTime"]) == ("2026-03-25T18:19:24.347Z", "2026-03-25T18:19:24.347001Z")
    assert (row["parentObservationId"], row["input"], row["usageDetails"]) == (None, [{"role": "user"}], {"input": 3})
    assert row["new"] is None
    (node,) = detail(one).tree()
    assert node.to_dict() == {"observation": one.to_dict(), "children": []}


def test_a_trace_with_its_observations_is_a_value() -> None:
    """It is equal by value, picklable, and hashable although it holds JSON."""
    one = attrs.evolve(observation("a"), input=[1], output={"b": 2}, metadata={}, model_parameters={"t": 0})
    value = detail(one)
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - of our own making
    assert hash(detail(attrs.evolve(one, input=[2]))) == hash(value)
    assert detail(attrs.evolve(one, input=[2])) != value
