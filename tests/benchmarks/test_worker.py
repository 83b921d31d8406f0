"""The process of a peer."""

from __future__ import annotations

from benchmarks.channel import Child
from benchmarks.plan import QUICK

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def test_a_worker_reads_sessions_and_measures_itself(processes: tuple[Child, Child]) -> None:
    """A small scenario for one peer, with one session that does not exist."""
    server, worker = processes
    ids = QUICK.session_ids(3)
    where = server.do("open", sessions=ids, traces=[29, 29, 9]) | {"limit": 10}
    assert "aiohttp" in worker.do("hello")
    assert worker.do("walk", session=ids[0], traces=29, **where)["cpu"] > 0
    assert server.do("report")["answers"] == {"200": 3}
    sessions = dict(zip(ids, [29, 29, 9], strict=True))
    assert worker.do("herd", sessions=sessions, **where)["lost"] == 0
    assert server.do("answers", session=ids[2]) == {"200": 1}
    done = worker.do("herd", sessions={**sessions, SESSION: 1}, **where)
    assert (done["lost"], done["errors"]) == (1, {"NotFoundError": 1})


def test_a_worker_returns_the_time_at_which_the_last_watched_session_ended(processes: tuple[Child, Child]) -> None:
    """The server has the same clock, so it can count the answers before that time."""
    server, worker = processes
    short, long = QUICK.session_ids(2)
    where = server.do("open", sessions=[short, long], traces=[9, 299], latency=0.05) | {"limit": 10}
    done = worker.do("herd", sessions={short: 9, long: 299}, watched=[short], **where)
    assert server.do("answers") == {"200": 31}
    assert 1 <= server.do("answers", before=done["last"])["200"] < 31
    done = worker.do("herd", sessions={short: 9, long: 299}, watched=[long], **where)
    assert server.do("answers", before=done["last"]) == {"200": 62}


def test_many_clients_divide_the_sessions_among_themselves(processes: tuple[Child, Child]) -> None:
    """Each client assumes that it has the whole quota, so the server refuses the requests of some of them."""
    server, worker = processes
    ids = QUICK.session_ids(6)
    where = server.do("open", sessions=ids, traces=[9] * 6, quota=(2, 60)) | {"limit": 10}
    done = worker.do("herd", sessions=dict.fromkeys(ids, 9), clients=6, patience=0.5, **where)
    assert (done["lost"], done["errors"]) == (4, {"RateLimitError": 4})
    assert server.do("report")["answers"] == {"200": 2, "429": 4}
    server.do("new_window")
    worker.do("herd", sessions=dict.fromkeys(ids[:4], 9), clients=2, patience=0.5, **where)
    assert server.do("report")["answers"] == {"200": 2, "429": 2}
