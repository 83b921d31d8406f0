"""Session ids for batches, and how to read their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyarrow import parquet

# The session with number n has 25 * n traces.
IDS = [f"3fa85f64-5717-4562-b3fc-{number:012x}" for number in range(6)]

# Each of these has three traces.
MANY = [f"0b54e1f2-8c1d-4a7e-9f63-{number:012x}" for number in range(24)]


def note(path: str) -> Any:
    """Return the note about the sessions in the file of a batch."""
    return json.loads(parquet.read_schema(path).metadata[b"lyzr_traces_async"])


def left(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())
