"""The sentences in which the README and the public docstrings say how the library behaves."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Final

ROOT: Final = Path(__file__).parents[2]
MODULES: Final = ("", ".bulk", ".report", ".store", ".testing")


def readme() -> dict[str, list[str]]:
    """Return the sentences of each section of the README; a row of a table counts as one."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$|^<p>.*?^</p>$|^!\[.*?\)$", "", text, flags=re.MULTILINE | re.DOTALL)
    found: dict[str, list[str]] = {}
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        rows = re.findall(r"^\|.*\|$(?!\n\|[-:| ]+\|$)", body, re.MULTILINE)  # no row with a rule below it
        prose = re.sub(r"^\|.*\|$", "", body, flags=re.MULTILINE)
        told = [re.sub(r" +", " ", row.strip("| ")) for row in rows if not re.fullmatch(r"[-:| ]+", row)]
        found[title] = [*_sentences(prose), *told]
    return {title: sentences for title, sentences in found.items() if sentences}


def docstrings() -> dict[str, dict[str, list[str]]]:
    """Return the sentences of the docstrings of all public classes and functions, members included, by module."""
    found: dict[str, dict[str, list[str]]] = {}
    for end in MODULES:
        module = importlib.import_module(f"lyzr_traces_async{end}")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                owners = found.setdefault(value.__module__.split(".")[1].strip("_"), {})
                for owner, text in _documented(name, value):
                    owners[owner] = list(dict.fromkeys([*owners.get(owner, ()), *_sentences(text)]))
    return {module: {owner: told for owner, told in owners.items() if told} for module, owners in found.items()}


def _documented(name: str, value: type | FunctionType) -> Iterator[tuple[str, str]]:
    path = inspect.getsourcefile(value)
    assert path is not None
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    (node,) = [one for one in tree.body if isinstance(one, ast.ClassDef | ast.FunctionDef) and one.name == name]
    yield name, ast.get_docstring(node) or ""
    if isinstance(node, ast.ClassDef):
        for member, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and not member.name.startswith("_"):
                yield f"{name}.{member.name}", ast.get_docstring(member) or ""
            match member, after:
                case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                    yield f"{name}.{field}", inspect.cleandoc(text)


def _sentences(text: str) -> list[str]:
    """Split a text into sentences, without its examples; a field such as ``:param page:`` begins a new one."""
    text = re.sub(r"::\n(?:\n|[ \t]+.*\n?)+", ":\n\n", f"{text}\n")
    blocks = re.split(r"\n\s*\n|\n(?=[ \t]*(?::(?:param|raises|ivar|return)|[-*] ))", text)
    plain = [" ".join(block.split()).removeprefix("- ") for block in blocks]
    found = [one for block in plain for one in re.split(r"(?<=[.!?])\s+(?=[A-Z`*\"(:])", block)]
    return [one for one in found if one not in ("", "Example:")]
