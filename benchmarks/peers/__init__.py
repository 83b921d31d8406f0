"""What is compared. Each module beside this one is a peer, and has a ``connect`` that returns one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, cast

import attrs

# Called with a session's id, and how many traces it had or why it is lost.
Ended = Callable[[str, int | BaseException], None]


class Peer(Protocol):
    """One way to read traces, connected to a server."""

    def decode(self, body: bytes) -> object:
        """Turn the body of one answer into what the peer's users work with."""

    async def walk(self, session_id: str) -> int:
        """Read a whole session, looking at each trace, and return how many there were."""

    async def herd(self, session_ids: Sequence[str], ended: Ended) -> None:
        """Read all those sessions at once, and tell of each as it ends."""

    async def aclose(self) -> None:
        """Close the connections."""


class Connect(Protocol):
    """Create a peer. Within an event loop, as some of them ask for one."""

    def __call__(self, base_url: str, api_key: str, limit: int, **options: float) -> Peer:
        """Point it at a server, with so many traces a page, and what else this peer can be told."""


@attrs.frozen
class Entry:
    """A peer in the list of them.

    :ivar name: the module's, and what the results call it.
    :ivar title: what the tables call it.
    :ivar about: what it does.
    :ivar imports: how its users import it, for the time that takes.
    :ivar packages: the distributions whose versions matter.
    :ivar at_once: how many sessions it reads at once where it is given many; ``None`` for all.
    """

    name: str
    title: str
    about: str
    imports: str
    packages: tuple[str, ...]
    at_once: int | None = None

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that are installed."""
        found = {}
        for package in self.packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found

    def load(self) -> Connect:
        """Import it, and return what connects it to a server.

        :raises ImportError: if it is not installed.
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
    """Read many sessions with what asyncio offers for that."""

    async def walk(session_id: str) -> None:
        found: int | BaseException
        try:
            found = await peer.walk(session_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, this session is lost
            found = error
        ended(session_id, found)

    await asyncio.gather(*map(walk, session_ids))
