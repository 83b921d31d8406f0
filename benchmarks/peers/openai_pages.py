"""openai-python: its client and its auto-paging, with a page class for this endpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

import httpx2
from openai import BaseModel
from openai._base_client import AsyncAPIClient, BaseAsyncPage, BasePage, PageInfo
from pydantic import Field

from . import Ended, gather_walks

T = TypeVar("T")


class Trace(BaseModel):
    """A trace, in the style of that library's generated models."""

    trace_id: str = Field(alias="traceId")
    name: str | None = None
    session_id: str | None = Field(alias="sessionId", default=None)
    timestamp: datetime
    latency_seconds: float | None = Field(alias="latencySeconds", default=None)
    total_cost_usd: float | None = Field(alias="totalCostUsd", default=None)
    observation_count: int = Field(alias="observationCount")
    html_path: str | None = Field(alias="htmlPath", default=None)


class Pagination(BaseModel):
    """The position of a page in the list."""

    page: int
    limit: int
    total_items: int = Field(alias="totalItems")
    total_pages: int = Field(alias="totalPages")


class TracesPage(BaseAsyncPage[T], BasePage[T], Generic[T]):
    """A page that can ask for the next page."""

    traces: list[T]
    pagination: Pagination

    def _get_page_items(self) -> list[T]:
        return self.traces

    def next_page_info(self) -> PageInfo | None:
        """Return the parameters of the next page; ``None`` after the last page."""
        if self.pagination.page >= self.pagination.total_pages:
            return None
        return PageInfo(params={"page": self.pagination.page + 1})


class OpenaiPages:
    """The client with its defaults: two retries."""

    def __init__(self, base_url: str, api_key: str, limit: int) -> None:
        self._client = AsyncAPIClient(
            version="1",
            base_url=base_url,
            custom_headers={"x-api-key": api_key},
            _strict_response_validation=False,
        )
        self._limit = limit

    def decode(self, body: bytes) -> TracesPage[Trace]:
        """Read one answer's body, as the client does after it has received the body."""
        return self._client._process_response_data(
            data=json.loads(body), cast_to=TracesPage[Trace], response=httpx2.Response(200)
        )

    async def walk(self, session_id: str) -> int:
        """Read a session."""
        count = 0
        async for _ in self._client.get_api_list(
            f"/traces/session/{session_id}",
            model=Trace,
            page=TracesPage[Trace],
            options={"params": {"page": 1, "limit": self._limit}},
        ):
            count += 1
        return count

    async def herd(self, session_ids: Sequence[str], ended: Ended) -> None:
        """Read many sessions."""
        await gather_walks(self, session_ids, ended)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()


connect = OpenaiPages
