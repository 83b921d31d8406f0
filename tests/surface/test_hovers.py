"""Editors show documentation at every public attribute: a docstring stands directly below it."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Final

import pytest

ROOMS: Final = ("", ".models", ".errors", ".summary", ".testing", ".store", ".bulk", ".report")


def _public_classes() -> dict[str, type]:
    rooms = [importlib.import_module(f"lyzr_traces_async{room}") for room in ROOMS]
    exported = [getattr(room, name) for room in rooms for name in room.__all__]
    return {f"{value.__module__}.{value.__qualname__}": value for value in exported if isinstance(value, type)}


CLASSES: Final = _public_classes()


@cache
def _definitions(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)}


def definitions_of(cls: type) -> list[ast.ClassDef]:
    """Return the definitions of a class and of its bases, as far as they are in the package."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("lyzr_traces_async")]
    return [_definitions(Path(inspect.getfile(base)))[base.__name__] for base in ours]


def _is_docstring(statement: ast.stmt | None) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def attributes(definitions: list[ast.ClassDef]) -> Iterator[tuple[str, bool]]:
    """Yield each definition of a public attribute, and whether there is a docstring for it.

    A field or an enum value has its docstring below it, a method or a property within it. What ``__init__`` or another
    method sets is documented by a field in a class body.
    """
    found: list[tuple[str, bool]] = []
    for definition in definitions:
        for statement, following in zip_longest(definition.body, definition.body[1:]):
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found.append((name, ast.get_docstring(statement) is not None))
                case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                    found.append((name, _is_docstring(following)))
    documented = {name for name, has_docstring in found if has_docstring}
    for definition in definitions:
        for node in ast.walk(definition):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    found.append((name, name in documented))
    yield from ((name, has_docstring) for name, has_docstring in found if not name.startswith("_"))


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_attribute_has_a_docstring(name: str) -> None:
    """Where editors look for it."""
    found = list(attributes(definitions_of(CLASSES[name])))
    assert [attribute for attribute, has_docstring in found if not has_docstring] == []


@pytest.mark.parametrize("name", CLASSES)
def test_no_public_class_lists_its_attributes_in_its_own_docstring(name: str) -> None:
    """Editors do not find an attribute's documentation there."""
    docstrings = [ast.get_docstring(definition) or "" for definition in definitions_of(CLASSES[name])]
    assert docstrings[0]
    assert [line for text in docstrings for line in text.splitlines() if ":ivar" in line] == []


def test_an_undocumented_attribute_is_found_however_it_is_defined() -> None:
    """A field, an enum value, a method, a property, and an attribute that only a method sets."""
    code = '''
class Base:
    inherited: int
    """Documented in the base class."""

class Cls(Base):
    """The class."""
    field: int
    value = 1
    documented: int
    """Its docstring."""
    _private: int

    def __init__(self):
        self.inherited = self.documented = 1
        self.only_set, self._hidden = 1, 2
        self.annotated: int = 3
        """A docstring in __init__ is no field's."""

    def method(self): ...

    async def coroutine(self): ...

    @property
    def prop(self): ...

    def documented_method(self):
        """Its docstring."""
'''
    base, cls = (node for node in ast.parse(code).body if isinstance(node, ast.ClassDef))
    found = list(attributes([cls, base]))
    missing = {name for name, has_docstring in found if not has_docstring}
    assert missing == {"field", "value", "only_set", "annotated", "method", "coroutine", "prop"}
    assert {name for name, _ in found} - missing == {"inherited", "documented", "documented_method"}


def test_all_kinds_of_public_classes_are_looked_at() -> None:
    """The list of classes is not empty by mistake, and bases in other modules are found."""
    names = {name.rpartition(".")[2] for name in CLASSES}
    assert {"TracesClient", "Trace", "RateLimitError", "Summarizer", "FakeTracesServer", "SyncProgress"} <= names
    server = next(cls for name, cls in CLASSES.items() if name.endswith(".FakeTracesServer"))
    assert [definition.name for definition in definitions_of(server)] == ["FakeTracesServer", "Contents"]
