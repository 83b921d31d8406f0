"""Whose turn it is in the queue in front of the service. Pure: no I/O, no clock.

Requests that belong together make up one *turn*: the pages of a session's walk, or a single call. The next slot goes to
the turn with the fewest requests in flight, and among those to the one that has waited longest for its place. So a
page ahead of one session never comes before another session that has nothing in flight, and nobody starves: a turn
without anything in flight waits for one slot of each of those before it, no more.

What the server has refused goes before everything else: it was its turn before.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Turns"]

W = TypeVar("W")


class _Turn(Generic[W]):
    """What one turn has in flight, and what of it waits."""

    __slots__ = ("in_flight", "waiting")

    def __init__(self) -> None:
        self.in_flight = 0
        self.waiting: OrderedDict[W, None] = OrderedDict()


class Turns(Generic[W]):
    """The queue: who waits, and who is next.

    Whoever waits may be any object, and so may a turn, as long as both are hashable.

    :ivar in_flight: how many requests have a slot.
    :ivar waiting: who waits, and for which turn.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.waiting: dict[W, object] = {}
        self._turns: dict[object, _Turn[W]] = {}
        self._refused: OrderedDict[W, None] = OrderedDict()
        # The turns that wait, by how many requests they have in flight, each in the order in which they came to that.
        self._levels: dict[int, OrderedDict[object, None]] = {}

    def join(self, waiter: W, turn: object, *, refused: bool) -> None:
        """Let somebody wait: before everybody else, where the server has refused the request before."""
        self.waiting[waiter] = turn
        if refused:
            self._refused[waiter] = None
            return
        state = self._turns.get(turn)
        if state is None:
            state = self._turns[turn] = _Turn()
        state.waiting[waiter] = None
        if len(state.waiting) == 1:
            self._line_up(turn, state)

    def first(self) -> W:
        """Return who is next. Somebody must be waiting."""
        if self._refused:
            return next(iter(self._refused))
        turn = next(iter(self._levels[min(self._levels)]))
        return next(iter(self._turns[turn].waiting))

    @property
    def is_ahead(self) -> bool:
        """Whether who is next belongs to a turn that has others in flight already. Somebody must be waiting."""
        return not self._refused and 0 not in self._levels

    def leave(self, waiter: W) -> None:
        """Let somebody wait no longer."""
        turn = self.waiting.pop(waiter)
        if waiter in self._refused:
            del self._refused[waiter]
            return
        state = self._turns[turn]
        del state.waiting[waiter]
        if not state.waiting:
            self._step_out(turn, state)
            self._forget(turn, state)

    def start(self, turn: object) -> None:
        """Take note that a request of this turn has a slot."""
        self.in_flight += 1
        state = self._turns.get(turn)
        if state is None:
            state = self._turns[turn] = _Turn()
        self._move(turn, state, 1)

    def finish(self, turn: object) -> None:
        """Take note that a request of this turn has given its slot back."""
        self.in_flight -= 1
        state = self._turns[turn]
        self._move(turn, state, -1)
        self._forget(turn, state)

    def _move(self, turn: object, state: _Turn[W], by: int) -> None:
        if state.waiting:
            self._step_out(turn, state)
            state.in_flight += by
            self._line_up(turn, state)
        else:
            state.in_flight += by

    def _line_up(self, turn: object, state: _Turn[W]) -> None:
        level = self._levels.get(state.in_flight)
        if level is None:
            level = self._levels[state.in_flight] = OrderedDict()
        level[turn] = None

    def _step_out(self, turn: object, state: _Turn[W]) -> None:
        level = self._levels[state.in_flight]
        del level[turn]
        if not level:
            del self._levels[state.in_flight]

    def _forget(self, turn: object, state: _Turn[W]) -> None:
        if not state.in_flight and not state.waiting:
            del self._turns[turn]
