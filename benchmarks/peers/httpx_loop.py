"""The same loop written by hand with httpx, and pydantic for typed values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import httpx
from pydantic import BaseModel, Field

from . import Ended, gather_walks


class Trace(BaseModel):
    """A trace, with Python names for its fields."""

    trace_id: str = Field(alias="traceId")
    name: str | None
    session_id: str | None = Field(alias="sessionId")
    timestamp: datetime
    latency_seconds: float | None = Field(alias="latencySeconds")
    total_cost_usd: float | None = Field(alias="totalCostUsd")
    observation_count: int = Field(alias="observationCount")
    html_path: str | None = Field(alias="htmlPath")


class Pagination(BaseModel):
    """The position of a page in the list."""

    page: int
    limit: int
    total_items: int = Field(alias="totalItems")
    total_pages: int = Field(alias="totalPages")


class Page(BaseModel):
    """One answer."""

    traces: list[Trace]
    pagination: Pagination


class HttpxLoop:
    """Reads one page after the other. pydantic checks the pages, and no request is retried."""

    def __init__(self, base_url: str, api_key: str, limit: int) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, headers={"x-api-key": api_key})
        self._limit = limit

    def decode(self, body: bytes) -> Page:
        """Read one answer's body."""
        return Page.model_validate_json(body)

    async def walk(self, session_id: str) -> int:
        """Read a session."""
        count = page = 0
        pages = 1
        while page < pages:
            page += 1
            params = {"page": page, "limit": self._limit}
            response = await self._http.get(f"/traces/session/{session_id}", params=params)
            answer = self.decode(response.raise_for_status().content)
            for _ in answer.traces:
                count += 1
            pages = answer.pagination.total_pages
        return count

    async def herd(self, session_ids: Sequence[str], ended: Ended) -> None:
        """Read many sessions."""
        await gather_walks(self, session_ids, ended)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


connect = HttpxLoop
