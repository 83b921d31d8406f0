"""Pacers in a known state, and questions to them."""

from __future__ import annotations

from typing import Final

from lyzr_traces_async._fields import Quota
from lyzr_traces_async._pacing import Pacer, Ticket

MAX_WAIT: Final = 120.0


def quota(remaining: int, reset: float, requests: int | None = None, name: str = "a") -> Quota:
    """Return a quota as an answer tells it."""
    return Quota(name, remaining, reset, requests)


def admitted(pacer: Pacer, now: float) -> Ticket:
    """Return the ticket of a request that must be let through."""
    ticket = pacer.admit(now, MAX_WAIT)
    assert isinstance(ticket, Ticket)
    assert ticket.sent == now
    return ticket


def burst(pacer: Pacer, now: float, most: int = 50) -> tuple[list[Ticket], float]:
    """Return the tickets that a pacer gives at a moment, and the wait for the next one."""
    tickets: list[Ticket] = []
    for _ in range(most):
        ticket = pacer.admit(now, MAX_WAIT)
        if not isinstance(ticket, Ticket):
            return tickets, ticket
        tickets.append(ticket)
    return tickets, 0.0


def informed(*quotas: Quota, sent: float = 0.0, received: float = 0.5) -> Pacer:
    """Return a pacer that has had one answer."""
    pacer = Pacer()
    pacer.answered(admitted(pacer, sent), received, status=200, quotas=quotas)
    return pacer


def counts(pacer: Pacer, now: float) -> tuple[int, float]:
    """Return how many requests a pacer lets through at a moment, and the wait after them."""
    tickets, wait = burst(pacer, now)
    return len(tickets), wait
