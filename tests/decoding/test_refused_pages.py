"""Documents that are not a page are refused, with problems of limited length."""

from __future__ import annotations

import json
from typing import Final

import pytest

from lyzr_traces_async._arguments import Secret
from lyzr_traces_async._decoding import text_of
from tests.decoding.pages import PAGINATION, TRACE, body, refused, without

KEY: Final = "sk-live-0123456789"


def test_every_problem_is_told_with_its_path() -> None:
    """The error lists all problems, and its message shows three."""
    error = refused(
        body(
            {**TRACE, "traceId": 1, "name": []},
            TRACE,
            {**without(TRACE, "timestamp"), "observationCount": "3"},
            "text",
            None,
            pagination={"page": 0, "limit": True, "totalItems": 1},
        )
    )
    assert set(error.problems) == {
        "traces[0].traceId: expected a string, got an integer",
        "traces[0].name: expected a string or null, got an array",
        "traces[2].timestamp: required, but missing",
        "traces[2].observationCount: expected an integer, got a string",
        "traces[3]: expected an object, got a string",
        "traces[4]: expected an object, got null",
        "pagination.page: expected an integer >= 1, got 0",
        "pagination.limit: expected an integer, got a boolean",
        "pagination.totalPages: required, but missing",
    }
    assert len(error.problems) == 9
    assert "; ".join(error.problems[:3]) + "; and 6 more." in str(error)
    assert error.problems[3] not in str(error)


@pytest.mark.parametrize(("wrong", "more"), [(2, ""), (3, ""), (4, "; and 1 more")])
def test_the_message_shows_three_problems_and_how_many_more_there_are(wrong: int, more: str) -> None:
    """It also says that the base URL may be wrong."""
    error = refused(body(*[None] * wrong))
    shown = "; ".join(f"traces[{i}]: expected an object, got null" for i in range(min(wrong, 3)))
    assert str(error).startswith(f"the answer is not a page of traces: {shown}{more}. ")
    assert "base URL" in str(error)


@pytest.mark.parametrize(
    ("of", "problems"),
    [
        (b"{}", {"traces: required, but missing", "pagination: required, but missing"}),
        (b"[]", {"expected an object, got an array"}),
        (b"null", {"expected an object, got null"}),
        (b"true", {"expected an object, got a boolean"}),
        (b"1", {"expected an object, got an integer"}),
        (b"1.5", {"expected an object, got a number"}),
        (b'"x"', {"expected an object, got a string"}),
        (body(pagination=[]), {"pagination: expected an object, got an array"}),
        (body(pagination=None), {"pagination: expected an object, got null"}),
        (body(pagination="x"), {"pagination: expected an object, got a string"}),
        (json.dumps({"pagination": PAGINATION}).encode(), {"traces: required, but missing"}),
        (body(traces={}), {"traces: expected an array, got an object"}),
        (body(traces=None), {"traces: expected an array, got null"}),
        (body(traces="abc"), {"traces: expected an array, got a string"}),
        (body([]), {"traces[0]: expected an object, got an array"}),
        (body(7), {"traces[0]: expected an object, got an integer"}),
    ],
)
def test_a_document_of_another_shape_is_refused(of: bytes, problems: set[str]) -> None:
    """Each problem says where something else was expected."""
    assert set(refused(of).problems) == problems


def test_the_problems_of_a_page_are_limited_in_number_and_length() -> None:
    """A page may have a problem in every field, and megabytes of text in each."""
    error = refused(body(*[TRACE | {"timestamp": "A" * 5000}] * 2000))
    assert len(error.problems) == 1000
    assert max(map(len, error.problems)) < 310
    assert error.problems[0].endswith("AAA...")
    assert "; and 1997 more. Check" in str(error)
    assert len(str(error)) < 1500


def test_a_problem_is_cut_after_300_characters() -> None:
    """An ellipsis shows the cut."""
    shortest = refused(body(TRACE | {"timestamp": "A"})).problems[0]
    most = 300 - len(shortest) + 1
    (whole,) = refused(body(TRACE | {"timestamp": "A" * most})).problems
    (cut,) = refused(body(TRACE | {"timestamp": "A" * (most + 1)})).problems
    assert len(whole) == 300
    assert whole.endswith("'")
    assert cut == whole[:-1] + "A..."


def test_the_text_of_a_body_does_not_end_within_the_key() -> None:
    """This holds for every spelling of the key."""
    spelled = "".join(f"%{ord(letter):02x}" for letter in KEY)
    for dots in (2040, 2048 - len(spelled) // 2, 2047):
        assert "%" not in text_of(("." * dots + spelled * 20).encode(), Secret(KEY).mask)


def test_the_beginning_of_a_refused_body_is_shown() -> None:
    """It usually shows at a glance what the body is."""
    assert str(refused(b"<!DOCTYPE html>\n <title>Sign in</title>")).endswith(
        "The answer: it begins with '<!DOCTYPE html> <title>Sign in</title>'."
    )
    assert str(refused(b"")).endswith("The answer: it is empty.")
