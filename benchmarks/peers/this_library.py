"""This library, with its defaults."""

from __future__ import annotations

from collections.abc import Sequence

from lyzr_traces_async import RetryPolicy, TracePage, TracesClient
from lyzr_traces_async._decoding import decode_page

from . import Ended


class ThisLibrary:
    """A client as its documentation shows it.

    :param patience: the longest wait for a quota, in seconds; ``None`` for the default.
    """

    def __init__(self, base_url: str, api_key: str, limit: int, patience: float | None = None) -> None:
        retry = RetryPolicy() if patience is None else RetryPolicy(max_rate_limit_wait=patience)
        self._client = TracesClient(api_key, base_url=base_url, retry=retry)
        self._limit = limit

    def decode(self, body: bytes) -> TracePage:
        """Read one answer's body."""
        return decode_page(body)

    async def walk(self, session_id: str) -> int:
        """Read a session."""
        count = 0
        async for _ in self._client.iter_session_traces(session_id, limit=self._limit):
            count += 1
        return count

    async def herd(self, session_ids: Sequence[str], ended: Ended) -> None:
        """Read many sessions."""
        async with self._client.stream_sessions(session_ids, limit=self._limit) as sessions:
            async for session in sessions:
                ended(session.session_id, len(session) if session.error is None else session.error)

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.aclose()


connect = ThisLibrary
