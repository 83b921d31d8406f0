"""The process with the server that all peers read from: the library's own fake, which keeps the real one's contract.

One peer expects another shape of the same data, that of Langfuse's own API. It is served at that API's path, by the
same server, under the same quota and latency.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import attrs
import msgspec

from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from lyzr_traces_async.testing._answers import Answer
from lyzr_traces_async.testing._quota import Window
from lyzr_traces_async.testing._target import ROUTE, Target

from .channel import serve
from .troubles import KINDS, Trouble

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


@attrs.frozen
class Answered:
    """An answer that was sent, and when by the clock that all processes share."""

    moment: float
    session: str
    status: int


class TwoShapeServer(FakeTracesServer):
    """The fake server, which here answers at Langfuse's path too, and keeps short records.

    :param trouble: what it suffers from; ``None`` for nothing.
    """

    def __init__(self, quota: Quota | None, trouble: Trouble | None = None) -> None:
        super().__init__(quota=quota)
        self.answered: list[Answered] = []
        self._trouble = trouble
        if trouble is not None:
            self.on_request = self._suffer

    def new_window(self) -> None:
        """Let the quota be as if nothing had been asked for."""
        self._window = None if self._quota is None else Window(self._quota)

    def answers(self, session: str | None, before: float | None) -> Counter[int]:
        """Return how many answers there were of each status: of one session, before a moment, or all."""
        return Counter(
            answer.status
            for answer in self.answered
            if session in {None, answer.session} and (before is None or answer.moment < before)
        )

    async def _answer(self, request: RecordedRequest, target: Target) -> Answer:
        other_shape = request.path == LANGFUSE_PATH
        if other_shape:
            request.path = ROUTE + target.query.get("sessionId", "")
            target = Target.of(request.method, request.path, target.query)
        session = request.path.removeprefix(ROUTE)
        answer = await super()._answer(request, target)
        self.requests.clear()
        self.answered.append(Answered(time.monotonic(), session, answer.status))
        if other_shape and answer.status == 200:
            return Answer(answer.status, as_langfuse(answer.body), answer.headers, answer.delivery)
        return answer

    def _suffer(self, request: RecordedRequest) -> None:
        """Let this very request fail, if it is to: failures are looked for right after this."""
        assert self._trouble is not None  # noqa: S101 - or else this is not called
        session = request.path.removeprefix(ROUTE)
        page, limit = int(request.query["page"]), int(request.query["limit"])
        if self._trouble.strikes(session, page, limit, time.monotonic()):
            self.fail_next(status=502, stall=self._trouble.wait)


class Server:
    """The tasks of this process. One server listens at a time."""

    def __init__(self) -> None:
        self._server: TwoShapeServer | None = None
        self._cpu = self._wall = 0.0

    async def open(
        self,
        sessions: Sequence[str],
        traces: Sequence[int],
        latency: float = 0.0,
        quota: tuple[int, float] | None = None,
        trouble: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """Listen, with other sessions than before, and say where.

        :param traces: how many, for each session.
        :param quota: requests in a window, and its seconds.
        :param trouble: its ``kind``, with its fields.
        """
        await self.close()
        suffered = None
        if trouble is not None:
            fields = dict(trouble)
            suffered = KINDS[fields.pop("kind")](**fields)
        server = TwoShapeServer(Quota(*quota) if quota is not None else None, suffered)
        server.latency = latency
        for session, count in zip(sessions, traces, strict=True):
            server.add_session(session, count)
        self._server = await server.__aenter__()
        return {"base_url": server.base_url, "api_key": server.api_key}

    async def new_window(self) -> None:
        """Let the quota be as if nothing had been asked for."""
        if self._server is not None:
            self._server.new_window()

    async def answers(self, session: str | None = None, before: float | None = None) -> dict[int, int]:
        """Tell how many answers there were of each status since the last report: all, or some of them."""
        return {} if self._server is None else {**self._server.answers(session, before)}

    async def report(self) -> dict[str, Any]:
        """Tell what happened since the last report: answers by status, and how busy this process was."""
        cpu, wall = time.process_time(), time.perf_counter()
        report = {"answers": await self.answers(), "cpu": cpu - self._cpu, "wall": wall - self._wall}
        if self._server is not None:
            self._server.answered.clear()
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
    await serve(
        open=server.open,
        new_window=server.new_window,
        answers=server.answers,
        report=server.report,
        close=server.close,
    )
    await server.close()


if __name__ == "__main__":
    asyncio.run(main())
