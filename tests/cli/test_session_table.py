"""The table of `sessions`: its columns, and missing values."""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs
import pytest
from rich.cells import cell_len

from lyzr_traces_async import SessionInfo
from lyzr_traces_async.cli._session_table import SessionTable
from tests.cli.consoles import console_of, text_of
from tests.cli.samples import ENDED

BARE = attrs.evolve(ENDED, agent_id=None, close_reason=None, duration_ms=None)


def drawn(sessions: Iterable[SessionInfo], width: int = 160, *, terminal: bool = True, complete: bool = True) -> str:
    """Print sessions, without colours."""
    console = console_of(width, terminal=terminal)
    table = SessionTable(console)
    for session in sessions:
        table.row(session)
    table.end(complete=complete)
    return text_of(console)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (160, ["ended (UTC)", "duration", "msgs", "agent", "close reason", "room", "session"]),
        (136, ["ended (UTC)", "duration", "msgs", "agent", "close reason", "room", "session"]),
        (135, ["ended (UTC)", "duration", "msgs", "agent", "close reason", "session"]),
        (116, ["ended (UTC)", "duration", "msgs", "agent", "session"]),
        (80, ["ended (UTC)", "duration", "msgs", "session"]),
        (72, ["ended (UTC)", "duration", "session"]),
        (60, ["ended (UTC)", "session"]),
        (20, ["session"]),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns_and_the_whole_id(width: int, titles: list[str]) -> None:
    """People copy the id, so it is never cut."""
    header, row, *_ = drawn([ENDED], width).splitlines()
    assert re.split(r"  +", header) == titles
    assert row.endswith(ENDED.session_id)
    assert cell_len(row) <= max(width, 36)


def test_the_first_twenty_rows_decide_the_widths() -> None:
    """Longer values in later rows are cut on a terminal and whole in a pipe."""
    sessions = [ENDED] * 20 + [attrs.evolve(ENDED, room_name="日本" * 50, close_reason="x" * 90, agent_id="y" * 90)]
    lines = drawn(sessions).splitlines()[1:22]
    assert {cell_len(line) for line in lines} == {cell_len(lines[0])}
    assert "日本" * 50 in drawn(sessions, terminal=False)
    assert "x" * 90 in drawn(sessions, terminal=False)


def test_a_missing_value_is_a_dash() -> None:
    """A missing value is neither blank nor zero."""
    assert re.search(r"^2026-03-25 19:00:12 +– +14  – +– +room-", drawn([BARE]), re.MULTILINE)  # noqa: RUF001
