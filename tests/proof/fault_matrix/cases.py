"""Each fault at each position, once and for good, with and without prefetching; and the server that causes it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable

import attrs

from lyzr_traces_async import (
    LyzrTracesError,
    TracesClient,
)
from tests.helpers.raw_server import Exchange, RawServer, healthy
from tests.proof.fault_matrix.faults import CLOGGED, FAULTS, REFUSED, Fault

LIMIT = 10
ROWS = 47
PAGES = 5


@attrs.frozen
class Position:
    """Where in the walk the fault occurs.

    :ivar page: the page that can't be read.
    :ivar row: a row of that page, which identifies it at any limit.
    :ivar drift: whether the fault waits until the page is read again, because a trace was deleted in the meantime.
    """

    name: str
    page: int
    row: int
    drift: bool = False


# Windows of pages are 1, 2-3, 4-5 with a prefetch of 8. If a trace is deleted while pages 2 and 3 are read, another one
# moves to the last row of page 1, which has to be read again.
POSITIONS = [
    Position("the first page", 1, 0),
    Position("a middle page", 2, 10),
    Position("a page within a window", 3, 20),
    Position("the last page", 5, 40),
    Position("a page read again", 1, 9, drift=True),
]
PERSISTENCES = ["once", "for good"]
PREFETCHES = [1, 8]


@attrs.frozen
class Case:
    """One fault at one position."""

    fault: Fault
    position: Position
    is_lasting: bool
    prefetch: int

    def __str__(self) -> str:
        lasting = PERSISTENCES[self.is_lasting]
        return f"{self.fault.name}, {lasting}, at {self.position.name}, prefetch {self.prefetch}"

    @property
    def error(self) -> type[LyzrTracesError] | None:
        """The error that ends the walk, or ``None`` if the walk reaches its end."""
        return self.fault.error if self.is_lasting or not self.fault.is_retried else None

    @property
    def window(self) -> range:
        """The pages that the client requests together with the faulty one."""
        if self.prefetch == 1 or self.position.drift:
            return range(self.position.page, self.position.page + 1)
        return next(window for window in (range(1, 2), range(2, 4), range(4, 6)) if self.position.page in window)

    @property
    def page(self) -> int:
        """The page that the error names. An outage affects the whole window, so it is the window's first."""
        return self.window.start if self.fault.play is None else self.position.page

    @property
    def rows_before(self) -> int:
        """The number of traces that the walk yields before the error."""
        return LIMIT if self.position.drift else (self.page - 1) * LIMIT

    @property
    def answers_before(self) -> int:
        """The number of answers before the window."""
        if self.position.drift:
            return 2 if self.prefetch == 1 else 3
        return self.window.start - 1


CASES = [
    Case(fault, position, persistence == "for good", prefetch)
    for fault, position, persistence, prefetch in itertools.product(FAULTS, POSITIONS, PERSISTENCES, PREFETCHES)
]


class Scene:
    """A server that confronts a client with the fault of a case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.server = RawServer(self.play, rows=ROWS)
        self._deleted = False
        self.met = 0
        self._answered = 0
        self._is_over = False

    async def play(self, exchange: Exchange) -> None:
        """Answer a request, with the fault or without."""
        position, fault = self.case.position, self.case.fault
        read_again = self._deleted
        if position.drift and exchange.page > 1 and not self._deleted:
            self._deleted = True
            self.server.rows.pop(0)
            exchange.body = self.server.body(exchange)
        is_meant = position.row in exchange.rows and (read_again or not position.drift)
        if fault.play is None:
            exchange.fields.append("Connection: close")
            self._answered += 1
            self.go_down_if_it_is_time()
            await healthy(exchange)
            exchange.writer.close()
        elif is_meant and not self._is_over:
            self.met += 1
            self._is_over = not self.case.is_lasting
            await fault.play(exchange)
        else:
            await healthy(exchange)

    def go_down_if_it_is_time(self) -> None:
        """Begin an outage, before the answer after which the client sends its next requests."""
        if self._is_over or self._answered != self.case.answers_before:
            return
        self.met += 1
        if self.case.fault.name == REFUSED:
            self.server.refuse()
        else:
            self.server.ignore(backlog=0 if self.case.fault.name == CLOGGED else 100)

    def outage(self, client: TracesClient) -> Awaitable[None]:
        """Begin an outage if it is time, and return what to await when the walk has ended."""
        if self.case.fault.play is None:
            self.go_down_if_it_is_time()
            if not self.case.is_lasting:
                return asyncio.ensure_future(self.end_outage_after_one_attempt(client))
        return asyncio.sleep(0)

    async def end_outage_after_one_attempt(self, client: TracesClient) -> None:
        """Listen again when the client has made one attempt for each page of the window."""
        while client.stats.requests < self.case.answers_before + len(self.case.window):
            await asyncio.sleep(0.01)
        if self.case.fault.name == REFUSED:
            for _ in range(
                50
            ):  # turns of the loop, not seconds: the refusal takes a few, and the next attempt is later
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(40)
        await self.recover()

    async def recover(self) -> None:
        """End the fault."""
        self._is_over = True
        await self.server.listen()
