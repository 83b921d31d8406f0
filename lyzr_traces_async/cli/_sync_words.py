"""What a sync says of how far it is. Pure."""

from __future__ import annotations

import math

from rich.cells import cell_len

from lyzr_traces_async import QuotaState
from lyzr_traces_async.store import SyncProgress

from ._numbers import counted, rough

__all__ = ["how_far", "what_became"]


def how_far(step: SyncProgress, quota: QuotaState | None, room: int | None = None) -> str:
    """Tell how much is done, what it brought, and what is to come.

    :param quota: what is known of the quota by now.
    :param room: how many terminal cells the text should take at most; what matters least is left out.
    """
    # With its weight: the lightest goes first, the heaviest stays in any case.
    parts = [(9, f"{step.done:,} of {counted(step.due, 'session')}")]
    if step.failed:
        parts.append((4, f"{step.failed:,} failed"))
    if step.missing:
        parts.append((3, f"{step.missing:,} missing"))
    parts.append((2, counted(step.traces, "trace")))
    if quota is not None and quota.resets_in > 0:
        parts.append((1, _left(quota)))
    # Below a second it is not the quota that takes the time.
    if step.seconds_left is not None and 1 <= step.seconds_left < math.inf:
        parts.append((5, f"{rough(step.seconds_left)} to go"))
    while room is not None and len(parts) > 1 and cell_len(_joined(parts)) > room:
        parts.remove(min(parts))
    return _joined(parts)


def _joined(parts: list[tuple[int, str]]) -> str:
    return ", ".join(text for _, text in parts)


def _left(quota: QuotaState) -> str:
    if quota.remaining:
        return f"{counted(quota.remaining, 'request')} left in this window"
    return f"more requests in {rough(quota.resets_in)}"


def what_became(file: str, step: SyncProgress) -> str:
    """Sum a sync up that has come to its end."""
    if not step.given:
        return f"{file}: there are no sessions to read"
    if not step.due:
        return f"{file}: nothing is due of {counted(step.given, 'session')}"
    facts = [
        f"{counted(step.due - step.failed - step.missing, 'session')} read",
        f"{step.failed:,} failed",
        f"{step.missing:,} missing",
        f"{step.given - step.due:,} not due",
        counted(step.traces, "trace"),
    ]
    return f"{file}: {', '.join(facts)}"
