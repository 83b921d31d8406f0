"""The header field Retry-After: a number of seconds, a date, or invalid."""

from __future__ import annotations

import pytest

from lyzr_traces_async._fields import retry_after
from tests.decoding.header_fields import DATE, EPOCH, fields


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("31", 31.0),
        (" 31 ", 31.0),
        ("0.25", 0.25),
        ("1.", 1.0),
        (".5", 0.5),
        ("999999999", 999999999.0),
        (str(EPOCH + 31), 31.0),
        (f"{EPOCH + 31}.5", 31.5),
        (f"{EPOCH + 31}500", 31.5),
        (str(EPOCH - 5), 0.0),
        (str(EPOCH + 10**9), None),
        ("9" * 30, None),
        ("9" * 400, None),
        ("Fri, 02 Jan 2026 03:04:36 GMT", 31.0),
        ("Friday, 02-Jan-26 03:04:36 GMT", 31.0),
        ("Fri Jan  2 03:04:36 2026", 31.0),
        ("Fri Jan  2 03:04:36 2026 GMT", 31.0),
        ("Fri, 02 Jan 2026 03:04:36", 31.0),
        ("Fri, 02 Jan 2026 03:04:36 -0000", 31.0),
        ("Fri, 02 Jan 2026 04:04:36 +0100", 31.0),
        ("Fri, 02 Jan 2026 03:04:04 GMT", 0.0),
        (DATE, 0.0),
        ("", None),
        (".", None),
        ("-1", None),
        ("+1", None),
        ("1.2.3", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("1,5", None),
        ("1 000", None),
        ("1_000", None),
        ("٣١", None),
        ("²", None),
        ("soon", None),
        ("Fri, 99 Jan 2026 03:04:36 GMT", None),
        ("Fri, 02 Jan 2026 03:04:36 +9999", None),
        ("Fri, 02 Jan 2999 03:04:36 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    """It is a number of seconds or a moment. A moment in the past is 0; decades and invalid texts are ignored."""
    assert retry_after(fields(("Retry-After", text), ("Date", DATE))) == seconds


def test_without_the_field_there_is_nothing_to_wait_for() -> None:
    """The result is None, not 0 seconds."""
    assert retry_after(fields()) is None
    assert retry_after(fields(("Date", DATE))) is None


def test_the_longest_of_several_waits_counts() -> None:
    """A gateway may add its own field. Invalid ones are ignored."""
    asked = [("Retry-After", text) for text in ("5", "Fri, 02 Jan 2026 03:04:36 GMT", "soon", "7")]
    assert retry_after(fields(*asked, ("Date", DATE))) == 31.0
    assert retry_after(fields(*asked)) == 7.0


@pytest.mark.parametrize("date", [None, "nonsense", "Fri, 02 Jan 2026 99:04:05 GMT"])
def test_a_retry_after_that_is_a_date_needs_the_date_of_the_answer(date: str | None) -> None:
    """A number of seconds does not."""
    pairs = [] if date is None else [("Date", date)]
    assert retry_after(fields(("Retry-After", "Fri, 02 Jan 2026 03:04:36 GMT"), *pairs)) is None
    assert retry_after(fields(("Retry-After", "31"), *pairs)) == 31.0
