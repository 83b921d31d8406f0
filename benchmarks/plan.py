"""How much is measured: the full run, whose figures are published, and the quick one, which shows that all works."""

from __future__ import annotations

from random import Random
from uuid import UUID

import attrs


@attrs.frozen(kw_only=True)
class Plan:
    """The sizes of a run. Times are in seconds.

    :ivar seed: the session ids are made from it, and the traces from the session ids.
    :ivar limit: traces a page.
    :ivar latency: what the server waits before each answer, in the scenario of that name.
    :ivar quota: requests in a window of the herd.
    """

    quick: bool
    seed: int = 20260325
    limit: int = 100
    decode_rounds: int
    decode_seconds: float
    walk_pages: int
    walk_rounds: int
    latency_pages: tuple[int, ...]
    latency_rounds: int
    latency: float = 0.05
    herd_sessions: tuple[int, ...]
    herd_pages: int
    quota: int
    window: float
    import_rounds: int
    memory_sessions: tuple[int, ...]
    memory_pages: int

    def session_ids(self, count: int) -> list[str]:
        """Return so many session ids, the same ones every time."""
        random = Random(self.seed)
        return [str(UUID(int=random.getrandbits(128), version=4)) for _ in range(count)]


FULL = Plan(
    quick=False,
    decode_rounds=10,
    decode_seconds=0.3,
    walk_pages=200,
    walk_rounds=7,
    latency_pages=(20, 50),
    latency_rounds=5,
    herd_sessions=(60, 300),
    herd_pages=13,
    quota=100,
    window=5.0,
    import_rounds=10,
    memory_sessions=(100, 1000),
    memory_pages=3,
)

QUICK = Plan(
    quick=True,
    decode_rounds=2,
    decode_seconds=0.03,
    walk_pages=20,
    walk_rounds=2,
    latency_pages=(4, 8),
    latency_rounds=1,
    herd_sessions=(8,),
    herd_pages=4,
    quota=20,
    window=1.0,
    import_rounds=2,
    memory_sessions=(20, 100),
    memory_pages=1,
)
