"""Whose turn it is: the queue as a state machine, compared with a plain model of it."""

from __future__ import annotations

import itertools
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from lyzr_traces_async._turns import Turns


def queue(*waiting: str, in_flight: str = "") -> Turns[str]:
    """Return a queue in which these requests wait, each with its turn and number, while others are in flight."""
    turns: Turns[str] = Turns()
    for turn in in_flight:
        turns.start(turn)
    for name in waiting:
        turns.join(name, name[0], refused=False)
    return turns


def grants(turns: Turns[str]) -> list[str]:
    """Grant slots to all that wait, and return their order."""
    order = []
    while turns.waiting:
        waiter = turns.first()
        turn = turns.waiting[waiter]
        turns.leave(waiter)
        turns.start(turn)
        order.append(waiter)
    return order


def test_turns_alternate() -> None:
    """It does not matter how many requests of one turn came first."""
    assert grants(queue("a1", "a2", "a3", "b1", "b2", "c1")) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_the_turn_with_the_fewest_requests_in_flight_is_next() -> None:
    """It does not matter which came first."""
    assert grants(queue("a1", "b1", "b2", "c1", "c2", in_flight="aabbb")) == ["c1", "c2", "a1", "b1", "b2"]


def test_the_queue_tells_whether_the_next_request_is_a_page_ahead() -> None:
    """Its turn has other requests in flight, and it was not refused before."""
    assert not queue("a1", "b1", in_flight="a").is_ahead
    turns = queue("a1", "b1", in_flight="ab")
    assert turns.is_ahead
    turns.join("a2", "a", refused=True)
    assert not turns.is_ahead


def test_of_turns_with_equally_many_in_flight_the_longest_waiting_is_next() -> None:
    """A turn that has been served goes behind those that have not."""
    turns = queue("b1", "a1")
    assert grants(turns) == ["b1", "a1"]
    for turn in "ba":
        turns.finish(turn)
    turns.join("b2", "b", refused=False)
    turns.join("a2", "a", refused=False)
    assert grants(turns) == ["b2", "a2"]


def test_refused_requests_go_before_all_others() -> None:
    """They keep their order, however many requests of their turn are in flight."""
    turns = queue("a1", "b1", in_flight="cc")
    turns.join("c1", "c", refused=True)
    turns.join("b2", "b", refused=True)
    assert grants(turns) == ["c1", "b2", "a1", "b1"]


def test_a_request_that_leaves_is_passed_over() -> None:
    """It is the only one of a turn, one of several, or one that was refused."""
    turns = queue("a1", "b1", "b2", "c1")
    turns.join("d1", "d", refused=True)
    for waiter in ("a1", "b1", "d1"):
        turns.leave(waiter)
    assert list(turns.waiting) == ["b2", "c1"]
    assert grants(turns) == ["b2", "c1"]


def test_nothing_is_kept_of_a_turn_that_is_over() -> None:
    """There are as many turns as sessions, and memory must not grow with them."""
    turns = queue("a1", "b1", "b2", in_flight="cc")
    turns.leave("a1")
    grants(turns)
    for turn in "bbcc":
        turns.finish(turn)
    assert (turns.in_flight, turns.waiting, turns._turns, turns._levels, turns._refused) == (0, {}, {}, {}, {})


class Model:
    """A plain version of the queue: a list that is searched each time."""

    def __init__(self) -> None:
        self.clock = itertools.count()
        self.waiting: dict[int, tuple[str, bool]] = {}
        self.in_flight: Counter[str] = Counter()
        self.placed: dict[str, int] = {}

    def hungry(self, turn: str) -> list[int]:
        return [waiter for waiter, (whose, refused) in self.waiting.items() if whose == turn and not refused]

    def join(self, waiter: int, turn: str, *, refused: bool) -> None:
        if not refused and not self.hungry(turn):
            self.placed[turn] = next(self.clock)
        self.waiting[waiter] = turn, refused

    def move(self, turn: str, by: int) -> None:
        self.in_flight[turn] += by
        self.placed[turn] = next(self.clock)

    def first(self) -> int:
        for waiter, (_, refused) in self.waiting.items():
            if refused:
                return waiter
        turns = {turn for turn, _ in self.waiting.values()}
        return self.hungry(min(turns, key=lambda turn: (self.in_flight[turn], self.placed[turn])))[0]


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["join", "join", "refused", "grant", "grant", "finish", "leave"]),
            st.sampled_from("abcd"),
            st.integers(0, 100),
        ),
        max_size=60,
    )
)
def test_the_queue_does_what_the_model_does(what_happens: list[tuple[str, str, int]]) -> None:
    """This holds for any order of events."""
    turns: Turns[int] = Turns()
    model = Model()
    for number, (what, turn, choice) in enumerate(what_happens):
        if what in ("join", "refused"):
            turns.join(number, turn, refused=what == "refused")
            model.join(number, turn, refused=what == "refused")
        elif what == "finish" and model.in_flight[turn]:
            turns.finish(turn)
            model.move(turn, -1)
        elif what in ("grant", "leave") and model.waiting:
            waiter = turns.first() if what == "grant" else list(model.waiting)[choice % len(model.waiting)]
            whose = turns.waiting[waiter]
            turns.leave(waiter)
            del model.waiting[waiter]
            if what == "grant":
                turns.start(whose)
                assert isinstance(whose, str)
                model.move(whose, 1)
        assert turns.in_flight == sum(model.in_flight.values())
        assert {waiter: turn for waiter, (turn, _) in model.waiting.items()} == turns.waiting
        if model.waiting:
            assert turns.first() == model.first()


@given(st.integers(1, 20), st.integers(1, 12), st.integers(0, 60), st.integers(0, 2**32))
def test_a_turn_with_nothing_in_flight_waits_for_one_slot_of_each_other_turn(
    others: int, slots: int, before: int, seed: int
) -> None:
    """The other turns are sessions with any number of pages ahead."""
    turns: Turns[tuple[int, int]] = Turns()
    flying: list[object] = []
    numbers = itertools.count()

    def grant() -> tuple[int, int]:
        waiter = turns.first()
        turn = turns.waiting[waiter]
        turns.leave(waiter)
        turns.start(turn)
        flying.append(turn)
        turns.join((waiter[0], next(numbers)), turn, refused=False)
        return waiter

    for other in range(others):
        for _ in range(8):
            turns.join((other, next(numbers)), other, refused=False)
    for _ in range(slots):
        grant()
    chance = random.Random(seed)
    for _ in range(before):
        turns.finish(flying.pop(chance.randrange(len(flying))))
        grant()
    turns.join((-1, 0), -1, refused=False)
    served = []
    while -1 not in served:
        turns.finish(flying.pop(chance.randrange(len(flying))))
        served.append(grant()[0])
    assert len(served) <= others + 1
