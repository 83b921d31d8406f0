"""The child processes and their tasks."""

from __future__ import annotations

import pytest

from benchmarks.channel import Child, TaskFailedError
from benchmarks.plan import QUICK


def test_a_failed_task_says_why_and_the_process_continues(processes: tuple[Child, Child]) -> None:
    """A session with too few traces counts as a failure."""
    server, worker = processes
    (session,) = QUICK.session_ids(1)
    where = server.do("open", sessions=[session], traces=[29]) | {"limit": 10}
    with pytest.raises(TaskFailedError, match="29 traces instead of 30"):
        worker.do("walk", session=session, traces=30, **where)
    done = worker.do("herd", sessions={session: 30}, **where)
    assert (done["lost"], done["errors"]) == (1, {"29 traces instead of 30": 1})
    assert worker.do("peak") > 1


def test_a_process_that_ends_is_a_failure() -> None:
    """The parent does not wait for a reply that never comes."""
    with Child("benchmarks.worker", "no_such_peer") as child, pytest.raises(TaskFailedError, match="status 1"):
        child.do("hello")
