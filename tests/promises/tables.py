"""The tables of promises: Markdown files with a sentence and its tests in each row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .sentences import docstrings, readme

HERE: Final = Path(__file__).parent
SOURCES: Final = {"README.md": readme(), **{f"{module}.md": told for module, told in docstrings().items()}}

# In place of a test: the sentence explains, advises or gives an example, so that no test can fail without it.
NO_PROMISE: Final = "-"

Tests = Mapping[tuple[str, str], str]


def read(file: str) -> dict[tuple[str, str], str]:
    """Return what stands in the tests' cell, by section and sentence."""
    found, section = {}, ""
    path = HERE / file
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif (row := re.fullmatch(r"\| (.*) \| (.*) \|", line)) is not None and row[1] != "sentence":
            found[section, row[1].replace(r"\|", "|")] = row[2].strip()
    return found


def written(file: str, tests: Tests) -> str:
    """Return the file as it should be: a row for each sentence of its source, with the tests where they are known."""
    lines = [
        f"# Each sentence of the {file.removesuffix('.md')}, and the tests that fail if it is not true",
        "",
        f"A cell with `{NO_PROMISE}`: the sentence explains or advises, and promises nothing. The paths are below",
        "`tests/`. `python -m tests.promises` brings the rows up to date.",
        "",
    ]
    for section, sentences in SOURCES[file].items():
        lines += [f"## {section}", "", "| sentence | tests |", "|---|---|"]
        for sentence in sentences:
            lines.append(f"| {sentence.replace('|', chr(92) + '|')} | {tests.get((section, sentence), '')} |")
        lines.append("")
    return "\n".join(lines)
