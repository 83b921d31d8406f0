"""Edges of the checks of arguments: opaque ids, moments, and the key in place of something else."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async._arguments import Secret, check_base_url, moment_of, opaque_id_of, session_id_of

SECRET = Secret("sk-live-0123456789")


@pytest.mark.parametrize("value", ["x", "x" * 256, "../ä?#", "é" * 256])
def test_an_opaque_id_is_any_text_of_up_to_256_characters(value: str) -> None:
    """It is returned as it was given."""
    assert opaque_id_of("trace_id", value, SECRET.mask) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "''"),
        ("x" * 257, f"'{'x' * 76}..."),
        (7, "7"),
        (None, "None"),
        (b"x", "b'x'"),
        ("sk-live-0123456789", "'***'"),
        ("id-sk-live-0123456789", "'id-***'"),
    ],
)
def test_anything_else_is_no_opaque_id(value: Any, shown: str) -> None:
    """The error shows the value, without the key."""
    with pytest.raises(InvalidArgumentError) as caught:
        opaque_id_of("trace_id", value, SECRET.mask)
    assert caught.value.message == (
        f"trace_id must be a string of 1 to 256 characters, without the API key, not {shown}"
    )


def test_an_opaque_id_is_valid_unicode() -> None:
    """Half of a surrogate pair can't be sent in a URL."""
    with pytest.raises(InvalidArgumentError, match=r"^trace_id .* half of a surrogate pair.*: 'x\\ud800'$"):
        opaque_id_of("trace_id", "x\ud800")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (None, None),
        (date(2026, 3, 4), datetime(2026, 3, 4, tzinfo=UTC)),
        (datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC), datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)),
        (
            datetime(2026, 3, 4, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            datetime(2026, 3, 3, 19, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_moment_is_taken_in_utc(value: object, moment: datetime | None) -> None:
    """A date is its first moment in UTC."""
    got = moment_of("since", value)
    assert got == moment
    assert got is None or got.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-03-04", "since must be a date, or a datetime with a time zone, not '2026-03-04'"),
        (
            datetime(2026, 3, 4),  # noqa: DTZ001 - it is refused for that
            "since must be a date, or a datetime with a time zone, not datetime.datetime(2026, 3, 4, 0, 0)",
        ),
    ],
)
def test_a_moment_without_a_time_zone_is_refused(value: object, said: str) -> None:
    """Text is, too: nothing is guessed."""
    with pytest.raises(InvalidArgumentError) as caught:
        moment_of("since", value)
    assert caught.value.message == said


def test_a_moment_that_utc_does_not_have_is_refused() -> None:
    """The first hour of the year 1 in a zone to the east."""
    moment = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(InvalidArgumentError, match=r"^since .*UTC: datetime\.datetime\(1, 1, 1"):
        moment_of("since", moment)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://sk-live-0123456789",
        "https://sk-live-0123456789!",
        "http://sk-live-0123456789.example",
        "https://x.example?sk-live-0123456789",
        "http://[sk-live-0123456789",
    ],
)
def test_a_base_url_with_the_key_in_it_is_refused_without_showing_the_key(url: str) -> None:
    """It may have been pasted into the wrong place."""
    with pytest.raises(InvalidArgumentError) as caught:
        check_base_url(url, SECRET.mask)
    assert "sk-live" not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_key_in_place_of_a_session_id_is_not_shown() -> None:
    """The mask takes it out."""
    with pytest.raises(InvalidArgumentError, match=r", not '\*\*\*'$"):
        session_id_of("sk-live-0123456789", SECRET.mask)


def test_a_secret_is_shown_as_stars_and_can_not_be_pickled() -> None:
    """A copy could be written to a file."""
    assert repr(SECRET) == "'***'"
    with pytest.raises(TypeError, match=r"^a secret can't be pickled or copied$"):
        pickle.dumps(SECRET)
