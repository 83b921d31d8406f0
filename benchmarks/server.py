"""The server process that all peers read from. The server is the library's fake, which keeps the real contract.

One peer expects the same data in the shape of Langfuse's own API. The same server serves this shape at the path of that
API, with the same quota and latency.
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


# Cached, because the clients are measured: a slower server for one of them would not be fair.
@lru_cache(maxsize=512)
def as_langfuse(body: bytes) -> bytes:
    """Return a page as Langfuse's own API sends it, with the field groups ``core`` and ``metrics``."""
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
    """An answer that was sent, and its time by the monotonic clock, which all processes share."""

    moment: float
    session: str
    status: int


class TwoShapeServer(FakeTracesServer):
    """The fake server, which also answers at Langfuse's path, and records only the status of each answer.

    :param trouble: decides which requests time out; ``None`` for no request.
    """

    def __init__(self, quota: Quota | None, trouble: Trouble | None = None) -> None:
        super().__init__(quota=quota)
        self.answered: list[Answered] = []
        self._trouble = trouble
        if trouble is not None:
            self.on_request = self._fail_if_struck

    def new_window(self) -> None:
        """Start a new quota window with no request counted."""
        self._window = None if self._quota is None else Window(self._quota)

    def answers(self, session: str | None, before: float | None) -> Counter[int]:
        """Return the number of answers of each status: all of them, or those of a session, or those before a time."""
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

    def _fail_if_struck(self, request: RecordedRequest) -> None:
        """Let this request time out if the trouble strikes it: the fake looks for failures right after this call."""
        assert self._trouble is not None  # noqa: S101 - this is only called with a trouble
        session = request.path.removeprefix(ROUTE)
        page, limit = int(request.query["page"]), int(request.query["limit"])
        if self._trouble.strikes(session, page, limit, time.monotonic()):
            self.fail_next(status=502, stall=self._trouble.wait)


class Server:
    """The tasks of this process. Only one server listens at a time."""

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
        """Replace the server by one with these sessions, and return its address and key.

        :param traces: the number of traces of each session.
        :param quota: the requests allowed in a window, and the window's length in seconds.
        :param trouble: the ``kind`` of the trouble, with its fields.
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
        """Start a new quota window with no request counted."""
        if self._server is not None:
            self._server.new_window()

    async def answers(self, session: str | None = None, before: float | None = None) -> dict[int, int]:
        """Return the number of answers of each status since the last report; see ``TwoShapeServer.answers``."""
        return {} if self._server is None else {**self._server.answers(session, before)}

    async def report(self) -> dict[str, Any]:
        """Return the answers by status, and the CPU and wall time of this process, since the last report."""
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
