"""The tables are complete: every sentence has its row, and every row a test that exists."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from .tables import HERE, NO_PROMISE, SOURCES, read, written


@cache
def _tests_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize("name", SOURCES)
def test_every_sentence_has_a_row(name: str) -> None:
    """After a change of words, `python -m tests.promises` makes the rows; you fill in the tests."""
    assert (HERE / name).read_text(encoding="utf-8") == written(name, read(name))


@pytest.mark.parametrize("name", SOURCES)
def test_every_row_names_tests_that_exist(name: str) -> None:
    """Or says that the sentence promises nothing."""
    for (section, sentence), cell in read(name).items():
        for test in cell.split(", "):
            path, _, function = test.strip("`").partition("::")
            known = cell == NO_PROMISE or (path.endswith(".py") and function in _tests_of(HERE.parent / path))
            assert known, f"{name}, {section}: {sentence!r} names no test: {cell!r}"
