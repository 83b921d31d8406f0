"""The deployment that the contract is checked against."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar, Final

import aiohttp
import attrs
import http_sf
import pytest

from lyzr_traces_async import TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.contract.options import Deployment, deployment_of

MOST_REQUESTS: Final = 39
# If fewer requests are left, the tests wait for the next window: others share the quota.
ENOUGH_LEFT: Final = 10

FAKE_SESSION: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@attrs.frozen
class Reply:
    """A complete answer."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        assert self.fields["Content-Type"].partition(";")[0] == "application/json"
        return json.loads(self.body)

    @property
    def place(self) -> dict[str, int]:
        place: dict[str, int] = self.document["pagination"]
        return place

    def quotas(self) -> dict[str, dict[str, int]]:
        """Return ``r``, ``t``, ``q`` and ``w`` of each quota, by its name."""
        found: dict[str, dict[str, int]] = {}
        for field in ("RateLimit", "RateLimit-Policy"):
            items: Any = http_sf.parse(self.fields.get(field, "").encode(), tltype="list")
            for name, parameters in items:
                found.setdefault(str(name), {}).update(parameters)
        return found


class Service:
    """A deployment that is used with care: one request at a time, few in all, and some quota left to others."""

    _made: ClassVar[int] = 0  # the requests of all tests of the contract

    def __init__(self, deployment: Deployment, http: aiohttp.ClientSession) -> None:
        self.deployment = deployment
        self._http = http
        self._left: dict[str, dict[str, int]] = {}

    async def get(self, session_id: str, *, key: str | None = "", headers: Any = None, **query: object) -> Reply:
        """Request a page of a session's traces."""
        return await self.ask(f"/traces/session/{session_id}", key=key, headers=headers, **query)

    async def ask(self, path: str, *, key: str | None = "", headers: Any = None, **query: object) -> Reply:
        """Send a request with the deployment's key, with another ``key``, or with none if it is ``None``."""
        await self.leave_room(1)
        key = self.deployment.api_key if key == "" else key
        async with self._http.get(
            self.deployment.base_url + path,
            params={name.rstrip("_"): str(value) for name, value in query.items()},
            headers={**({} if key is None else {"x-api-key": key}), **(headers or {})},
            allow_redirects=False,
        ) as response:
            reply = Reply(response.status, response.headers, await response.read())
        self._left = reply.quotas()
        return reply

    async def leave_room(self, requests: int) -> None:
        """Wait until the quota allows so many requests, and count them."""
        Service._made += requests
        assert Service._made <= MOST_REQUESTS, "too many requests to a service that others use"
        seconds = [quota["t"] for quota in self._left.values() if quota.get("r", math.inf) < ENOUGH_LEFT + requests]
        await asyncio.sleep(max(seconds, default=0))

    def client(self, key: str = "") -> TracesClient:
        """Make a client of the deployment."""
        return TracesClient(key or self.deployment.api_key, base_url=self.deployment.base_url)


@asynccontextmanager
async def serving(config: pytest.Config) -> AsyncIterator[Service]:
    """Connect to the requested deployment, or start a fake server."""
    async with AsyncExitStack() as stack:
        deployment = deployment_of(config)
        if deployment is None:
            server = await stack.enter_async_context(FakeTracesServer(api_key="contract-key"))
            server.add_session(FAKE_SESSION, traces=45, observations=True)
            server.add_transcripts(5)
            deployment = Deployment(server.base_url, server.api_key, FAKE_SESSION)
        # The service may take 37 s to look up a key.
        http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=45))
        yield Service(deployment, await stack.enter_async_context(http))


def optional(row: Any, name: str, *kinds: type) -> bool:
    """Return whether a field is null, is absent, or has exactly one of these types."""
    return row.get(name) is None or type(row[name]) in kinds


def check_refusal(reply: Reply, status: int, message: str | None = None) -> None:
    """Check that a request was refused with this status, and with this message if one is given."""
    assert reply.status == status
    assert isinstance(reply.document["error"], str)
    assert message in (None, reply.document["error"])
