"""Tables that print each row as it arrives: choose the columns that fit a width, and write rows as lines.

Rich's own table does not fit: it needs all rows before it prints the first, fills each line with blanks to the end,
cuts cells in a pipe too, and has an ellipsis that some encodings lack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from attrs import evolve, frozen
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from ._links import NO_DASHBOARD, Dashboard
from ._text import Glyphs, encodable, fit, glyphs_for, visible

__all__ = [
    "ENDLESS",
    "GAP",
    "Column",
    "Scene",
    "choose_columns",
    "header_line",
    "least_width",
    "longest",
    "row_line",
    "scene_of",
    "table_lines",
    "width_of",
]

GAP = 2
# The width of a line in a pipe, in terminal cells: larger than any row.
ENDLESS = 10_000

T = TypeVar("T")


@frozen
class Scene:
    """The things besides its row that a cell depends on.

    :ivar plain: whether the output is not a terminal. Then no bars are drawn, and ids and links are not cut.
    :ivar scale: the latency of a bar of full length, in seconds, or ``None`` while it is not known.
    """

    encoding: str
    glyphs: Glyphs
    plain: bool = False
    dashboard: Dashboard = NO_DASHBOARD
    scale: float | None = None

    def shown(self, text: str) -> str:
        """Make text from the server safe to write to this output."""
        return encodable(visible(text), self.encoding)

    def cut(self, text: str | None, width: int) -> str | None:
        """Make text safe, and on a terminal shorten it to ``width`` cells. In a pipe it is not shortened."""
        if text is None:
            return None
        shown = self.shown(text)
        return shown if self.plain else fit(shown, width, self.glyphs.ellipsis)


def scene_of(console: Console, dashboard: Dashboard = NO_DASHBOARD) -> Scene:
    """Return the scene for a table on a console."""
    return Scene(console.encoding, glyphs_for(console.encoding), not console.is_terminal, dashboard)


def width_of(console: Console) -> int:
    """Return how many cells a line has. In a pipe, a line has no limit."""
    return console.width if console.is_terminal else ENDLESS


def _nowhere(_row: object, _scene: Scene) -> None:
    return None


@frozen
class Column(Generic[T]):
    """One column: its title, its cells and its width.

    :ivar cell: returns the text of a row's cell, at most ``width`` terminal cells, or ``None`` if the value is missing.
    :ivar width: the width in terminal cells; with ``most``, the minimum width.
    :ivar most: the width up to which the column grows if a line has spare cells. 0 means that it does not grow.
    :ivar turn: the order in which columns take spare cells, lowest first.
    :ivar fills: whether the column takes all cells that it can get. Others take no more than their longest cell.
    :ivar whole: whether cells must not be cut. A table has such a column only if the longest of the first rows fits.
    :ivar target: returns the address that a click on a row's cell opens, or ``None``.
    """

    title: str
    cell: Callable[[T, int, Scene], str | None]
    width: int
    style: str = ""
    right: bool = False
    most: int = 0
    turn: int = 0
    fills: bool = False
    whole: bool = False
    target: Callable[[T, Scene], str | None] = _nowhere


def choose_columns(
    layouts: Sequence[Sequence[Column[T]]], width: int, rows: Sequence[T], scene: Scene
) -> tuple[Column[T], ...]:
    """Choose the first layout that fits ``width`` terminal cells, and return its columns with their final widths.

    :param layouts: from the widest to the narrowest. If none fits, the last one is returned.
    :param rows: the first rows. They decide the widths for all rows, because rows are printed as they arrive.
    """
    columns: list[Column[T]] = []
    for layout in layouts:
        columns = [_measured(column, rows, scene) for column in layout]
        if least_width(columns) <= width:
            break
    spare = max(width - least_width(columns), 0)
    widths = [column.width for column in columns]
    for place in sorted(range(len(columns)), key=lambda place: columns[place].turn):
        column = columns[place]
        if column.most:
            wanted = column.most if column.fills else longest(column, rows, scene, column.most)
            more = min(spare, max(wanted - column.width, 0))
            widths[place] += more
            spare -= more
    return tuple(evolve(column, width=size) for column, size in zip(columns, widths, strict=True))


def least_width(columns: Sequence[Column[T]]) -> int:
    """Return the minimum width of a line, in terminal cells."""
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _measured(column: Column[T], rows: Iterable[T], scene: Scene) -> Column[T]:
    if not column.whole:
        return column
    return evolve(column, width=max(longest(column, rows, scene, ENDLESS), cell_len(column.title)))


def longest(column: Column[T], rows: Iterable[T], scene: Scene, width: int) -> int:
    """Return the width of a column's longest cell, in terminal cells, if each may take ``width``."""
    cells = (column.cell(row, width, scene) for row in rows)
    return max((cell_len(scene.glyphs.missing if cell is None else cell) for cell in cells), default=0)


def header_line(columns: Sequence[Column[T]], style: str = "bold") -> Text:
    """Write the line of titles."""
    return _line(columns, [(column.title, Style.parse("dim" if column.fills else style)) for column in columns])


def row_line(columns: Sequence[Column[T]], row: T, scene: Scene) -> Text:
    """Write a row. A missing value is a dash."""
    cells: list[tuple[str, Style]] = []
    for column in columns:
        cell = column.cell(row, column.width, scene)
        if cell is None:
            cells.append((scene.glyphs.missing, Style.parse("dim")))
        else:
            cells.append((cell, Style.parse(column.style) + Style(link=column.target(row, scene))))
    return _line(columns, cells)


def table_lines(
    layouts: Sequence[Sequence[Column[T]]], rows: Sequence[T], width: int, scene: Scene, *, header: bool = True
) -> list[Text]:
    """Write a whole table, for when all rows are known."""
    columns = choose_columns(layouts, width, rows, scene)
    return [*([header_line(columns)] if header else []), *(row_line(columns, row, scene) for row in rows)]


def _line(columns: Sequence[Column[T]], cells: Iterable[tuple[str, Style]]) -> Text:
    line = Text()
    for column, (cell, style) in zip(columns, cells, strict=True):
        space = " " * (column.width - cell_len(cell))
        line.append((" " * GAP if line else "") + (space if column.right else ""))
        line.append(cell, style)
        line.append("" if column.right else space)
    line.rstrip()
    return line
