"""The models: equality, hashes, pickles, and the arguments that they refuse."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import pytest

from lyzr_traces_async.errors import InvalidArgumentError, LyzrTracesError, NotFoundError
from lyzr_traces_async.models import (
    ClientStats,
    Pagination,
    QuotaState,
    RetryPolicy,
    SessionTraces,
    Trace,
    TracePage,
)

MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
TRACE: Final = Trace("t-1", "llm", "s-1", MOMENT, 1.25, 0.5, 3, "/p/t-1", {"tags": ["a"]})
PAGINATION: Final = Pagination(page=2, limit=10, total_items=33, total_pages=4)
VALUES: Final[list[Any]] = [
    TRACE,
    PAGINATION,
    TracePage((TRACE, attrs.evolve(TRACE, trace_id="t-2")), PAGINATION),
    SessionTraces("s-1", None, (TRACE,)),
    ClientStats(1, 2, 3, 4.5, 5, 6),
    RetryPolicy(attempts=3),
    QuotaState(requests=100, remaining=57, resets_in=30.5, window_seconds=60.0),
]
KINDS: Final = [type(value).__name__ for value in VALUES]
OTHERS: Final[dict[str, Any]] = {
    "trace_id": "t-2",
    "name": None,
    "session_id": None,
    "timestamp": MOMENT.replace(year=2025),
    "latency_seconds": None,
    "total_cost_usd": None,
    "observation_count": 4,
    "html_path": None,
    "extra": {},
}


@pytest.mark.parametrize("value", VALUES, ids=KINDS)
def test_values_are_equal_by_value(value: Any) -> None:
    """Equal values have the same hash, so that sets can hold them."""
    again = copy.deepcopy(value)
    assert again is not value
    assert again == value
    assert hash(again) == hash(value)
    assert len({value, again}) == 1
    assert value != object()


@pytest.mark.parametrize("value", VALUES, ids=KINDS)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_values_can_be_pickled(value: Any, protocol: int) -> None:
    """All their fields survive."""
    assert pickle.loads(pickle.dumps(value, protocol)) == value  # noqa: S301 - of our own making


@pytest.mark.parametrize("value", VALUES, ids=KINDS)
def test_values_are_slotted(value: Any) -> None:
    """They take little memory, and a misspelt attribute is an error."""
    assert not hasattr(value, "__dict__")
    with pytest.raises(AttributeError):
        value.no_such_attribute = 1


@pytest.mark.parametrize("field", OTHERS)
def test_traces_differ_where_any_field_differs(field: str) -> None:
    """All fields count for equality, and all but ``extra`` for the hash."""
    other = attrs.evolve(TRACE, **{field: OTHERS[field]})
    assert other != TRACE
    assert (hash(other) == hash(TRACE)) == (field == "extra")


@pytest.mark.parametrize("field", ["page", "limit", "total_items", "total_pages"])
def test_paginations_differ_where_any_field_differs(field: str) -> None:
    """The fields are given in the order of the constructor."""
    assert attrs.evolve(PAGINATION, **{field: 99}) != PAGINATION
    assert (PAGINATION.page, PAGINATION.limit, PAGINATION.total_items, PAGINATION.total_pages) == (2, 10, 33, 4)


def test_extra_is_empty_unless_given_and_shared_by_nobody() -> None:
    """Each trace has an empty mapping of its own."""
    first, second = (Trace("t", None, None, MOMENT, None, None, 0, None) for _ in range(2))
    assert first.extra == {}
    assert first.extra is not second.extra


def test_a_page_is_a_container_of_its_traces() -> None:
    """It is iterable and sized, and falsy without traces."""
    page = VALUES[2]
    assert list(page) == list(page.traces)
    assert len(page) == 2
    assert TRACE in page
    assert page
    assert not TracePage((), PAGINATION)
    assert len(TracePage((), PAGINATION)) == 0


def test_a_session_is_a_container_of_its_traces() -> None:
    """It is iterable and sized, and falsy without traces."""
    session = SessionTraces("s-1", None, (TRACE, TRACE))
    assert session.traces == (TRACE, TRACE)
    assert list(session) == [TRACE, TRACE]
    assert len(session) == 2
    assert session
    assert not SessionTraces("s-1", None)
    assert SessionTraces("s-1", None).traces == ()


def test_a_failed_session_raises_its_error_when_its_traces_are_used() -> None:
    """A program that does not check for errors can't take a failed session for an empty one."""
    error = NotFoundError("no such session", status=404)
    session = SessionTraces("s-1", error)
    assert (session.session_id, session.error) == ("s-1", error)
    for ask in (lambda: session.traces, lambda: list(session), lambda: len(session), lambda: bool(session)):
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value is error


def test_a_session_that_failed_can_be_pickled() -> None:
    """Its error survives."""
    again = pickle.loads(pickle.dumps(SessionTraces("s-1", LyzrTracesError("no", page=3))))  # noqa: S301 - our own
    assert again.session_id == "s-1"
    assert str(again.error) == "no [page 3]"


def test_a_session_is_shown_without_its_traces() -> None:
    """Its repr leaves them out, since there may be thousands."""
    assert repr(SessionTraces("s-1", None, (TRACE,) * 1000)).endswith("=<1000>)")


def test_stats_begin_with_nothing() -> None:
    """Each counter starts at 0, under its own name."""
    assert ClientStats() == ClientStats(
        requests=0, retries=0, rate_limited=0, seconds_paced=0.0, duplicates_dropped=0, pages_reread=0
    )
    assert attrs.astuple(VALUES[4]) == (1, 2, 3, 4.5, 5, 6)


def test_the_retry_policy_has_its_documented_defaults() -> None:
    """All waits are in seconds."""
    assert attrs.asdict(RetryPolicy()) == {
        "attempts": 6,
        "wait_initial": 0.5,
        "wait_max": 20.0,
        "wait_jitter": 1.0,
        "max_rate_limit_wait": 120.0,
    }


@pytest.mark.parametrize("value", [1, 2, 1000])
def test_a_retry_policy_makes_at_least_one_attempt(value: int) -> None:
    """One attempt means no retry."""
    assert RetryPolicy(attempts=value).attempts == value


@pytest.mark.parametrize("value", [0, -1, True, 1.0, "3", None, math.inf])
def test_a_retry_policy_takes_nothing_else_as_a_number_of_attempts(value: Any) -> None:
    """The error says what is expected."""
    with pytest.raises(InvalidArgumentError) as caught:
        RetryPolicy(attempts=value)
    assert str(caught.value) == f"RetryPolicy: attempts must be an integer >= 1, not {value!r}"


WAITS: Final = ["wait_initial", "wait_max", "wait_jitter", "max_rate_limit_wait"]


@pytest.mark.parametrize("name", WAITS)
@pytest.mark.parametrize("value", [0, 0.0, 0.25, 7, 1e300])
def test_a_retry_policy_takes_any_wait_from_0_on(name: str, value: float) -> None:
    """The value stays unchanged."""
    assert getattr(RetryPolicy(**{name: value}), name) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("name", WAITS)
@pytest.mark.parametrize("value", [-0.25, -1, math.inf, math.nan, True, "1", None])
def test_a_retry_policy_takes_nothing_else_as_a_wait(name: str, value: Any) -> None:
    """The error names the wait."""
    with pytest.raises(InvalidArgumentError) as caught:
        RetryPolicy(**{name: value})
    assert str(caught.value) == f"RetryPolicy: {name} must be a number of seconds >= 0, not {value!r}"
