"""Edges of the store's pure parts: the estimate of a progress, what is refused, texts of other languages."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from lyzr_traces_async import QuotaState, SessionTraces
from lyzr_traces_async.store._progress import SyncProgress
from lyzr_traces_async.store._rows import Outcome, outcome_of, trace_columns
from tests.helpers.list_server import trace

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_estimate_takes_the_rest_to_need_as_many_requests_a_session() -> None:
    """Four requests for two sessions make 16 for the other eight: 10 of the next window and 6 of the one after."""
    outcomes = [Outcome(f"s-{n}", NOW, None, ()) for n in range(2)]
    quota = QuotaState(10, 0, 30.0, 60.0)
    progress = SyncProgress(due=10)._after(outcomes, 4, quota)
    assert (progress.done, progress.seconds_left) == (2, 90.0)
    assert SyncProgress(due=10)._after(outcomes, 4, None).seconds_left is None


def test_a_trace_that_fits_into_no_table_makes_an_error_of_its_session() -> None:
    """The error names the session."""
    large = attrs.evolve(trace("t-1"), observation_count=2**63)
    outcome = outcome_of(SessionTraces("s-1", None, (trace("t-0"), large)), NOW)
    assert (outcome.state, outcome.traces) == ("failed", ())
    assert outcome.error is not None
    assert outcome.error.session_id == "s-1"


def test_unknown_fields_are_kept_as_readable_text() -> None:
    """Text in other scripts can be searched for in the file."""
    odd = attrs.evolve(trace("t-1"), extra={"sprache": "日本語"})
    columns = trace_columns([Outcome("s-1", NOW, None, (odd,))])
    assert columns["extra"] == ['{"sprache": "日本語"}']
