"""The rule by which a sync decides which sessions to read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async.store._due import GIVEN_UP_AFTER, Record, State, is_due

NOW = datetime(2026, 3, 25, 18, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


def read(read_at: datetime | None, newest: datetime | None) -> Record:
    return Record("read", read_at, newest, None)


@pytest.mark.parametrize(
    ("record", "due"),
    [
        pytest.param(None, True, id="never asked for"),
        pytest.param(read(ago(minutes=5), ago(minutes=65)), False, id="read just as late as it has to be"),
        pytest.param(read(ago(minutes=5), ago(minutes=64.9)), True, id="read too early"),
        pytest.param(read(ago(days=300), ago(days=301)), False, id="read long ago, and late enough"),
        pytest.param(read(ago(days=300), ago(days=300)), True, id="read long ago, and too early"),
        pytest.param(read(ago(seconds=1), None), False, id="empty, and read"),
        pytest.param(read(ago(hours=1), ago(hours=-1)), True, id="a trace from the future"),
        pytest.param(read(ago(hours=-1), ago(hours=5)), True, id="read in the future: the clock was set back"),
        pytest.param(read(ago(hours=-1), None), True, id="empty, and read in the future"),
        pytest.param(read(None, None), True, id="read, but nobody knows when"),
        pytest.param(Record("failed", ago(days=1), ago(days=2), None), True, id="failed after it was read"),
        pytest.param(Record("missing", None, None, ago(days=7)), True, id="missing for seven days"),
        pytest.param(Record("missing", None, None, ago(days=7, seconds=1)), False, id="missing for more"),
        pytest.param(Record("missing", None, None, ago(hours=-1)), True, id="missing in the future"),
        pytest.param(Record("missing", None, None, None), True, id="missing, but nobody knows since when"),
        pytest.param(Record("missing", ago(days=9), ago(days=9), ago(days=8)), False, id="it has vanished"),
    ],
)
def test_a_session_that_is_not_final_is_due(record: Record | None, *, due: bool) -> None:
    """Each row is a line of the rule, or a case at its edge."""
    assert is_due(record, NOW, HOUR) is due


@given(
    record=st.builds(
        Record,
        state=st.sampled_from(("read", "failed", "missing")),
        read_at=st.none() | MOMENTS,
        newest=st.none() | MOMENTS,
        missing_since=st.none() | MOMENTS,
    ),
    now=MOMENTS,
    later=st.timedeltas(timedelta(0), timedelta(days=400)),
    settle=st.sampled_from((timedelta(0), HOUR, timedelta.max)),
)
def test_a_final_session_stays_final(record: Record, now: datetime, later: timedelta, settle: timedelta) -> None:
    """Time alone makes no session due again, so each session is read a bounded number of times."""
    if not is_due(record, now, settle):
        assert not is_due(record, now + later, settle)


@given(read_at=MOMENTS, newest=MOMENTS, state=st.sampled_from(("read", "failed", "missing")))
def test_nothing_is_due_for_ever(read_at: datetime, newest: datetime, state: State) -> None:
    """A session read late enough is final, and a missing session is given up."""
    late = max(read_at, newest) + HOUR
    assert not is_due(read(late, newest), late, HOUR)
    assert not is_due(Record("missing", None, None, late), late + GIVEN_UP_AFTER + HOUR, HOUR)
    assert is_due(Record(state, None, newest, None), late, HOUR)
