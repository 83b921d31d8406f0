"""An asynchronous life in a thread of its own, for those who have no event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal


@contextmanager
def in_a_thread(start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Run an event loop in a thread, call ``start`` there, and ``stop`` at the end."""
    with start_blocking_portal() as portal:
        portal.call(start)
        try:
            yield
        finally:
            portal.call(stop)
