"""The inputs, outputs and other contents of observations, for people to read. Pure except for the console's width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from lyzr_traces_async import Observation

from ._branches import Branch
from ._columns import Scene
from ._observation_columns import start_cell

__all__ = ["inside_lines", "wrapped"]

_INDENT = "  "
# In bytes: JSON up to this length is written on one line.
_SHORT = 60


def inside_lines(rows: Sequence[Branch], console: Console, scene: Scene) -> Iterator[Text]:
    """Write the contents of each observation below its name. Skip observations without contents."""
    for row in rows:
        blocks = list(_blocks(row.observation))
        if not blocks:
            continue
        one = row.observation
        when = _INDENT + start_cell(row, 10, scene)
        name = scene.cut(one.name or one.type.lower(), console.width - len(when)) or ""
        yield Text()
        yield Text().append(name, "bold").append(when, "dim")
        for label, lines in blocks:
            yield Text().append(label, "cyan")
            for line in lines:
                for part in wrapped(scene.shown(line), console, len(_INDENT)):
                    yield Text(_INDENT + part)


def wrapped(text: str, console: Console, indent: int) -> Iterator[str]:
    """Wrap a line of text to the terminal's width less ``indent`` cells. In a pipe, return it unchanged.

    The following lines get the same leading blanks as the first, but at most half of the width.
    """
    if not console.is_terminal:
        yield text
        return
    room = max(console.width - indent, 1)
    body = text.lstrip(" ")
    margin = " " * min(len(text) - len(body), room // 2)
    for part in Text(body).wrap(console, room - len(margin), overflow="fold") if body else [Text()]:
        yield (margin + part.plain).rstrip()


def _blocks(one: Observation) -> Iterator[tuple[str, list[str]]]:
    contents: list[tuple[str, Any]] = [
        ("input", one.input),
        ("output", one.output),
        ("metadata", one.metadata),
        ("model parameters", one.model_parameters),
        ("usage", one.usage_details),
        ("cost", one.cost_details),
    ]
    for label, value in contents:
        # 0, false and "" are values. null, {} and [] tell no more than an absent field.
        if value is not None and value not in ({}, []):
            yield label, _lines(value)


def _lines(value: Any) -> list[str]:
    """Write a value as lines: text unchanged, messages as their role and content, and anything else as JSON."""
    if isinstance(value, str):
        return _text(value)
    messages = value if isinstance(value, list) else [value]
    if all(map(_is_message, messages)):
        return [line for message in messages for line in _message(message)]
    document = msgspec.json.encode(value)
    indent = 2 if len(document) > _SHORT else 0
    return msgspec.json.format(document, indent=indent).decode().split("\n")


def _is_message(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == {"role", "content"}
        and all(isinstance(part, str) for part in value.values())
    )


def _message(message: Mapping[str, str]) -> Iterator[str]:
    yield f"{message['role']}:"
    for line in _text(message["content"]):
        yield _INDENT + line


def _text(text: str) -> list[str]:
    return text.replace("\r\n", "\n").expandtabs(4).split("\n")
