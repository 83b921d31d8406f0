"""The lines of the tree before the name of an observation."""

from __future__ import annotations

import attrs
import pytest

from lyzr_traces_async.cli._branches import branches, twigs
from lyzr_traces_async.cli._text import glyphs_for
from tests.cli.samples import DETAIL, observed

UNICODE, ASCII = glyphs_for("utf-8"), glyphs_for("ascii")


@pytest.mark.parametrize(
    ("goes_on", "depth", "room", "here", "below"),
    [
        ((), 0, 9, "", ""),
        ((True,), 1, 9, "├─ ", "│  "),
        ((False,), 1, 9, "└─ ", "   "),
        ((True, False), 2, 9, "│  └─ ", "│     "),
        ((False, True), 2, 5, "…  ", "…  "),
        ((False, True, True), 3, 6, "…  ├─ ", "…  │  "),
        ((True,), 1, 2, "", ""),
        ((True, True), 9, 99, "…  │  ├─ ", "…  │  │  "),
    ],
)
def test_the_outer_levels_are_cut_if_there_is_no_room(
    *, goes_on: tuple[bool, ...], depth: int, room: int, here: str, below: str
) -> None:
    """An ellipsis stands for the levels that were cut."""
    (branch,) = branches(attrs.evolve(DETAIL, observations=(observed("a"),)))
    branch = attrs.evolve(branch, depth=depth, goes_on=goes_on)
    assert (twigs(branch, room, UNICODE), twigs(branch, room, UNICODE, below=True)) == (here, below)
    assert twigs(branch, room, ASCII).isascii()
