"""The queue for the slots of a client: which request gets the next free slot? Pure: no I/O, no clock.

A request needs a slot while it is in flight. Requests that belong together form one *turn*: the pages of one session's
walk, or a single call. The next slot goes to the turn with the fewest requests in flight. Among turns with equally
many, it goes to the one that has waited longest with this number. This has two effects:

- A session that prefetches pages never holds up a session that has no request in flight.
- No turn starves: a turn without a request in flight waits for at most one slot of each turn before it.

A request that the server has refused with a 429 goes before all others, because it had its slot already.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Turns"]

W = TypeVar("W")


class _Turn(Generic[W]):
    """The requests of one turn: how many are in flight, and which ones wait."""

    __slots__ = ("in_flight", "waiting")

    def __init__(self) -> None:
        self.in_flight = 0
        self.waiting: OrderedDict[W, None] = OrderedDict()


class Turns(Generic[W]):
    """The queue. A waiter stands for one request, and may be any hashable object; so may a turn.

    :ivar in_flight: how many requests have a slot.
    :ivar waiting: the waiters, each with its turn.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.waiting: dict[W, object] = {}
        self._turns: dict[object, _Turn[W]] = {}
        self._refused: OrderedDict[W, None] = OrderedDict()
        # The turns with waiters, by their number of requests in flight; within a level in the order of their arrival.
        self._levels: dict[int, OrderedDict[object, None]] = {}

    def join(self, waiter: W, turn: object, *, refused: bool) -> None:
        """Add a waiter to the queue.

        :param refused: whether the server has refused this request before; it then goes before all others.
        """
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
        """Return the next waiter. The queue must not be empty."""
        if self._refused:
            return next(iter(self._refused))
        turn = next(iter(self._levels[min(self._levels)]))
        return next(iter(self._turns[turn].waiting))

    @property
    def is_ahead(self) -> bool:
        """Whether the turn of the next waiter has requests in flight already. The queue must not be empty."""
        return not self._refused and 0 not in self._levels

    def leave(self, waiter: W) -> None:
        """Remove a waiter from the queue."""
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
