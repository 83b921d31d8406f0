"""The troubles of a service."""

from __future__ import annotations

from benchmarks.troubles import BrownOut, HeavyTrace


def test_a_brown_out_begins_in_the_middle_of_each_session_and_ends() -> None:
    """It begins with the first request after ``after`` good ones, and lasts ``seconds`` from that request on."""
    trouble = BrownOut(wait=7, after=2, seconds=60)
    asked = [
        ("a", 0),
        ("a", 1),
        ("b", 1),
        ("a", 10),
        ("a", 69),
        ("b", 69),
        ("b", 70),
        ("a", 70),
        ("b", 129),
        ("b", 130),
    ]
    struck = [(session, now) for session, now in asked if trouble.strikes(session, 1, 100, now)]
    assert struck == [("a", 10), ("a", 69), ("b", 70), ("b", 129)]


def test_a_heavy_trace_lets_large_pages_with_it_time_out() -> None:
    """Small pages with the trace are answered, and so are all pages without it."""
    trouble = HeavyTrace(wait=7, row=250, fits=5)
    pages = {100: (3,), 50: (6,), 25: (11,), 5: (), 1: ()}
    found = {
        limit: tuple(page for page in range(1, 500 // limit + 1) if trouble.strikes("a", page, limit, 0))
        for limit in pages
    }
    assert found == pages
