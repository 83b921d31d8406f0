"""The README's fenced code blocks, and a way to run one that is part of an async function."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[2] / "README.md"
SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def blocks(language: str) -> list[Any]:
    """Return the blocks of a language, as parameters of a test."""
    text = README.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [pytest.param(match[1], id=f"line-{text[: match.start()].count(chr(10)) + 1}") for match in found]


def block_with(words: str) -> str:
    """Return the one Python block that contains these words."""
    (code,) = [block.values[0] for block in blocks("python") if words in block.values[0]]
    return str(code)


async def run_part(code: str, **names: Any) -> dict[str, Any]:
    """Run a block that is part of an async function; return the names that it leaves."""
    compiled = compile(code, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, names)  # noqa: S307 - our own README
    if inspect.isawaitable(result):
        await result
    return names
