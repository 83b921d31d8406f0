"""For every status: its error, whether the client retries, and whether it asks for less."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from multidict import CIMultiDict

from lyzr_traces_async import (
    APIConnectionError,
    APIStatusError,
    LyzrTracesError,
    ResponseDecodeError,
    RetryPolicy,
    ServerError,
    TracesClient,
    errors,
)
from lyzr_traces_async._decoding import decode_page
from lyzr_traces_async._responses import Answer, error_of
from lyzr_traces_async._retrying import Attempts
from lyzr_traces_async.testing import FakeTracesServer
from tests.helpers.raw_server import RawServer, answer, healthy, keeping, page_body

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
AT_ONCE: Final = RetryPolicy(attempts=3, wait_initial=0, wait_jitter=0)

KINDS: Final[dict[int, type[APIStatusError]]] = {
    **dict.fromkeys(range(300, 400), errors.RedirectError),
    **dict.fromkeys(range(400, 500), errors.APIStatusError),
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    429: errors.RateLimitError,
    **dict.fromkeys(range(500, 600), errors.ServerError),
}
# a 429 makes the client wait and is no failure
PASSING: Final = {408, 425, 429, *range(500, 600)} - {501, 505, 511, 525, 526}
TOO_HEAVY: Final = {504, 524, 598, 599}
# The text of an error that a retry does not solve.
LASTING: Final = {
    501: "leads to the API",
    505: "leads to the API",
    511: "log-in",
    525: "only the service's operator",
    526: "only the service's operator",
}


def error(status: int, said: str = "what it said") -> APIStatusError:
    """Return the error that an answer becomes."""
    found = error_of(Answer(status, CIMultiDict(), json.dumps({"error": said}).encode()), str)
    assert found is not None
    return found


@pytest.mark.parametrize("status", KINDS)
def test_each_status_has_its_error_and_is_retried_if_that_may_help(status: int) -> None:
    """The client has had no answer before."""
    found = error(status)
    assert type(found) is KINDS[status]
    assert Attempts(RetryPolicy()).again(found) is (status in PASSING)
    assert found._too_heavy is (status in TOO_HEAVY)


@pytest.mark.parametrize("status", range(500, 600))
def test_the_advice_of_a_server_error_is_true(status: int) -> None:
    """It suggests a later attempt only if one may succeed."""
    text = str(error(status))
    assert ("may succeed later" in text) is (status in PASSING)
    assert LASTING.get(status, "") in text


def test_a_status_beyond_all_classes_is_a_server_error() -> None:
    """RFC 9110, 15: a client treats it as a 5xx."""
    assert type(error(999)) is ServerError
    assert Attempts(RetryPolicy()).again(error(999))


@pytest.mark.parametrize(
    ("status", "said", "passes", "too_heavy"),
    [
        (502, "Langfuse request timed out", True, True),
        (502, "Langfuse request failed (422)", True, True),
        (502, "Langfuse request failed (504)", True, True),
        (502, "Langfuse request failed (500)", True, False),
        (502, "Langfuse request failed (429)", True, False),
        (502, "Failed to fetch traces from Langfuse", True, False),
        (502, "Invalid Langfuse trace list response", True, False),
        (502, "Failed to resolve org from Pagos", True, False),
        (500, "Langfuse request timed out", True, False),
        (503, "Langfuse request failed (504)", True, False),
        (429, "timed out", True, False),
        (503, "Langfuse tracing is not configured on voice-agent-server", False, False),
        (503, "Persistence is not configured", False, False),
        (503, "Failed to connect to MongoDB", True, False),
        (503, "upstream is not configured", True, False),
        (500, "Persistence is not configured", True, False),
    ],
)
def test_the_message_of_the_service_counts_beside_the_status(
    status: int, said: str, *, passes: bool, too_heavy: bool
) -> None:
    """A smaller page may help a store that runs out of time or memory, but not one that is not configured."""
    found = error(status, said)
    assert Attempts(RetryPolicy()).again(found) is passes
    assert isinstance(found, errors.ServiceNotConfiguredError) is not passes
    assert found._too_heavy is too_heavy
    assert ("only its operator" in str(found)) is not passes


@pytest.mark.parametrize(
    "body", [b"<h1>The backend is not configured</h1>", b'{"message": "Persistence is not configured"}', b""]
)
def test_a_503_that_is_no_json_error_is_retried(body: bytes) -> None:
    """It comes from a proxy, even if it uses the service's words."""
    found = error_of(Answer(503, CIMultiDict(), body), str)
    assert type(found) is ServerError
    assert Attempts(RetryPolicy()).again(found)


NO_JSON: Final[dict[str, bytes]] = {
    "empty": b"",
    "blank": b" \r\n",
    "HTML": b"<!doctype html><title>One moment</title>",
    "text": b"OK",
    "cut": page_body()[:-5],
    "cut at once": b"{",
    "no UTF-8": b'{"traces": ["\xe9"]}',
    "two documents": page_body() + page_body(),
}
OTHER_SHAPE: Final[dict[str, bytes]] = {
    "null": b"null",
    "a text": b'"OK"',
    "an object": b"{}",
    "another object": b'{"status": "ok"}',
    "an array": b"[]",
    "another type": b'{"traces": {}, "pagination": {}}',
    "a number too large": b"[" + b"1" * 5000 + b"]",
    "too deep": b"[" * 100_000 + b"]" * 100_000,
}


def decode_error(body: bytes) -> ResponseDecodeError:
    """Return the error that a body causes."""
    with pytest.raises(ResponseDecodeError) as caught:
        decode_page(body)
    return caught.value


@pytest.mark.parametrize(
    ("name", "passes"), [*dict.fromkeys(NO_JSON, True).items(), *dict.fromkeys(OTHER_SHAPE, False).items()]
)
def test_a_200_without_json_is_retried_and_one_of_another_shape_is_not(name: str, *, passes: bool) -> None:
    """JSON comes from the service. Other bodies are incomplete or come from a machine in between."""
    assert Attempts(RetryPolicy()).again(decode_error({**NO_JSON, **OTHER_SHAPE}[name])) is passes


@pytest.fixture
async def server() -> AsyncIterator[FakeTracesServer]:
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION, 5)
        yield server


def client_of(server: FakeTracesServer | RawServer, **settings: Any) -> TracesClient:
    return TracesClient("test-key", base_url=server.base_url, **{"retry": AT_ONCE, **settings})


@pytest.mark.parametrize("name", ["empty", "HTML", "cut"])
async def test_a_200_without_json_is_tried_again(name: str) -> None:
    """It may be the page of a load balancer. After all attempts, the last one is the error."""
    bad = keeping(answer(NO_JSON[name]))
    async with RawServer(bad, bad, healthy, bad) as raw, client_of(raw) as client:
        assert not await client.list_session_traces(SESSION)
        assert len(raw.heads) == 3
        with pytest.raises(ResponseDecodeError, match="not JSON") as caught:
            await client.list_session_traces(SESSION)
        assert (len(raw.heads), caught.value.attempts) == (6, 3)
        assert client.stats.retries == 4


async def test_the_last_of_several_200_without_json_is_the_one_raised() -> None:
    """It has its own request id."""
    plays = [keeping(answer(b"<p>%d" % n, f"X-Request-Id: theirs-{n}")) for n in range(3)]
    async with RawServer(*plays) as raw, client_of(raw) as client:
        with pytest.raises(ResponseDecodeError, match="<p>2") as caught:
            await client.list_session_traces(SESSION)
    assert (caught.value.request_id, caught.value.attempts, caught.value.page) == ("theirs-2", 3, 1)


async def test_a_body_that_was_cut_by_closing_is_tried_again() -> None:
    """Without a length or chunks, the HTTP library takes it for a whole body."""
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    async with RawServer(head + page_body()[:30], healthy) as raw, client_of(raw) as client:
        assert not await client.list_session_traces(SESSION)
        assert len(raw.heads) == 2


@pytest.mark.parametrize("body", [b"{}", b"null"])
async def test_a_200_of_another_shape_is_not_tried_again(server: FakeTracesServer, body: bytes) -> None:
    """The next answer would be the same."""
    server.fail_next(100, body=body)
    async with client_of(server) as client:
        with pytest.raises(ResponseDecodeError) as caught:
            await client.list_session_traces(SESSION)
    assert len(server.requests) == caught.value.attempts == 1


@pytest.mark.parametrize("said", ["(422)", "(504)"])
async def test_a_store_out_of_memory_or_time_is_asked_for_less(server: FakeTracesServer, said: str) -> None:
    """This happens after two attempts, as with its time-outs."""
    server.fail_next(2, status=502, message=f"Langfuse request failed {said}")
    async with client_of(server) as client:
        assert len([trace async for trace in client.iter_session_traces(SESSION)]) == 5
    assert [request.query["limit"] for request in server.requests][:3] == ["100", "100", "50"]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**20 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 2**20 + b": 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 99) for n in range(10_000)) + b"\r\n",
    ],
)
async def test_a_head_that_is_too_large_is_not_tried_again(head: bytes) -> None:
    """The next one would be as large."""
    async with RawServer(head) as raw, client_of(raw) as client:
        with pytest.raises(APIConnectionError, match="header fields are larger") as caught:
            await client.list_session_traces(SESSION)
        assert len(raw.heads) == caught.value.attempts == 1
    assert isinstance(caught.value, LyzrTracesError)
