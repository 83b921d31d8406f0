"""Which columns fit into a line, and how wide each one is."""

from __future__ import annotations

import attrs
import pytest

from lyzr_traces_async.cli._columns import Scene, choose_columns, least_width
from lyzr_traces_async.cli._text import glyphs_for
from lyzr_traces_async.cli._trace_columns import layouts
from tests.cli.samples import BARE, TRACE

ASCII = glyphs_for("ascii")


@pytest.mark.parametrize("ranked", [True, False])
@pytest.mark.parametrize("several", [True, False])
def test_columns_never_take_more_than_the_line(*, ranked: bool, several: bool) -> None:
    """The columns fit into every width that has room for two columns."""
    long = attrs.evolve(TRACE, name="x" * 500, html_path="/" * 500)
    for width in range(20, 300):
        for traces in ([], [TRACE], [BARE], [TRACE, long]):
            choice = layouts(plain=False, ranked=ranked, several=several)
            assert least_width(choose_columns(choice, width, traces, Scene("utf-8", ASCII))) <= width


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (129, {"name": 20, "dashboard": 20, "": 8}),
        (132, {"name": 20, "dashboard": 23, "": 8}),
        (135, {"name": 20, "dashboard": 26, "": 8}),
        (144, {"name": 20, "dashboard": 26, "": 17}),
        (200, {"name": 20, "dashboard": 26, "": 24}),
    ],
)
def test_spare_width_goes_to_names_then_links_then_bars(width: int, widths: dict[str, int]) -> None:
    """Links come before bars because a cut link is useless."""
    columns = choose_columns(layouts(plain=False), width, [TRACE, BARE], Scene("utf-8", ASCII))
    assert {column.title: column.width for column in columns if column.most} == widths
