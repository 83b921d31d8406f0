"""The list of transcripts: the sessions that have ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import aiohttp
import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lyzr_traces_async.errors import InvalidArgumentError
from lyzr_traces_async.models import SessionInfo, Trace
from lyzr_traces_async.testing import FakeTracesServer, Quota, RecordedRequest
from tests.testing.asking import OTHER, SESSION

ENDED = datetime(2026, 3, 25, 18, 30, 0, 347_000, tzinfo=UTC)
INFO = SessionInfo(SESSION, "room-1", "agent-1", "job_shutdown", ENDED - timedelta(minutes=1), ENDED, 60_000, 7)
BEFORE_ALL_TIME = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))  # UTC has no such moment
TRACE = Trace("t", "llm", SESSION, ENDED, 1.25, None, 0, None)


async def get(
    http: aiohttp.ClientSession, server: FakeTracesServer, agent: str | None = None, **query: Any
) -> tuple[int, Any]:
    path = "/transcripts" if agent is None else f"/transcripts/agent/{agent}"
    query = {name.rstrip("_"): value for name, value in query.items()}
    async with http.get(server.base_url + path, params=query) as answer:
        return answer.status, await answer.json()


async def ids(
    http: aiohttp.ClientSession, server: FakeTracesServer, agent: str | None = None, **query: Any
) -> list[str]:
    status, body = await get(http, server, agent, **query)
    assert status == 200
    return [item["sessionId"] for item in body["items"]]


def ids_of(infos: tuple[SessionInfo, ...]) -> list[str]:
    return [info.session_id for info in infos]


async def test_a_transcript_is_sent_as_the_service_sends_it(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """It has its heavy fields, and the list has its offsets."""
    (listed,) = server.add_transcripts([INFO])
    status, body = await get(http, server)
    (item,) = body.pop("items")
    assert (status, body) == (200, {"total": 1, "limit": 50, "offset": 0, "nextOffset": None})
    chat, report, transcript_id = item.pop("chatHistory"), item.pop("sessionReport"), item.pop("id")
    assert item == {
        "sessionId": SESSION,
        "roomName": "room-1",
        "agentId": "agent-1",
        "closeReason": "job_shutdown",
        "startedAt": "2026-03-25T18:29:00.347Z",
        "endedAt": "2026-03-25T18:30:00.347Z",
        "durationMs": 60_000,
        "messageCount": 7,
        "orgId": listed.extra["orgId"],
        "createdByUserId": None,
        "createdAt": "2026-03-25T18:30:00.347Z",
        "updatedAt": "2026-03-25T18:30:00.347Z",
    }
    assert {message["role"] for message in chat} == {"user", "assistant"}
    assert report
    assert transcript_id == listed.extra["id"]


async def test_add_transcripts_returns_what_the_list_has(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The returned `extra` has the other fields of the answer, without the heavy ones."""
    infos = server.add_transcripts([INFO, attrs.evolve(INFO, agent_id=None, extra={"tags": 1, "orgId": "mine"})])
    assert attrs.evolve(infos[0], extra={}) == INFO
    assert (infos[1].extra["tags"], infos[1].extra["orgId"]) == (1, "mine")
    _, body = await get(http, server, sort="asc")
    heavy = ("chatHistory", "sessionReport")
    light = [{name: value for name, value in item.items() if name not in heavy} for item in body["items"]]
    assert light == [info.to_dict() for info in server.transcripts()]
    assert set(infos) == set(server.transcripts())


async def test_extra_can_replace_heavy_fields_too(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Each name is sent once, even if the value breaks the contract."""
    server.add_transcripts([attrs.evolve(INFO, extra={"chatHistory": None, "endedAt": 5})], chat_bytes=10_000)
    async with http.get(f"{server.base_url}/transcripts") as answer:
        text = await answer.text()
    assert text.count('"chatHistory":null') == text.count('"chatHistory"') == text.count('"endedAt":5') == 1


@pytest.mark.parametrize("size", [0, 1, 2000, 100_000])
async def test_a_chat_has_the_requested_size(server: FakeTracesServer, http: aiohttp.ClientSession, size: int) -> None:
    """It may be a little larger, because it consists of whole messages."""
    server.add_transcripts(1, chat_bytes=size)
    _, body = await get(http, server)
    assert size <= len(json.dumps(body["items"][0]["chatHistory"], separators=(",", ":"))) < size + 300


async def test_a_page_can_be_larger_than_sixteen_mebibytes(
    server: FakeTracesServer, http: aiohttp.ClientSession
) -> None:
    """Pages of the real service can be that large."""
    server.add_transcripts(100, chat_bytes=200_000)
    async with http.get(f"{server.base_url}/transcripts", params={"limit": 100}) as answer:
        assert len(await answer.read()) > 16 * 2**20


async def test_the_list_is_sorted_by_the_end(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """The order is ascending or descending. Sessions with the same end are sorted by id."""
    tied = [attrs.evolve(INFO, session_id=str(UUID(int=n)), extra={"id": f"{n % 5}"}) for n in range(5, 10)]
    later = attrs.evolve(INFO, ended_at=ENDED.astimezone(timezone(timedelta(hours=-9))) + timedelta(microseconds=1))
    server.add_transcripts([tied[3], later, tied[0], tied[4], tied[2], tied[1]])
    order = [*(info.session_id for info in tied), SESSION]
    assert await ids(http, server, sort="asc") == order == ids_of(server.transcripts())
    assert await ids(http, server, sort="desc") == await ids(http, server) == order[::-1]


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 3, 7, 8, 200])
async def test_the_pages_joined_are_the_list(
    server: FakeTracesServer, http: aiohttp.ClientSession, limit: int, sort: str
) -> None:
    """Each page has the offset of the next one, and the last page has none."""
    server.add_transcripts(7)
    offset: int | None = 0
    walk: list[str] = []
    while offset is not None:
        _, body = await get(http, server, limit=limit, offset=offset, sort=sort)
        assert (body["total"], body["limit"], body["offset"]) == (7, limit, offset)
        assert len(body["items"]) <= limit
        walk += [item["sessionId"] for item in body["items"]]
        offset = body["nextOffset"]
    assert walk == ids_of(server.transcripts())[:: 1 if sort == "asc" else -1]
    _, body = await get(http, server, offset=7)
    assert (body["items"], body["total"], body["nextOffset"]) == ([], 7, None)


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ({"from_": "2026-03-25T00:00:00Z"}, [1, 2, 3]),
        ({"from_": "2026-03-25"}, [1, 2, 3]),
        ({"from_": "2026-03-25T00:00:00.001Z"}, [2, 3]),
        ({"to": "2026-03-25T12:00:00Z"}, [0, 1, 2]),
        ({"to": "2026-03-25T17:30:00+05:30"}, [0, 1, 2]),
        ({"to": "2026-03-25t11:59:59.999999999z"}, [0, 1]),
        ({"from_": "2026-03-25", "to": "2026-03-26"}, [1, 2, 3]),
        ({"from_": "2026-03-26", "to": "2026-03-25"}, []),
        ({"agentId": "a"}, [0, 2]),
        ({"agentId": "nobody"}, []),
        ({"sessionId": str(UUID(int=3))}, [3]),
        ({"sessionId": SESSION, "agentId": "a"}, []),
        ({"agentId": "a", "from_": "2026-03-25", "unknown": "x"}, [2]),
    ],
)
async def test_the_list_can_be_filtered_by_agent_session_and_time(
    server: FakeTracesServer, http: aiohttp.ClientSession, query: dict[str, str], which: list[int]
) -> None:
    """Bounds of the time are included. A date is its midnight in UTC."""
    hours = [-1, 0, 12, 24]
    midnight = datetime(2026, 3, 25, tzinfo=UTC)
    infos = [
        attrs.evolve(INFO, session_id=str(UUID(int=n)), ended_at=midnight + timedelta(hours=hour), agent_id=agent)
        for n, (hour, agent) in enumerate(zip(hours, ["a", "b", "a", None], strict=True))
    ]
    server.add_transcripts(infos)
    assert await ids(http, server, sort="asc", **query) == [str(UUID(int=n)) for n in which]
    assert (await get(http, server, limit=1, **query))[1]["total"] == len(which)


async def test_an_agent_has_a_list_of_its_own(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """It ignores `from` and `to`. The agent's id is one part of the path."""
    mine = server.add_transcripts(3, agent_id="my/agent")
    server.add_transcripts(4, agent_id="another")
    assert await ids(http, server, "my%2Fagent", sort="asc") == ids_of(mine)
    assert await ids(http, server, "my%2Fagent", to="1970-01-01", from_="x", agentId="another") == ids_of(mine)[::-1]
    status, body = await get(http, server, "my%2Fagent", limit=2, offset=1)
    assert (status, body["total"], body["nextOffset"]) == (200, 3, None)
    assert (await get(http, server, "my%2Fagent", limit=1))[1]["nextOffset"] == 1
    assert await ids(http, server, "nobody") == []
    assert (await get(http, server, "x/y"))[1] == {"error": "Not found"}


async def test_every_session_that_was_added_is_listed(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """It lasts from its first trace to the end of its last one. Later changes of traces do not matter."""
    traces = server.add_session(SESSION, [attrs.evolve(TRACE, timestamp=ENDED - timedelta(hours=1)), TRACE])
    server.add_session(UUID(OTHER))
    before = server.transcripts()
    assert ids_of(before) == [OTHER, SESSION]
    assert (before[1].started_at, before[1].ended_at) == (
        traces[0].timestamp,
        ENDED + timedelta(seconds=1.25),
    )
    assert before[0].started_at < before[0].ended_at
    server.add_traces(SESSION, 3)
    server.remove_traces(SESSION, 4)
    assert server.transcripts() == before
    assert await ids(http, server) == [SESSION, OTHER]
    again = FakeTracesServer()
    again.add_session(SESSION, traces)
    again.add_session(OTHER)
    assert again.transcripts() == before


async def test_a_session_is_listed_once(server: FakeTracesServer) -> None:
    """A given transcript replaces the one that was made up for its session."""
    server.add_session(SESSION, 5)
    (given_one,) = server.add_transcripts([INFO])
    assert server.transcripts() == (given_one,)
    (made_up,) = server.add_transcripts(1)
    server.add_session(made_up.session_id, 5)
    assert server.transcripts() == (given_one, made_up)
    server.add_transcripts([attrs.evolve(INFO, room_name="another")])
    assert ids_of(server.transcripts()).count(SESSION) == 2, "two that were given are two"


async def test_a_listed_session_need_not_have_traces(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """Its traces are 404 until the session is added."""
    (info,) = server.add_transcripts(1)
    url = f"{server.base_url}/traces/session/{info.session_id}"
    async with http.get(url) as answer:
        assert answer.status == 404
    server.add_session(info.session_id)
    async with http.get(url) as answer:
        assert answer.status == 200


async def test_made_up_transcripts_are_varied_and_repeatable() -> None:
    """They are unique, sometimes incomplete, ordered by time, and the same on every server."""
    server = FakeTracesServer()
    infos = server.add_transcripts(150) + server.add_transcripts(50)
    assert server.transcripts() == infos == FakeTracesServer().add_transcripts(200)
    assert len(set(ids_of(infos))) == 200
    assert all(str(UUID(info.session_id)) == info.session_id for info in infos)
    assert len({info.extra["id"] for info in infos}) == 200
    ends = [info.ended_at for info in infos]
    assert ends == sorted(set(ends))
    assert len({end.date() for end in ends}) == 2
    assert all(info.started_at < info.ended_at for info in infos)
    for name in ("agent_id", "close_reason", "duration_ms"):
        values = [getattr(info, name) for info in infos]
        assert 0 < values.count(None) < 100
        assert len(set(values)) >= 3
    assert {info.agent_id for info in server.add_transcripts(20, agent_id="mine")} == {"mine"}


async def test_removed_transcripts_are_gone(server: FakeTracesServer, http: aiohttp.ClientSession) -> None:
    """A session with the same id can be listed again afterwards."""
    infos = server.add_transcripts(5)
    assert server.remove_transcripts() == infos[:1]
    assert server.remove_transcripts(2, at=1) == infos[2:4]
    assert await ids(http, server, sort="asc") == [infos[1].session_id, infos[4].session_id]
    server.add_session(infos[0].session_id)
    assert infos[0].session_id in ids_of(server.transcripts())


@given(
    st.lists(st.datetimes(timezones=st.just(UTC)), max_size=3),
    st.none() | st.floats() | st.integers(),
)
@example([datetime.max.replace(tzinfo=UTC)], 1e300)
def test_a_session_with_extreme_times_is_listed(moments: list[datetime], seconds: float | None) -> None:
    """Its traces may be in any year and take any time."""
    server = FakeTracesServer()
    server.add_session(SESSION, [attrs.evolve(TRACE, timestamp=moment, latency_seconds=seconds) for moment in moments])
    (info,) = server.transcripts()
    assert info.started_at <= info.ended_at
    assert (info.duration_ms or 0) >= 0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda server: server.add_transcripts(-1), "must be an integer >= 0, not -1"),
        (lambda server: server.add_transcripts(1, chat_bytes=-1), "chat_bytes must be an integer >= 0, not -1"),
        (lambda server: server.add_transcripts("ab"), "iterable of SessionInfo, but one item is 'a'"),
        (lambda server: server.add_transcripts([INFO], agent_id="x"), "agent_id is only for made-up transcripts"),
        (
            lambda server: server.add_transcripts([attrs.evolve(INFO, ended_at=None)]),  # type: ignore[arg-type]
            f"the transcript of session '{SESSION}' has no ended_at",
        ),
        (
            lambda server: server.add_transcripts([INFO, attrs.evolve(INFO, started_at=datetime(2026, 3, 25))]),  # noqa: DTZ001
            f"the started_at of the transcript of session '{SESSION}' must have a time zone",
        ),
        (
            lambda server: server.add_transcripts([attrs.evolve(INFO, extra={"o": object()})]),
            f"the transcript of session '{SESSION}' can't be sent as JSON",
        ),
        (
            lambda server: server.add_transcripts([attrs.evolve(INFO, session_id="\ud800")]),
            r"the transcript of session '\ud800' can't be sent as JSON",
        ),
        (
            lambda server: server.add_transcripts([attrs.evolve(INFO, ended_at=BEFORE_ALL_TIME)]),
            f"the transcript of session '{SESSION}' can't be sent as JSON",
        ),
        (lambda server: server.remove_transcripts(3), "at + n must be at most 2, the number of transcripts, not 3"),
        (lambda server: server.remove_transcripts(1, at=3), "at must be an integer from 0 to 2, not 3"),
        (lambda server: server.remove_transcripts(-1), "n must be an integer >= 0, not -1"),
    ],
)
def test_impossible_changes_are_refused_and_change_nothing(call: Any, text: str) -> None:
    """Each error says what is wrong."""
    server = FakeTracesServer()
    infos = server.add_transcripts(2)
    with pytest.raises(InvalidArgumentError) as caught:
        call(server)
    assert text in str(caught.value)
    assert server.transcripts() == infos
    assert server.add_transcripts(1) == FakeTracesServer().add_transcripts(3)[2:]


async def test_requests_for_transcripts_meet_faults_quota_and_hook(http: aiohttp.ClientSession) -> None:
    """They are also recorded, and need the key."""
    async with FakeTracesServer(quota=Quota(requests=4, seconds=60)) as server:

        def arrive(_: RecordedRequest) -> None:
            server.add_transcripts(1)

        server.on_request = arrive
        server.fail_next(status=502)
        server.fail_next(status=500, session_id=SESSION)
        server.fail_next(status=500, page=1)
        assert (await get(http, server))[0] == 502
        assert (await get(http, server, limit=1))[1]["total"] == 2
        assert (await get(http, server, "x"))[0] == 200
        async with aiohttp.ClientSession() as keyless:
            assert await get(keyless, server, limit=0) == (401, {"error": "Missing x-api-key"})
        async with http.get(f"{server.base_url}/transcripts") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
            assert answer.headers["RateLimit"] == '"4-in-1min"; r=0; t=60'
        assert [request.status for request in server.requests] == [502, 200, 200, 401, 429]
        assert (server.requests[1].path, server.requests[1].query) == ("/v1/transcripts", {"limit": "1"})
