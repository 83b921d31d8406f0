"""The arguments of summarize and Summarizer, and how others are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from lyzr_traces_async import (
    InvalidArgumentError,
    NotFoundError,
    Pagination,
    SessionTraces,
    Summarizer,
    Trace,
    TracePage,
    summarize,
)
from tests.models.summaries import SMALL


def test_a_page_and_a_session_are_iterables_of_traces() -> None:
    """A generator of traces is one too."""
    expected = summarize(SMALL)
    assert summarize(TracePage(tuple(SMALL), Pagination(1, 100, 5, 1))) == expected
    assert summarize(SessionTraces("s", None, tuple(SMALL))) == expected
    assert summarize(each for each in SMALL) == expected


def test_a_session_that_failed_raises_its_error() -> None:
    """It is not taken for a session without traces."""
    error = NotFoundError("no such session", status=404)
    with pytest.raises(NotFoundError) as caught:
        summarize(SessionTraces("s", error))
    assert caught.value is error


CHAIN: Final = ": summarize each of them, or chain their traces"


@pytest.mark.parametrize(
    ("traces", "message"),
    [
        ([SessionTraces("s", NotFoundError("no", status=404))], f"but item 1 is of type SessionTraces{CHAIN}"),
        ([TracePage((), Pagination(1, 1, 0, 0))], f"but item 1 is of type TracePage{CHAIN}"),
        ([SMALL], f"but item 1 is of type list{CHAIN}"),
        ([*SMALL, None], "but item 6 is of type NoneType"),
        (["t"], "but item 1 is of type str"),
        ("text", "but item 1 is of type str"),
        ([SMALL[0].to_dict()], "but item 1 is of type dict"),
    ],
)
def test_an_item_that_is_no_trace_is_refused(traces: Any, message: str) -> None:
    """The error has its position, its type, and what to do."""
    with pytest.raises(InvalidArgumentError) as caught:
        summarize(traces)
    assert str(caught.value) == f"traces must be of type Trace, {message}"


def test_a_refused_item_is_not_added() -> None:
    """The summary stays unchanged."""
    summarizer = Summarizer()
    summarizer.add(SMALL[0])
    with pytest.raises(InvalidArgumentError, match="but item 2 is of type int"):
        summarizer.add(5)  # type: ignore[arg-type]
    assert summarizer.summary() == summarize(SMALL[:1])


@pytest.mark.parametrize("value", [None, 5, SMALL[0]])
def test_an_argument_that_is_no_iterable_is_refused(value: Any) -> None:
    """A single trace is refused too."""
    with pytest.raises(InvalidArgumentError) as caught:
        summarize(value)
    assert str(caught.value) == f"traces must be an iterable of Trace, not of type {type(value).__name__}"


def test_an_asynchronous_iterable_is_refused_with_what_to_do() -> None:
    """The traces of the client's iterators must be collected first."""

    async def walk() -> AsyncIterator[Trace]:
        yield SMALL[0]

    traces: Any = walk()
    with pytest.raises(InvalidArgumentError) as caught:
        summarize(traces)
    assert str(caught.value) == (
        "summarize does not take an asynchronous iterable: collect the traces first, with "
        "`[trace async for trace in traces]`, or add them one by one to a Summarizer"
    )


@pytest.mark.parametrize("top", [-1, True, 2.0, "5", None])
def test_top_is_a_count(top: Any) -> None:
    """It may be 0."""
    for refused in (lambda: summarize(SMALL, top=top), lambda: Summarizer(top=top)):
        with pytest.raises(InvalidArgumentError) as caught:
            refused()
        assert str(caught.value) == f"top must be an integer >= 0, not {top!r}"
