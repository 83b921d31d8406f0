"""Bring the tables up to date: a new sentence gets a row with an empty cell, a sentence that is gone loses its row."""

from __future__ import annotations

from .tables import HERE, SOURCES, read, written

for name in SOURCES:
    (HERE / name).write_text(written(name, read(name)), encoding="utf-8")
