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
    :ivar quota: requests in a window, of the herd and of the neighbours.
    :ivar neighbours: clients at one address, and how many sessions each of them reads.
    :ivar patience: the ``max_rate_limit_wait`` of this library among neighbours: two windows, as the default is where
        windows last a minute. With more than that, short windows would hide what is lost in long ones.
    :ivar brownout: how long everything times out; ``brownout_wait`` is after how long a request is told so. The store
        behind the real service is given 7 s: the bad minute goes by several times as fast as a real one.
    :ivar heavy_fits: how many traces a page may have at most, if the heavy one is on it.
    :ivar fair_long: sessions of ``fair_pages`` beside ``fair_short`` of one page.
    :ivar bulk_sessions: sessions of ``bulk_pages`` each, for what is done in bulk.
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
        """Return so many session ids, the same ones every time."""
        random = Random(self.seed)
        return [str(UUID(int=random.getrandbits(128), version=4)) for _ in range(count)]

    def traces(self, pages: int) -> int:
        """Return how many traces a session of so many pages has.

        The last page is one short of full. Behind a full one there may be more, whatever the totals say: a client that
        knows asks once more, and the least number of requests would be another for each peer.
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
