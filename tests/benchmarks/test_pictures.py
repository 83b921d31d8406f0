"""The README's picture of the terminal."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.pictures import SESSIONS, read
from benchmarks.terminal import terminal


def texts(picture: str) -> list[str]:
    """Return the pieces of text in a picture, in order."""
    found = ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own
    return [(element.text or "").replace("\xa0", " ").strip() for element in found]


async def test_the_terminal_is_drawn_the_same_every_time() -> None:
    """The picture loads nothing from elsewhere, and the published picture has the current output of the command."""
    first = next(session for session in await read() if session.session_id == next(iter(SESSIONS)))
    picture = terminal(first)
    assert picture == terminal(first)
    assert re.findall('@|url\\([^#]|https?:[^ "]*', picture) == ["http://www.w3.org/2000/svg"]
    shown = texts(picture)
    assert shown[:2] == ["lyzr-traces", "$"]
    assert f"lyzr-traces summary {first.session_id}" in shown
    there = Path(__file__).parents[2] / "benchmarks" / "summary.svg"
    assert texts(there.read_text(encoding="utf-8")) == shown
