"""The sizes of a run: the full run has the published figures, the quick run shows that the benchmarks work."""

from __future__ import annotations

from random import Random
from uuid import UUID

import attrs


@attrs.frozen(kw_only=True)
class Plan:
    """The sizes of a run. Times are in seconds.

    :ivar seed: makes the session ids, which make the traces.
    :ivar limit: traces a page.
    :ivar latency: how long the server waits before each answer in the scenario ``latency``.
    :ivar quota: requests allowed in a window of ``window`` seconds, in ``herd`` and ``neighbours``.
    :ivar neighbours: clients at one address. Each reads ``neighbour_sessions`` sessions of ``neighbour_pages`` pages.
    :ivar patience: the ``max_rate_limit_wait`` of this library in ``neighbours``: two windows. The default is two
        windows of the real service, which last a minute. A longer wait would hide losses that occur with long windows.
    :ivar brownout: how long all requests time out. The server answers such a request after ``brownout_wait``. The real
        service waits 7 s for its store, so the bad minute here is several times shorter than a real one.
    :ivar heavy_fits: the most traces that a page with the heavy trace can have without a time-out.
    :ivar fair_long: the number of sessions of ``fair_pages`` pages. ``fair_short`` is the number of one-page sessions.
    :ivar bulk_sessions: the number of sessions of ``bulk_pages`` pages in the scenario ``bulk``.
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
    neighbours: int
    neighbour_sessions: int
    neighbour_pages: int
    patience: float
    brownout_pages: int
    brownout: float
    brownout_wait: float
    heavy_fits: int
    fair_long: int = 7
    fair_pages: int
    fair_short: int
    bulk_sessions: int
    bulk_pages: int = 2
    bulk_rounds: int
    import_rounds: int
    memory_sessions: tuple[int, ...]
    memory_pages: int

    def session_ids(self, count: int) -> list[str]:
        """Return this number of session ids; they are the same every time."""
        random = Random(self.seed)
        return [str(UUID(int=random.getrandbits(128), version=4)) for _ in range(count)]

    def traces(self, pages: int) -> int:
        """Return the number of traces of a session with this number of pages.

        The last page is one trace short. After a full last page a careful client asks for one more page, because new
        traces may follow in spite of the totals. The least number of requests would then differ between the peers.
        """
        return pages * self.limit - 1


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
    neighbours=16,
    neighbour_sessions=5,
    neighbour_pages=10,
    patience=10.0,
    brownout_pages=50,
    brownout=15.0,
    brownout_wait=1.75,
    heavy_fits=5,
    fair_pages=200,
    fair_short=100,
    bulk_sessions=500,
    bulk_rounds=5,
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
    neighbours=8,
    neighbour_sessions=1,
    neighbour_pages=3,
    patience=2.0,
    brownout_pages=10,
    brownout=0.5,
    brownout_wait=0.05,
    heavy_fits=50,
    fair_pages=6,
    fair_short=4,
    bulk_sessions=10,
    bulk_rounds=1,
    import_rounds=2,
    memory_sessions=(20, 100),
    memory_pages=1,
)
