"""Session ids that users pass in: the accepted forms, and how others are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async._arguments import (
    check_ids,
    session_id_of,
)
from lyzr_traces_async.errors import InvalidArgumentError
from tests.surface.refusing import ID, refusal


@pytest.mark.parametrize("given_", [ID, ID.upper(), "3FA85f64-5717-4562-b3fc-2c963f66afa6"])
def test_a_session_id_is_taken_in_any_case_and_sent_as_it_is(given_: str) -> None:
    """The service compares ids letter by letter, as the program that started the session wrote them."""
    assert session_id_of(given_) == given_


@settings(deadline=None)
@given(st.uuids())
def test_any_uuid_is_a_session_id(uuid: UUID) -> None:
    """Any version is accepted, and written in lower case as in RFC 9562."""
    assert session_id_of(uuid) == str(uuid)
    assert session_id_of(str(uuid).upper()) == str(uuid).upper()


@pytest.mark.parametrize(
    "given_",
    [
        "",
        "x",
        ID.replace("-", ""),
        "{" + ID + "}",
        "urn:uuid:" + ID,
        ID + "\n",
        " " + ID,
        ID + "0",
        ID[:-1],
        ID.replace("3", "g"),
        ID.replace("3", "\uff13"),
        ID.replace("-", "_"),
        ID[:8] + ID[9:13] + "-" + ID[13:],
        ID.replace("4562-", "456-2"),
        None,
        3,
        UUID(ID).bytes,
        UUID(ID).int,
        [ID],
    ],
)
def test_any_other_spelling_of_a_session_id_is_refused(given_: object) -> None:
    """The error quotes it and shows a valid example."""
    text = refusal(session_id_of, given_)
    assert text.endswith(f"a UUID such as {ID}, not {given_!r}")


@pytest.mark.parametrize(
    ("length", "shown"), [(78, "'" + "a" * 78 + "'"), (79, "'" + "a" * 76 + "..."), (5000, "'" + "a" * 76 + "...")]
)
def test_a_long_value_is_shown_as_it_begins(length: int, shown: str) -> None:
    """The error quotes at most 80 characters."""
    text = refusal(session_id_of, "a" * length)
    assert text.endswith(f", not {shown}")
    assert len(shown) <= 80


class AsyncIds:
    """An async iterable that must not be iterated yet."""

    def __aiter__(self) -> AsyncIterator[str]:
        raise AssertionError("too early")


@pytest.mark.parametrize("value", [[], [ID], (ID,), {ID}, {ID: 1}, AsyncIds()])
def test_session_ids_are_any_iterable(value: object) -> None:
    """It may be synchronous or asynchronous."""
    check_ids(value)


def test_the_check_of_session_ids_does_not_consume_them() -> None:
    """An iterator yields its items only once."""
    ids = iter([ID])
    check_ids(ids)
    assert list(ids) == [ID]


@pytest.mark.parametrize("value", [ID, b"x", UUID(ID), None, 3])
def test_a_single_id_is_no_iterable_of_ids(value: object) -> None:
    """A string would be an iterable of its letters."""
    assert refusal(check_ids, value) == f"session_ids must be an iterable of session ids, not {value!r}"


def test_an_object_that_only_prints_like_an_id_is_refused() -> None:
    """Its type is neither a string nor a UUID."""

    class Id:
        def __str__(self) -> str:
            return ID

    assert "session_id must be a UUID" in refusal(session_id_of, Id())


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_session_id_or_refused(text: str) -> None:
    """An accepted one has 36 characters."""
    try:
        assert len(session_id_of(text)) == 36
    except InvalidArgumentError:
        assert text != str(uuid4())
