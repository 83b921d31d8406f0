"""The table of sessions for people, printed row by row."""

from __future__ import annotations

from datetime import UTC

from rich.console import Console
from rich.text import Text

from lyzr_traces_async import SessionInfo

from ._columns import Column, Scene, choose_columns, header_line, row_line, scene_of, width_of
from ._numbers import clock, counted
from ._text import fit

__all__ = ["SessionTable"]

# How many first rows decide the widths. A page of the list has more, so waiting for these rows delays nothing.
_FIRST = 20


def _ended(session: SessionInfo, _width: int, _scene: Scene) -> str:
    return session.ended_at.astimezone(UTC).isoformat(sep=" ", timespec="seconds")[:19]


def _duration(session: SessionInfo, width: int, scene: Scene) -> str | None:
    value = session.duration_ms
    return None if value is None else fit(clock(value), width, scene.glyphs.ellipsis)


def _messages(session: SessionInfo, width: int, scene: Scene) -> str:
    return fit(str(session.message_count), width, scene.glyphs.ellipsis)


def _agent(session: SessionInfo, width: int, scene: Scene) -> str | None:
    return scene.cut(session.agent_id, width)


def _reason(session: SessionInfo, width: int, scene: Scene) -> str | None:
    return scene.cut(session.close_reason, width)


def _room(session: SessionInfo, width: int, scene: Scene) -> str | None:
    return scene.cut(session.room_name, width)


def _id(session: SessionInfo, _width: int, scene: Scene) -> str:
    return scene.shown(session.session_id)


_ENDED = Column("ended (UTC)", _ended, 19)
_DURATION = Column("duration", _duration, 8, right=True)
_MESSAGES = Column("msgs", _messages, 4, "dim", right=True)
_AGENT = Column("agent", _agent, 0, whole=True)
_REASON = Column("close reason", _reason, 16, most=32)
_ROOM = Column("room", _room, 17, "dim", most=48, turn=1)
_ID = Column("session", _id, 36)

# An id is never cut, because it is for pasting. If a line is too short for it, the terminal wraps it.
_ON_TERMINAL = (
    (_ENDED, _DURATION, _MESSAGES, _AGENT, _REASON, _ROOM, _ID),
    (_ENDED, _DURATION, _MESSAGES, _AGENT, _REASON, _ID),
    (_ENDED, _DURATION, _MESSAGES, _AGENT, _ID),
    (_ENDED, _DURATION, _MESSAGES, _ID),
    (_ENDED, _DURATION, _ID),
    (_ENDED, _ID),
    (_ID,),
)


class SessionTable:
    """A table that is printed row by row. The first rows decide its column widths."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = width_of(console)
        self._scene = scene_of(console)
        self._columns: tuple[Column[SessionInfo], ...] = ()
        self._waiting: list[SessionInfo] = []
        self._count = 0

    def row(self, session: SessionInfo) -> None:
        """Print a session, or keep it until there are enough rows to decide the widths."""
        self._waiting.append(session)
        self._count += 1
        if self._columns or len(self._waiting) == _FIRST:
            self._flush()

    def end(self, *, complete: bool) -> None:
        """Print the remaining rows and the number of sessions."""
        if self._waiting:
            self._flush()
        if self._count:
            self._print(Text())
        self._print(Text(counted(self._count, "session"), "bold"))
        if not complete:
            self._print(Text("incomplete: the list continues", "bold yellow"))

    def _flush(self) -> None:
        lines: list[Text] = []
        if not self._columns:
            self._columns = choose_columns(_ON_TERMINAL, self._width, self._waiting, self._scene)
            lines.append(header_line(self._columns))
        lines += [row_line(self._columns, session, self._scene) for session in self._waiting]
        self._waiting = []
        self._print(Text("\n").join(lines))

    def _print(self, text: Text) -> None:
        # Cells are already cut to the width, except ids.
        self._console.print(text, soft_wrap=True)
