"""The process with the server that all peers read from: the library's own fake, which keeps the real one's contract.

One peer expects another shape of the same data, that of Langfuse's own API. It is served at that API's path, by the
same server, under the same quota and latency.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from lyzr_traces_async.testing._answers import Answer
from lyzr_traces_async.testing._service import ROUTE, Values

from .channel import serve

LANGFUSE_PATH = "/api/public/traces"


# Made once for each page: what is measured is the client, and a slower server for one of them would not be fair.
@lru_cache(maxsize=512)
def as_langfuse(body: bytes) -> bytes:
    """Turn a page into what Langfuse's own API answers for it, with the field groups ``core`` and ``metrics``."""
    page = msgspec.json.decode(body)
    traces = [
        {
            "id": trace["traceId"],
            "name": trace["name"],
            "sessionId": trace["sessionId"],
            "timestamp": trace["timestamp"],
            "latency": trace["latencySeconds"],
            "totalCost": trace["totalCostUsd"],
            "htmlPath": trace["htmlPath"],
            "release": None,
            "version": None,
            "userId": None,
            "tags": [],
            "public": False,
            "environment": "production",
            "observations": [],
            "scores": [],
        }
        for trace in page["traces"]
    ]
    return msgspec.json.encode({"data": traces, "meta": page["pagination"]})


class TwoShapeServer(FakeTracesServer):
    """The fake server, which here answers at Langfuse's path too, and keeps count instead of records."""

    def __init__(self, quota: Quota | None) -> None:
        super().__init__(quota=quota)
        self.statuses: Counter[int] = Counter()

    async def _answer(self, request: RecordedRequest, query: Values) -> Answer:
        other_shape = request.path == LANGFUSE_PATH
        if other_shape:
            request.path = ROUTE + query.get("sessionId", "")
        answer = await super()._answer(request, query)
        self.requests.clear()
        self.statuses[answer.status] += 1
        if other_shape and answer.status == 200:
            return Answer(answer.status, as_langfuse(answer.body), answer.headers, answer.delivery)
        return answer


class Server:
    """The tasks of this process. One server listens at a time."""

    def __init__(self) -> None:
        self._server: TwoShapeServer | None = None
        self._cpu = self._wall = 0.0

    async def open(
        self, sessions: Sequence[str], traces: Sequence[int], latency: float, quota: tuple[int, float] | None
    ) -> dict[str, str]:
        """Listen, with other sessions than before, and say where.

        :param traces: how many, for each session.
        :param quota: requests in a window, and its seconds.
        """
        await self.close()
        server = TwoShapeServer(Quota(*quota) if quota is not None else None)
        server.latency = latency
        for session, count in zip(sessions, traces, strict=True):
            server.add_session(session, count)
        self._server = await server.__aenter__()
        return {"base_url": server.base_url, "api_key": server.api_key}

    async def report(self) -> dict[str, Any]:
        """Tell what happened since the last report: answers by status, and how busy this process was."""
        cpu, wall = time.process_time(), time.perf_counter()
        report = {
            "answers": {} if self._server is None else {**self._server.statuses},
            "cpu": cpu - self._cpu,
            "wall": wall - self._wall,
        }
        if self._server is not None:
            self._server.statuses.clear()
        self._cpu, self._wall = cpu, wall
        return report

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.__aexit__(None, None, None)
            self._server = None


async def main() -> None:
    """Serve until the input ends."""
    server = Server()
    await serve(open=server.open, report=server.report, close=server.close)
    await server.close()


if __name__ == "__main__":
    asyncio.run(main())
