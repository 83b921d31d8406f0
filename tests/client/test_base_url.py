"""A 404 from a server that is not the API: the usual reason is a base URL without ``/v1``."""

from __future__ import annotations

from typing import Final

import pytest

from lyzr_traces_async import NotFoundError, TracesClient
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import RawServer, answer

SESSION: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
KEY: Final = "canary-key-5e1f"
HTML: Final = b"<p>Cannot GET /traces</p>"
BY_SERVICE: Final = b'{"error": "Trace session not found"}'


async def refusal(base_url: str) -> str:
    """Return the text of the 404 that a request gets."""
    async with TracesClient(KEY, base_url=base_url) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.list_session_traces(SESSION)
    return str(caught.value)


@pytest.mark.parametrize("given", ["", "/", "//"])
async def test_a_404_names_the_v1_that_the_base_url_lacks(given: str) -> None:
    """The text shows the base URL that was used, and the one that is probably right."""
    async with FakeTracesServer(api_key=KEY, quota=None) as server:
        server.add_session(SESSION)
        root = server.base_url.removesuffix("/v1")
        text = await refusal(root + given)
        assert f"The base URL {root} does not end in /v1; the API is at {root}/v1 [" in text
        assert "no session has this id" not in text


@pytest.mark.parametrize(
    ("path", "api"), [("/gateway", "/gateway/v1"), ("/v1/traces", "/v1"), ("/v12", "/v12/v1"), ("/a/v1/b", "/a/v1")]
)
async def test_the_path_of_the_base_url_decides(path: str, api: str) -> None:
    """What precedes a ``/v1`` is kept; what follows it is too much."""
    async with RawServer(answer(HTML, status=404)) as server:
        root = server.base_url.removesuffix("/v1")
        text = await refusal(root + path)
        assert f"The base URL {root}{path} does not end in /v1; the API is at {root}{api} [" in text


@pytest.mark.parametrize("given", ["", "/"])
async def test_a_base_url_that_ends_in_v1_is_not_blamed_for_its_end(given: str) -> None:
    """It may still lead to another server."""
    async with RawServer(answer(HTML, status=404)) as server:
        text = await refusal(server.base_url + given)
        assert "does not end in /v1" not in text
        assert "Or the base URL does not lead to the API" in text


async def test_a_404_in_the_words_of_the_service_does_not_blame_the_base_url() -> None:
    """A gateway may serve the API under any path."""
    async with RawServer(answer(BY_SERVICE, status=404)) as server:
        text = await refusal(f"{server.base_url}/gateway")
        assert "base URL" not in text
        assert "no session has this id" in text


async def test_the_base_url_is_shown_without_the_key() -> None:
    """The key may stand in the path by mistake."""
    async with RawServer(answer(HTML, status=404)) as server:
        text = await refusal(f"http://127.0.0.1:{server.port}/{KEY}")
        assert f"The base URL http://127.0.0.1:{server.port}/*** does not end in /v1" in text
        assert KEY not in text
