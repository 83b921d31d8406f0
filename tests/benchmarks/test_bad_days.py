"""The scenarios of a bad day."""

from __future__ import annotations

import pytest

from benchmarks.bad_days import last_of_one_page


@pytest.mark.parametrize(
    ("pages", "at_once", "last"),
    [
        ([1], 8, 1),
        ([3, 3, 1], 3, 3),
        ([3, 3, 1, 1], 3, 6),
        ([3, 3, 1, 1, 1], 3, 9),
        ([3, 3, 1, 1, 1, 1], 3, 10),
        ([200] * 7 + [1] * 100, 8, 800),
        ([200] * 7 + [1] * 100, 107, 107),
        ([2, 1], 1, 3),
        ([2, 2], 8, 0),
    ],
)
def test_short_sessions_end_early_if_sessions_take_turns(pages: list[int], at_once: int, last: int) -> None:
    """The expected number reads one page of each open session, then the next page of each."""
    assert last_of_one_page(pages, at_once) == last
