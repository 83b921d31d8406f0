"""langfuse 4, the last major version that lists traces: its generated async client, at the path of Langfuse's own API.

The client has no auto-paging. It asks for the field groups ``core`` and ``metrics``, the data that the other peers get.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from langfuse.api import AsyncLangfuseAPI
from langfuse.api.core.pydantic_utilities import parse_obj_as
from langfuse.api.trace.types.traces import Traces

from . import Ended, gather_walks


class LangfuseApi:
    """The client with its defaults: two retries."""

    def __init__(self, base_url: str, api_key: str, limit: int) -> None:
        self._client = AsyncLangfuseAPI(base_url=base_url.removesuffix("/v1"), headers={"x-api-key": api_key})
        self._limit = limit

    def decode(self, body: bytes) -> Traces:
        """Read one answer's body, as the client does after it has received the body."""
        return parse_obj_as(type_=Traces, object_=json.loads(body))

    async def walk(self, session_id: str) -> int:
        """Read a session."""
        count = page = 0
        pages = 1
        while page < pages:
            page += 1
            answer = await self._client.trace.list(
                session_id=session_id, page=page, limit=self._limit, fields="core,metrics"
            )
            for _ in answer.data:
                count += 1
            pages = answer.meta.total_pages
        return count

    async def herd(self, session_ids: Sequence[str], ended: Ended) -> None:
        """Read many sessions."""
        await gather_walks(self, session_ids, ended)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client._client_wrapper.httpx_client.httpx_client.aclose()


connect = LangfuseApi
