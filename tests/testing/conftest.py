"""A running fake server, and an HTTP client with its key."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from lyzr_traces_async.testing import FakeTracesServer


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(quota=None) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"x-api-key": "test-key"}) as http:
        yield http
