"""Tables whose rows are printed as they come: which columns a width has room for, and how a row becomes a line.

Rich's own table knows all of its rows before the first is printed, fills each line with blanks to its end, cuts what
is to be whole in a pipe, and has one ellipsis, which not every encoding has.
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
# The width of a pipe, in terminal cells.
ENDLESS = 10_000

T = TypeVar("T")


@frozen
class Scene:
    """What a cell depends on besides its row.

    :ivar plain: whether the output is no terminal, where nothing is drawn, and ids and links are whole.
    :ivar scale: the latency that a bar of full length stands for, in seconds, or ``None`` while that is not known.
    """

    encoding: str
    glyphs: Glyphs
    plain: bool = False
    dashboard: Dashboard = NO_DASHBOARD
    scale: float | None = None

    def shown(self, text: str) -> str:
        """Make text from the server fit to be written here."""
        return encodable(visible(text), self.encoding)

    def cut(self, text: str | None, width: int) -> str | None:
        """Make it fit for a column too, where there is an edge; in a pipe it stays whole."""
        if text is None:
            return None
        shown = self.shown(text)
        return shown if self.plain else fit(shown, width, self.glyphs.ellipsis)


def scene_of(console: Console, dashboard: Dashboard = NO_DASHBOARD) -> Scene:
    """Tell what the cells of a table on a console depend on."""
    return Scene(console.encoding, glyphs_for(console.encoding), not console.is_terminal, dashboard)


def width_of(console: Console) -> int:
    """Return how many cells a line has; a pipe has no edge."""
    return console.width if console.is_terminal else ENDLESS


def _nowhere(_row: object, _scene: Scene) -> None:
    return None


@frozen
class Column(Generic[T]):
    """One column: its title, its cells and its width.

    :ivar cell: makes a row's cell of at most ``width`` terminal cells; ``None`` where the value is missing.
    :ivar width: in terminal cells; the least if there is a ``most``.
    :ivar most: how wide it may become where there is room.
    :ivar turn: the columns with the lowest take what they need of that room first.
    :ivar fills: whether it takes whatever room it gets; others take no more than what they have to show.
    :ivar whole: whether it is of use only uncut: a table has it only where the longest of the first rows fits.
    :ivar target: the address that a click on a row's cell opens, if there is one.
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
    """Choose the first layout that a line of ``width`` terminal cells has room for, with its columns' final widths.

    :param layouts: from the widest to the narrowest; the last one is taken where none fits.
    :param rows: the first ones: rows are shown as they come, so the others have to do with their widths.
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
    """Return how many terminal cells a line takes at least."""
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _measured(column: Column[T], rows: Iterable[T], scene: Scene) -> Column[T]:
    if not column.whole:
        return column
    return evolve(column, width=max(longest(column, rows, scene, ENDLESS), cell_len(column.title)))


def longest(column: Column[T], rows: Iterable[T], scene: Scene, width: int) -> int:
    """Return how many terminal cells the longest of a column's cells takes, where each may have ``width``."""
    return max((cell_len(column.cell(row, width, scene) or "") for row in rows), default=0)


def header_line(columns: Sequence[Column[T]], style: str = "bold") -> Text:
    """Write the titles."""
    return _line(columns, [(column.title, Style.parse("dim" if column.fills else style)) for column in columns])


def row_line(columns: Sequence[Column[T]], row: T, scene: Scene) -> Text:
    """Write a row, with a mark where a value is missing."""
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
    """Write a table of which all rows are known."""
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
