"""The scenarios of a bad day: a small quota, neighbours, a service that fails, and long sessions beside short ones.

They count the sessions lost, and the requests beyond the least number that returns all pages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from .bench import Bench
from .channel import Child
from .peers import PEERS


def herd(bench: Bench) -> None:
    """Measure many sessions at once, which need more requests than the quota allows."""
    plan = bench.plan
    for count in plan.herd_sessions:
        _under_quota(bench, "herd", f"{count} sessions", count, plan.herd_pages)


def neighbours(bench: Bench) -> None:
    """Measure the same with many clients behind one address. The clients do not know of each other."""
    plan = bench.plan
    _under_quota(
        bench,
        "neighbours",
        f"{plan.neighbours} clients",
        plan.neighbours * plan.neighbour_sessions,
        plan.neighbour_pages,
        clients=plan.neighbours,
        patience=plan.patience,
    )


def brownout(bench: Bench) -> None:
    """Measure a session while the service fails for some time, and a session with one trace that is too heavy."""
    plan = bench.plan
    wait, middle = plan.brownout_wait, plan.brownout_pages // 2
    _in_trouble(bench, "one bad minute", kind="brownout", wait=wait, after=middle, seconds=plan.brownout)
    row = middle * plan.limit + plan.limit // 3  # not at a page boundary, for any limit
    _in_trouble(bench, "one heavy trace", kind="heavy", wait=wait, row=row, fits=plan.heavy_fits)


def fairness(bench: Bench) -> None:
    """Measure how long many short sessions have to wait for a few long ones, if all are given at once."""
    plan = bench.plan
    pages = [plan.fair_pages] * plan.fair_long + [1] * plan.fair_short
    ids = plan.session_ids(len(pages))
    where = bench.open(ids, pages, latency=plan.latency)
    sessions = dict(zip(ids, map(plan.traces, pages), strict=True))
    at_once = {peer.name: peer.at_once or len(pages) for peer in PEERS}

    def task(worker: Child) -> dict[str, Any]:
        bench.server.do("report")
        done: dict[str, Any] = worker.do("herd", sessions=sessions, watched=ids[plan.fair_long :], **where)
        by_then = bench.server.do("answers", before=done["last"])
        return done | {"by_then": sum(by_then.values()), "requests": sum(bench.server.do("answers").values())}

    case = f"{plan.fair_long} long, {plan.fair_short} short"
    for name, (done,) in bench.rounds("fairness", case, 1, task).items():
        bench.note(
            "fairness",
            case,
            name,
            lost=("sessions", [done["lost"]]),
            requests=("requests", [done["requests"]]),
            least=("requests", [sum(pages)]),
            last_short=("of the requests", [done["by_then"] / done["requests"]]),
            by_turns=("of the requests", [last_of_one_page(pages, at_once[name]) / sum(pages)]),
            wall=("s", [done["wall"]]),
        )


def last_of_one_page(pages: Sequence[int], at_once: int) -> int:
    """Return the number of the request that ends the last one-page session, if sessions take turns, a page each.

    :param pages: the number of pages of each session, in the order in which the sessions are begun.
    :param at_once: how many sessions are read at the same time.
    :return: the number of the request, counted from 1; 0 if no session has one page.
    """
    waiting = deque((count, count) for count in pages)
    reading: deque[tuple[int, int]] = deque()
    answered = last = 0
    while waiting or reading:
        while waiting and len(reading) < at_once:
            reading.append(waiting.popleft())
        count, left = reading.popleft()
        answered += 1
        if left > 1:
            reading.append((count, left - 1))
        elif count == 1:
            last = answered
    return last


def _under_quota(bench: Bench, scenario: str, case: str, count: int, pages: int, **how: Any) -> None:
    """Let each peer read ``count`` sessions from a service whose quota does not allow all requests at once."""
    plan = bench.plan
    ids = plan.session_ids(count)
    where = bench.open(ids, [pages] * count, quota=(plan.quota, plan.window))
    least = count * pages
    floor = (-(-least // plan.quota) - 1) * plan.window

    def task(worker: Child) -> dict[str, Any]:
        bench.server.do("new_window")  # the peer before has used up some of the window
        done: dict[str, Any] = worker.do("herd", sessions=dict.fromkeys(ids, plan.traces(pages)), **how, **where)
        return done | {"answers": bench.server.do("report")["answers"]}

    for name, (done,) in bench.rounds(scenario, case, 1, task).items():
        answers = done["answers"]
        bench.note(
            scenario,
            case,
            name,
            lost=("sessions", [done["lost"]]),
            refused=("answers", [answers.get("429", 0)]),
            requests=("requests", [sum(answers.values())]),
            least=("requests", [least]),
            wall=("s", [done["wall"]]),
            floor=("s", [floor]),
        )


def _in_trouble(bench: Bench, case: str, **trouble: Any) -> None:
    """Let each peer read a session of its own. All peers run at the same time, because they mostly wait."""
    plan = bench.plan
    sessions = dict(zip(bench.workers, plan.session_ids(len(bench.workers)), strict=True))
    where = bench.open([*sessions.values()], [plan.brownout_pages] * len(sessions), trouble=trouble)
    traces = plan.traces(plan.brownout_pages)

    def task(name: str, worker: Child) -> Any:
        return worker.do("herd", sessions={sessions[name]: traces}, **where)

    for name, done in bench.together("brownout", case, task).items():
        answers = bench.server.do("answers", session=sessions[name])
        bench.note(
            "brownout",
            case,
            name,
            lost=("sessions", [done["lost"]]),
            failed=("answers", [answers.get("502", 0)]),
            requests=("requests", [sum(answers.values())]),
            least=("requests", [plan.brownout_pages]),
            wall=("s", [done["wall"]]),
        )
