"""The settings of a client: where they come from, and which are refused when the client is made."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from yarl import URL

from lyzr_traces_async import (
    ClientClosedError,
    ClientStats,
    InvalidArgumentError,
    TracesClient,
)
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.clients import (
    SESSION,
)


def test_construction_needs_no_loop_and_does_no_io() -> None:
    """A client can be made in a synchronous program, without a server, and leaves nothing open."""
    client = TracesClient("key", base_url="http://127.0.0.1:1/v1", timeout=3, max_concurrency=1)
    assert client.stats == ClientStats()
    asyncio.run(client.aclose())
    with pytest.raises(ClientClosedError):
        client.iter_session_traces(SESSION)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"session": "x"}, "session must be an aiohttp.ClientSession, not str"),
        ({"retry": None}, "retry must be a RetryPolicy, not NoneType"),
        ({"timeout": 10**5000}, "timeout must be a number of seconds > 0"),
        ({"max_concurrency": 2.0}, "max_concurrency must be an integer >= 1, not 2.0"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused_with_its_name(settings: dict[str, Any], complaint: str) -> None:
    """The constructor refuses it, not the first request."""
    with pytest.raises(InvalidArgumentError, match=complaint):
        TracesClient("key", **settings)


async def test_the_repr_of_a_client_shows_the_base_url_but_not_the_key() -> None:
    """The repr ends up in logs."""
    client = TracesClient("canary-key", base_url="https://traces.example/v1/")
    assert repr(client) == "<TracesClient https://traces.example/v1>"


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_a_client_can_be_neither_pickled_nor_copied(way: Callable[[Any], Any]) -> None:
    """It holds connections, and the key must not end up in a pickle."""
    with pytest.raises(TypeError, match="create one in each process"):
        way(TracesClient("canary-key"))


async def test_key_and_base_url_come_from_the_environment(
    server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments take precedence over the environment."""
    monkeypatch.setenv("LYZR_API_KEY", server.api_key)
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", server.base_url)
    async with TracesClient() as client:
        assert len(await client.list_session_traces(SESSION)) == 5
    monkeypatch.setenv("LYZR_API_KEY", "another")
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", "https://another.example")
    async with TracesClient(server.api_key, base_url=URL(server.base_url)) as client:
        assert len(await client.list_session_traces(SESSION)) == 5


async def test_the_base_url_is_the_documented_one_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as no variable."""
    for value in (None, ""):
        monkeypatch.delenv("LYZR_TRACES_BASE_URL", raising=False)
        if value is not None:
            monkeypatch.setenv("LYZR_TRACES_BASE_URL", value)
        assert repr(TracesClient("key")) == "<TracesClient https://voice-livekit.studio.lyzr.ai/v1>"


async def test_a_missing_key_is_refused_at_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment does not replace an empty argument."""
    monkeypatch.delenv("LYZR_API_KEY", raising=False)
    with pytest.raises(InvalidArgumentError, match="LYZR_API_KEY"):
        TracesClient()
    monkeypatch.setenv("LYZR_API_KEY", "key")
    with pytest.raises(InvalidArgumentError, match="no API key"):
        TracesClient("")


BAD_SETTINGS: list[dict[str, Any]] = [
    {"api_key": "line\n"},
    {"base_url": "http://traces.example/v1"},
    {"base_url": "https://user:secret@traces.example"},
    {"base_url": 5},
    {"timeout": 0},
    {"timeout": float("nan")},
    {"timeout": float("inf")},
    {"timeout": None},
    {"max_concurrency": 0},
    {"max_concurrency": 1.5},
]


@pytest.mark.parametrize("settings", BAD_SETTINGS)
def test_a_setting_that_makes_no_sense_is_refused_at_construction(settings: dict[str, Any]) -> None:
    """It is refused before any I/O."""
    with pytest.raises(InvalidArgumentError):
        TracesClient(**{"api_key": "key", **settings})
