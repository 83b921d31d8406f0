"""Session ids that users pass in: which are taken, in which form, and how others are refused."""

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
    """The service compares letter by letter, and stores what whoever started the session has written."""
    assert session_id_of(given_) == given_


@settings(deadline=None)
@given(st.uuids())
def test_any_uuid_is_a_session_id(uuid: UUID) -> None:
    """Of any version; in lower case, as RFC 9562 writes it out."""
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
    """With what was given, and an example of what was expected."""
    text = refusal(session_id_of, given_)
    assert text.endswith(f"a UUID such as {ID}, not {given_!r}")


@pytest.mark.parametrize(
    ("length", "shown"), [(78, "'" + "a" * 78 + "'"), (79, "'" + "a" * 76 + "..."), (5000, "'" + "a" * 76 + "...")]
)
def test_a_long_value_is_shown_as_it_begins(length: int, shown: str) -> None:
    """80 characters of it at most."""
    text = refusal(session_id_of, "a" * length)
    assert text.endswith(f", not {shown}")
    assert len(shown) <= 80


class AsyncIds:
    """An async iterable that is not ready yet."""

    def __aiter__(self) -> AsyncIterator[str]:
        raise AssertionError("too early")


@pytest.mark.parametrize("value", [[], [ID], (ID,), {ID}, {ID: 1}, AsyncIds()])
def test_session_ids_are_any_iterable(value: object) -> None:
    """Of either kind."""
    check_ids(value)


def test_session_ids_are_not_drawn_by_looking_at_them() -> None:
    """An iterator can be asked only once."""
    ids = iter([ID])
    check_ids(ids)
    assert list(ids) == [ID]


@pytest.mark.parametrize("value", [ID, b"x", UUID(ID), None, 3])
def test_a_single_id_is_no_iterable_of_ids(value: object) -> None:
    """Nor a string, whose letters would each be one."""
    assert refusal(check_ids, value) == f"session_ids must be an iterable of session ids, not {value!r}"


def test_what_only_looks_like_an_id_is_none() -> None:
    """An object of another kind, whatever it is written as."""

    class Id:
        def __str__(self) -> str:
            return ID

    assert "session_id must be a UUID" in refusal(session_id_of, Id())


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_session_id_or_refused(text: str) -> None:
    """Only 36 characters can be one."""
    try:
        assert len(session_id_of(text)) == 36
    except InvalidArgumentError:
        assert text != str(uuid4())
