"""The peers. Each module of this package is a peer, and has a ``connect`` that returns a :class:`Peer`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, cast

import attrs

# Called with a session's id and its number of traces, or with the error that lost the session.
Ended = Callable[[str, int | BaseException], None]


class Peer(Protocol):
    """One way to read traces, connected to a server."""

    def decode(self, body: bytes) -> object:
        """Turn the body of one answer into the values that the peer's users work with."""

    async def walk(self, session_id: str) -> int:
        """Read a whole session, visit each trace, and return the number of traces."""

    async def herd(self, session_ids: Sequence[str], ended: Ended) -> None:
        """Read all sessions at once, and call ``ended`` for each session as it ends."""

    async def aclose(self) -> None:
        """Close the connections."""


class Connect(Protocol):
    """Create a peer. This must run in an event loop, because some peers need a running one."""

    def __call__(self, base_url: str, api_key: str, limit: int, **options: float) -> Peer:
        """Connect to a server, with ``limit`` traces a page and the options that only this peer has."""


@attrs.frozen
class Entry:
    """The description of a peer.

    :ivar name: the name of the peer's module, and its name in ``results.json``.
    :ivar title: the name of the peer in the tables.
    :ivar about: a description for the report.
    :ivar imports: the import statement of the peer's users. Its time is measured.
    :ivar packages: the distributions whose versions are reported.
    :ivar at_once: how many of many sessions the peer reads at a time; ``None`` for all.
    """

    name: str
    title: str
    about: str
    imports: str
    packages: tuple[str, ...]
    at_once: int | None = None

    def versions(self) -> dict[str, str]:
        """Return the versions of the installed packages."""
        found = {}
        for package in self.packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found

    def load(self) -> Connect:
        """Import the peer's module, and return its ``connect``.

        :raises ImportError: if the peer is not installed.
        """
        return cast("Connect", import_module(f"{__name__}.{self.name}").connect)


OURS = "this_library"
BY_HAND = "aiohttp_loop"

PEERS = (
    Entry(
        "this_library",
        "lyzr-traces-async",
        "this library, with its defaults",
        "from lyzr_traces_async import TracesClient",
        ("lyzr-traces-async", "aiohttp", "msgspec"),
        at_once=8,
    ),
    Entry(
        "aiohttp_loop",
        "aiohttp by hand",
        "a loop over the pages, `response.json()`, dictionaries as they come, no retries",
        "import aiohttp",
        ("aiohttp",),
    ),
    Entry(
        "httpx_loop",
        "httpx + pydantic",
        "the same loop with httpx and pydantic models, no retries",
        "import httpx, pydantic",
        ("httpx", "pydantic"),
    ),
    Entry(
        "openai_pages",
        "openai-python",
        "its client, auto-paging and retries, with a page class for this endpoint",
        "import openai",
        ("openai", "httpx2", "pydantic"),
    ),
    Entry(
        "langfuse_api",
        "langfuse 4",
        "`trace.list` of its async client, its retries, a loop over the pages; the last version to have it",
        "from langfuse.api import AsyncLangfuseAPI",
        ("langfuse", "httpx", "pydantic"),
    ),
)


async def gather_walks(peer: Peer, session_ids: Sequence[str], ended: Ended) -> None:
    """Read many sessions at once with :func:`asyncio.gather`."""

    async def walk(session_id: str) -> None:
        found: int | BaseException
        try:
            found = await peer.walk(session_id)
        except Exception as error:  # noqa: BLE001 - any error loses the session
            found = error
        ended(session_id, found)

    await asyncio.gather(*map(walk, session_ids))
