"""The list of transcripts, that is, of the sessions that have ended. Knows nothing of HTTP."""

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

# The end of the first made-up session, and the time from one end to the next. 200 sessions go beyond midnight.
FIRST_END = datetime(2026, 3, 25, 19, 0, tzinfo=UTC)
GAP = timedelta(minutes=7)
AGENTS = ("69b1f0c24e7d8a5c3b2a1f00", "69b1f0c24e7d8a5c3b2a1f01", "69b1f0c24e7d8a5c3b2a1f02", None)
CLOSE_REASONS = ("client_initiated", "participant_disconnected", "job_shutdown", None)
ORGANISATION = "0b9d1c7e-5a3f-4e21-9c48-7d6f5e4a3b2c"

REPORT = msgspec.Raw(msgspec.json.encode({"events": [{"type": "conversation_item_added"}] * 4}))


@attrs.define(eq=False)
class Transcript:
    """A row of the list. It is encoded once, when it is added, and not for each page with it.

    :ivar assumed: whether the row exists only because its session was added with its traces.
    """

    info: SessionInfo
    encoded: bytes
    assumed: bool

    @property
    def place(self) -> tuple[datetime, str]:
        """The sort key of the list."""
        return self.info.ended_at, str(self.info.extra["id"])


class Transcripts:
    """All transcripts, oldest first. Any thread can read and change them."""

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
        """Return the matching rows. ``begin`` and ``end`` limit the time at which a session ended, both included."""
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
        """Add given or made-up transcripts."""
        check_count("chat_bytes", chat_bytes, minimum=0)
        if isinstance(transcripts, Iterable):
            if agent_id is not None:
                raise InvalidArgumentError("agent_id is only for made-up transcripts: given transcripts have their own")
            # Draw from the iterable without the lock, because it may be code that calls the server.
            rows = [_row(info, chat_bytes) for info in transcripts]
        else:
            check_count("transcripts, if it is not iterable,", transcripts, minimum=0)
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
        """Add a row for a session that was added with its traces, unless the session has a row already."""
        row = _row(made_up_for(session_id, traces), CHAT_BYTES, assumed=True)
        with self._lock:
            if not self._by_session[session_id]:
                self._insert(row)

    def remove(self, n: int, at: int) -> tuple[SessionInfo, ...]:
        """Remove ``n`` rows, beginning with row ``at``."""
        check_count("n", n, minimum=0)
        with self._lock:
            check_count("at", at, len(self._rows), minimum=0)
            if at + n > len(self._rows):
                raise InvalidArgumentError(
                    f"at + n must be at most {len(self._rows)}, the number of transcripts, not {at + n}"
                )
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
            f"transcripts must be a number or an iterable of SessionInfo, but one item is {info!r}"
        )
    words = f"the transcript of session {info.session_id!r}"
    if not isinstance(info.ended_at, datetime):
        raise InvalidArgumentError(f"{words} has no ended_at")
    encode(info, words)  # to check its values before they are used
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
    """Return a chat of at least ``size`` bytes of JSON, and at most one message more."""
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
    """Make up a session, which is the same every time. A session with a larger serial number ended later."""
    digest = _digest(f"transcript/{serial}")
    ended_at = FIRST_END + GAP * serial + timedelta(milliseconds=1000 * digest[0])
    started_at = ended_at - timedelta(seconds=30 + 2 * digest[1], milliseconds=digest[2])
    return _info(str(UUID(bytes=digest, version=4)), started_at, ended_at, agent_id)


def made_up_for(session_id: str, traces: Sequence[Trace]) -> SessionInfo:
    """Make up the transcript of a session with these traces. It is the same every time."""
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
        # Some sessions have no agent, reason or duration. All can be null, and code that does not expect this should
        # fail in its tests.
        agent_id=agent_id or AGENTS[digest[3] % len(AGENTS)],
        close_reason=CLOSE_REASONS[digest[4] % len(CLOSE_REASONS)],
        started_at=started_at,
        ended_at=ended_at,
        duration_ms=None if digest[5] % 10 == 0 else milliseconds,
        message_count=2 + digest[6] % 30,
    )


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
