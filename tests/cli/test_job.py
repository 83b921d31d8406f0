"""How the progress of a sync and its result are worded."""

from __future__ import annotations

import math

import pytest
from attrs import evolve

from lyzr_traces_async import QuotaState
from lyzr_traces_async.cli._job import how_far, what_became
from lyzr_traces_async.store import SyncProgress

STEP = SyncProgress(
    done=1234, failed=2, missing=3, due=40_000, given=41_000, traces=45_678, seconds_left=18_720.0, errors=()
)
QUOTA = QuotaState(requests=100, remaining=57, resets_in=31.2, window_seconds=60.0)


def test_the_progress_has_all_parts_if_there_is_room() -> None:
    """A pipe has room for all of them."""
    assert how_far(STEP, QUOTA) == (
        "1,234 of 40,000 sessions, 2 failed, 3 missing, 45,678 traces, 57 requests left in this window, "
        "5 h 12 min to go"
    )


@pytest.mark.parametrize(
    ("room", "text"),
    [
        (110, "1,234 of 40,000 sessions, 2 failed, 3 missing, 45,678 traces, 5 h 12 min to go"),
        (78, "1,234 of 40,000 sessions, 2 failed, 3 missing, 45,678 traces, 5 h 12 min to go"),
        (77, "1,234 of 40,000 sessions, 2 failed, 3 missing, 5 h 12 min to go"),
        (62, "1,234 of 40,000 sessions, 2 failed, 5 h 12 min to go"),
        (51, "1,234 of 40,000 sessions, 5 h 12 min to go"),
        (41, "1,234 of 40,000 sessions"),
        (1, "1,234 of 40,000 sessions"),
    ],
)
def test_the_least_important_parts_are_left_out_first(room: int, text: str) -> None:
    """The number of sessions is always there, and the remaining time is dropped last."""
    assert how_far(STEP, QUOTA, room) == text


def test_parts_without_a_value_are_left_out() -> None:
    """No failure, no quota, no remaining time."""
    bare = evolve(STEP, failed=0, missing=0, seconds_left=None)
    assert how_far(bare, None) == "1,234 of 40,000 sessions, 45,678 traces"
    assert how_far(evolve(bare, seconds_left=math.inf), None) == "1,234 of 40,000 sessions, 45,678 traces"
    done = evolve(bare, done=1, due=1, traces=1, seconds_left=0.0)
    assert how_far(done, evolve(QUOTA, resets_in=0.0)) == "1 of 1 session, 1 trace"


def test_a_window_that_is_used_up_says_when_the_next_one_opens() -> None:
    """Otherwise the sync would seem to hang."""
    assert "traces, more requests in 31 s, 5 h" in how_far(STEP, evolve(QUOTA, remaining=0))
    assert "traces, 1 request left in this window, 5 h" in how_far(STEP, evolve(QUOTA, remaining=1))


def test_the_end_is_summed_up_in_a_line() -> None:
    """This includes a sync with nothing to do."""
    end = evolve(STEP, done=40_000)
    assert what_became("a.duckdb", end) == (
        "a.duckdb: 39,995 sessions read, 2 failed, 3 missing, 1,000 not due, 45,678 traces"
    )
    nothing = evolve(STEP, done=0, failed=0, missing=0, due=0, traces=0)
    assert what_became("a.duckdb", nothing) == "a.duckdb: nothing is due of 41,000 sessions"
    assert what_became("a.duckdb", evolve(nothing, given=0)) == "a.duckdb: there are no sessions to read"
