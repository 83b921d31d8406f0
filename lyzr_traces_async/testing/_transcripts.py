"""The list of transcripts: the sessions that have ended. Knows nothing of HTTP."""

from __future__ import annotations

import threading
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID

import attrs
import msgspec

from .._arguments import check_count
from .._wire import rfc3339
from ..errors import InvalidArgumentError
from ..models import SessionInfo, Trace
from ._encoding import encode
from ._observations import DIALOGUES
from ._traces import FIRST_TIMESTAMP, MILLISECOND, moment_in, whole_milliseconds

CHAT_BYTES = 2000

# When the first made-up transcript ends, and how long after it the next one does: 200 of them go over midnight.
FIRST_END = datetime(2026, 3, 25, 19, 0, tzinfo=UTC)
GAP = timedelta(minutes=7)
AGENTS = ("69b1f0c24e7d8a5c3b2a1f00", "69b1f0c24e7d8a5c3b2a1f01", "69b1f0c24e7d8a5c3b2a1f02", None)
CLOSE_REASONS = ("client_initiated", "participant_disconnected", "job_shutdown", None)
ORGANISATION = "0b9d1c7e-5a3f-4e21-9c48-7d6f5e4a3b2c"

REPORT = msgspec.Raw(msgspec.json.encode({"events": [{"type": "conversation_item_added"}] * 4}))


@attrs.define(eq=False)
class Transcript:
    """A place in the list. It is encoded once, when it is added, and not for every page that shows it.

    :ivar assumed: whether it is there only because its session was added.
    """

    info: SessionInfo
    encoded: bytes
    assumed: bool

    @property
    def place(self) -> tuple[datetime, str]:
        """What the list is sorted by."""
        return self.info.ended_at, str(self.info.extra["id"])


class Transcripts:
    """All transcripts, oldest first. May be read and changed from any thread."""

    def __init__(self) -> None:
        self._rows: list[Transcript] = []
        self._by_session: defaultdict[str, list[Transcript]] = defaultdict(list)
        self._made_up = 0
        self._lock = threading.Lock()

    def rows(
        self,
        *,
        agent_id: str | None = None,
        session_id: str | None = None,
        begin: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> list[Transcript]:
        """Those that fit, of which ``begin`` and ``end`` are the first and the last moment at which they may end."""
        with self._lock:
            rows = self._rows[::-1] if newest_first else self._rows[:]
        return [
            row
            for row in rows
            if agent_id in {None, row.info.agent_id}
            and session_id in {None, row.info.session_id}
            and (begin is None or begin <= row.info.ended_at)
            and (end is None or row.info.ended_at <= end)
        ]

    def add(
        self, transcripts: int | Iterable[SessionInfo], agent_id: str | None, chat_bytes: int
    ) -> tuple[SessionInfo, ...]:
        """Add given transcripts, or made-up ones."""
        check_count("chat_bytes", chat_bytes, minimum=0)
        if isinstance(transcripts, Iterable):
            if agent_id is not None:
                raise InvalidArgumentError("agent_id is for made-up transcripts; given ones have their own")
            # The iterable may be code that itself calls the server, so it is not run under the lock.
            rows = [_row(info, chat_bytes) for info in transcripts]
        else:
            check_count("transcripts, where it is no iterable,", transcripts, minimum=0)
            with self._lock:
                first, self._made_up = self._made_up, self._made_up + transcripts
            rows = [_row(made_up(first + n, agent_id), chat_bytes) for n in range(transcripts)]
        with self._lock:
            for row in rows:
                for assumed in [other for other in self._by_session[row.info.session_id] if other.assumed]:
                    self._drop(assumed)
                self._insert(row)
        return tuple(row.info for row in rows)

    def assume(self, session_id: str, traces: Sequence[Trace]) -> None:
        """List a session that was added, unless it is listed already."""
        row = _row(made_up_for(session_id, traces), CHAT_BYTES, assumed=True)
        with self._lock:
            if not self._by_session[session_id]:
                self._insert(row)

    def remove(self, n: int, at: int) -> tuple[SessionInfo, ...]:
        """Take ``n`` away, from row ``at`` on."""
        check_count("n", n, minimum=0)
        with self._lock:
            check_count("at", at, len(self._rows), minimum=0)
            if at + n > len(self._rows):
                raise InvalidArgumentError(f"there are {len(self._rows)} transcripts: no {n} of them from row {at} on")
            removed = self._rows[at : at + n]
            for row in removed:
                self._drop(row)
        return tuple(row.info for row in removed)

    def _insert(self, row: Transcript) -> None:
        insort(self._rows, row, key=lambda row: row.place)
        self._by_session[row.info.session_id].append(row)

    def _drop(self, row: Transcript) -> None:
        self._rows.remove(row)
        self._by_session[row.info.session_id].remove(row)


def _row(info: SessionInfo, chat_bytes: int, *, assumed: bool = False) -> Transcript:
    if not isinstance(info, SessionInfo):
        raise InvalidArgumentError(
            f"transcripts must be a number or an iterable of SessionInfo; there is {info!r} among them"
        )
    words = f"the transcript of session {info.session_id!r}"
    if not isinstance(info.ended_at, datetime):
        raise InvalidArgumentError(f"{words} has no time at which it ended")
    encode(info, words)  # before anything is made of it
    light = {
        "id": _digest(f"{info.session_id}/{info.ended_at}").hex()[:24],
        "orgId": ORGANISATION,
        "createdByUserId": None,
        "createdAt": rfc3339(info.ended_at),
        "updatedAt": rfc3339(info.ended_at),
    }
    info = attrs.evolve(info, extra=light | dict(info.extra))
    heavy = {"chatHistory": _chat(chat_bytes), "sessionReport": REPORT}
    return Transcript(info, encode(info, words, **heavy), assumed)


@lru_cache(maxsize=4)
def _chat(size: int) -> msgspec.Raw:
    """A chat of so many bytes of JSON, or a few more."""
    messages: list[bytes] = []
    room = size
    while room > 0:
        number = len(messages)
        heard, said, _ = DIALOGUES[number // 2 % len(DIALOGUES)]
        role, text = ("assistant", said) if number % 2 else ("user", heard)
        message = {"id": f"item_{number}", "type": "message", "role": role, "content": [text], "interrupted": False}
        messages.append(msgspec.json.encode(message))
        room -= len(messages[-1]) + 1
    return msgspec.Raw(b"[%b]" % b",".join(messages))


def made_up(serial: int, agent_id: str | None) -> SessionInfo:
    """Make up a session, the same one every time; of a later serial number, one that ended later."""
    digest = _digest(f"transcript/{serial}")
    ended_at = FIRST_END + GAP * serial + timedelta(milliseconds=1000 * digest[0])
    started_at = ended_at - timedelta(seconds=30 + 2 * digest[1], milliseconds=digest[2])
    return _info(str(UUID(bytes=digest, version=4)), started_at, ended_at, agent_id)


def made_up_for(session_id: str, traces: Sequence[Trace]) -> SessionInfo:
    """Make up what is not known of a session that has these traces, the same every time."""
    if traces:
        started_at = min(trace.timestamp for trace in traces)
        ended_at = max(moment_in(trace, 1.0) for trace in traces)
    else:
        started_at = FIRST_TIMESTAMP
        ended_at = started_at + timedelta(milliseconds=1000 + 100 * _digest(session_id)[0])
    started_at, ended_at = (whole_milliseconds(moment).astimezone(UTC) for moment in (started_at, ended_at))
    return _info(session_id, started_at, ended_at, None)


def _info(session_id: str, started_at: datetime, ended_at: datetime, agent_id: str | None) -> SessionInfo:
    digest = _digest(session_id)
    milliseconds = (ended_at - started_at) // MILLISECOND
    return SessionInfo(
        session_id=session_id,
        room_name=f"room-{digest.hex()[:12]}",
        # Some have no agent, reason or length: all may be null, and code that forgets it should fail here.
        agent_id=agent_id or AGENTS[digest[3] % len(AGENTS)],
        close_reason=CLOSE_REASONS[digest[4] % len(CLOSE_REASONS)],
        started_at=started_at,
        ended_at=ended_at,
        duration_ms=None if digest[5] % 10 == 0 else milliseconds,
        message_count=2 + digest[6] % 30,
    )


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
