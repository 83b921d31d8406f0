"""Run async code in a thread with its own event loop, for callers without an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal


@contextmanager
def in_a_thread(start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Run an event loop in a thread. Call ``start`` on it at the beginning, and ``stop`` at the end."""
    with start_blocking_portal() as portal:
        portal.call(start)
        try:
            yield
        finally:
            portal.call(stop)
