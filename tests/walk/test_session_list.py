"""The walk of the list of sessions, without a server: which parts it requests, and how it reads the answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import (
    APIStatusError,
    LyzrTracesError,
    NotFoundError,
    PaginationError,
    ResponseTooLargeError,
    ServerError,
    SessionInfo,
)
from lyzr_traces_async._session_list import SessionWalk
from lyzr_traces_async._siblings import SessionsPage

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def info(n: int) -> SessionInfo:
    moment = BEGIN + timedelta(minutes=n)
    return SessionInfo(f"s-{n}", f"room-{n}", None, None, moment, moment, None, 0)


def answer(listed: list[SessionInfo], offset: int, limit: int) -> SessionsPage:
    """Answer as the service does."""
    end = offset + limit
    return SessionsPage(tuple(listed[offset:end]), len(listed), offset, end if end < len(listed) else None)


class Service:
    """A list of sessions that may change before each answer."""

    def __init__(self, n: int, change: Callable[[Service, int], object] = lambda _, __: None) -> None:
        self.listed = [info(i) for i in range(n)]
        self.asked: list[tuple[int, int]] = []
        self._change = change

    def walk(self) -> list[SessionInfo]:
        walk, found = SessionWalk(None, None, None), []
        while not walk.done:
            request = walk.request()
            self._change(self, len(self.asked))
            self.asked.append((request.offset, request.limit))
            found += walk.feed(self.answer(request.offset, request.limit))
        return found

    def answer(self, offset: int, limit: int) -> SessionsPage | LyzrTracesError:
        return answer(self.listed, offset, limit)


@pytest.mark.parametrize(
    ("sessions", "asked"),
    [(0, [0]), (1, [0]), (200, [0]), (201, [0, 199]), (399, [0, 199]), (1000, [0, 199, 398, 597, 796, 995])],
)
def test_every_session_is_listed_once_in_parts_that_overlap_by_one(sessions: int, asked: list[int]) -> None:
    """Sessions come in the order in which they ended, in the largest parts that the service gives."""
    service = Service(sessions)
    assert service.walk() == [info(n) for n in range(sessions)]
    assert service.asked == [(offset, 200) for offset in asked]


def test_sessions_that_end_during_the_walk_come_last() -> None:
    """They are at the end of the list and move no other session."""
    service = Service(300, lambda service, asked: service.listed.append(info(300 + asked)))
    found = service.walk()
    assert found[:300] == [info(n) for n in range(300)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("deleted", [1, 150, 199, 250, 399])
def test_sessions_deleted_during_the_walk_hide_no_others(deleted: int) -> None:
    """This holds also if as many sessions end, so that the list keeps its length."""

    def change(service: Service, asked: int) -> None:
        if asked == 2:
            del service.listed[:deleted]
            service.listed += [info(n) for n in range(1000, 1000 + deleted)]

    found = Service(1000, change).walk()
    assert {session.session_id for session in found} == {f"s-{n}" for n in [*range(1000), *range(1000, 1000 + deleted)]}
    assert len(set(found)) == len(found)


@given(st.integers(0, 2**32), st.integers(0, 900))
def test_no_session_that_stays_is_missed_or_comes_twice(seed: int, sessions: int) -> None:
    """Sessions may end, be stored late or be deleted during the walk."""
    chance = random.Random(seed)
    stays = {n: chance.random() < 0.8 for n in range(sessions)}

    def change(service: Service, asked: int) -> None:
        for _ in range(chance.randrange(3)):
            n = 10_000 + asked * 10 + chance.randrange(10)
            service.listed.insert(chance.randrange(len(service.listed) + 1), info(n))
        gone = {f"s-{n}" for n in range(sessions) if not stays[n] and chance.random() < 0.3}
        service.listed = [session for session in service.listed if session.session_id not in gone]

    found = [session.session_id for session in Service(sessions, change).walk()]
    assert len(set(found)) == len(found)
    assert {f"s-{n}" for n in range(sessions) if stays[n]} <= set(found)


class HeavyService(Service):
    """Fails if an answer has too many sessions, or more than one and a certain heavy session among them."""

    def __init__(self, n: int, most: int, error: LyzrTracesError, heavy: int | None = None) -> None:
        super().__init__(n)
        self._most = most
        self._error = error
        self._heavy = heavy

    def answer(self, offset: int, limit: int) -> SessionsPage | LyzrTracesError:
        within = self._heavy is not None and offset <= self._heavy < offset + limit
        if limit > (1 if within else self._most):
            return self._error
        return super().answer(offset, limit)


def too_heavy() -> LyzrTracesError:
    error = ServerError("Langfuse request timed out", status=502)
    error._too_heavy = True
    return error


@pytest.mark.parametrize("error", [ResponseTooLargeError("too large"), too_heavy()], ids=["too large", "timed out"])
def test_a_part_that_is_too_heavy_is_asked_for_in_smaller_ones(error: LyzrTracesError) -> None:
    """The walk tries larger parts again, at distances that double."""
    service = HeavyService(1000, 60, error)
    assert service.walk() == [info(n) for n in range(1000)]
    assert [limit for _, limit in service.asked[:4]] == [200, 100, 50, 50]
    assert len(service.asked) < 30


def test_one_heavy_session_does_not_slow_down_the_rest() -> None:
    """It is read alone, and the sessions behind it again in large parts."""
    service = HeavyService(1000, 200, ResponseTooLargeError("too large"), heavy=300)
    assert service.walk() == [info(n) for n in range(1000)]
    assert len(service.asked) < 40


@pytest.mark.parametrize(
    "error", [NotFoundError("no", status=404), ResponseTooLargeError("one session is too large")], ids=["404", "large"]
)
def test_an_error_that_smaller_parts_do_not_solve_is_raised(error: LyzrTracesError) -> None:
    """Other errors are raised at once, and a single session that is too large in the end."""
    service = HeavyService(1, 0, error)
    with pytest.raises(type(error)):
        service.walk()
    assert len(service.asked) == (1 if isinstance(error, APIStatusError) else 6)


def test_a_part_gets_two_attempts_if_it_can_be_split() -> None:
    """This is the same as for pages of traces."""
    walk = SessionWalk(None, None, None)
    worth = []
    for _ in range(6):
        limit = walk.request().limit
        worth.append((limit, walk.heavy_attempts))
        if limit > 1:
            assert walk.feed(ResponseTooLargeError("no")) == []
    assert worth == [(200, 2), (100, 2), (50, 2), (25, 2), (5, 2), (1, None)]


def test_a_short_part_does_not_end_the_walk() -> None:
    """Only an answer without a next offset does."""

    class Dropping(Service):
        def answer(self, offset: int, limit: int) -> SessionsPage:
            page = answer(self.listed, offset, limit)
            kept = tuple(session for session in page.items if not 150 <= int(session.session_id[2:]) < 450)
            return SessionsPage(kept, page.total, page.offset, page.next_offset)

    found = Dropping(700).walk()
    assert [session.session_id for session in found] == [f"s-{n}" for n in range(700) if not 150 <= n < 450]


@pytest.mark.parametrize("too_many", [0, 1, 300])
def test_the_walk_looks_once_behind_an_end_that_the_count_denies(too_many: int) -> None:
    """If nothing comes from there, the count may be the older of the two."""

    class Unsure(Service):
        def answer(self, offset: int, limit: int) -> SessionsPage:
            page = answer(self.listed, offset, limit)
            return SessionsPage(page.items, page.total + too_many, page.offset, None)

    service = Unsure(450)
    assert service.walk() == [info(n) for n in range(450)]
    assert [offset for offset, _ in service.asked] == [0, 199, 398, *([449] if too_many else [])]


@pytest.mark.parametrize("following", [0, 5])
def test_an_answer_that_goes_back_is_refused(following: int) -> None:
    """The walk would go in circles otherwise."""
    walk = SessionWalk(None, None, None)
    walk.request()
    walk.feed(SessionsPage((), 9, 0, 5))
    walk.request()
    with pytest.raises(PaginationError, match=f"from 5 on has the nextOffset {following}, which must be larger"):
        walk.feed(SessionsPage((info(1),), 9, 5, following))


def test_a_list_that_never_ends_is_given_up() -> None:
    """The walk ends after a hundred answers without a new session."""

    class Endless(Service):
        def answer(self, offset: int, limit: int) -> Any:
            return SessionsPage(tuple(self.listed), 200, offset, offset + limit)

    service = Endless(200)
    with pytest.raises(PaginationError, match="100 answers in a row brought no new session"):
        service.walk()
    assert len(service.asked) == 101
