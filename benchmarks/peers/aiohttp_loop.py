"""The code that a user writes in five minutes: aiohttp, a loop over the pages, and unchecked dictionaries."""

from __future__ import annotations

import json
from collections.abc import Sequence

import aiohttp

from . import Ended, gather_walks


class AiohttpLoop:
    """Reads one page after the other. Nothing is checked, and no request is retried."""

    def __init__(self, base_url: str, api_key: str, limit: int) -> None:
        self._http = aiohttp.ClientSession(headers={"x-api-key": api_key}, raise_for_status=True)
        self._base_url = base_url
        self._limit = limit

    def decode(self, body: bytes) -> object:
        """Read one answer's body."""
        return json.loads(body)

    async def walk(self, session_id: str) -> int:
        """Read a session."""
        count = page = 0
        pages = 1
        while page < pages:
            page += 1
            params = {"page": page, "limit": self._limit}
            async with self._http.get(f"{self._base_url}/traces/session/{session_id}", params=params) as response:
                answer = await response.json()
            for _ in answer["traces"]:
                count += 1
            pages = answer["pagination"]["totalPages"]
        return count

    async def herd(self, session_ids: Sequence[str], ended: Ended) -> None:
        """Read many sessions."""
        await gather_walks(self, session_ids, ended)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.close()


connect = AiohttpLoop
