"""The tables of the README."""

from __future__ import annotations

import re

from tests.readme.blocks import README


def table(header: str) -> list[list[str]]:
    """Return the cells of each row of the one table whose first header cell is ``header``."""
    text = README.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^\| {re.escape(header)} \|.*\n\|[-| ]+\|\n((?:\|.*\|\n)+)", text, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found.splitlines()]


def code_in(cell: str) -> list[str]:
    """Return the texts between backticks."""
    return re.findall(r"`([^`]+)`", cell)
