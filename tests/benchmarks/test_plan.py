"""The sizes of a run."""

from __future__ import annotations

from uuid import UUID

from benchmarks.plan import FULL, QUICK


def test_the_session_ids_are_the_same_every_time() -> None:
    """The ids are valid and differ from each other, and a longer list begins with the shorter one."""
    ids = FULL.session_ids(300)
    assert len({UUID(session) for session in ids}) == 300
    assert FULL.session_ids(60) == QUICK.session_ids(60) == ids[:60]
