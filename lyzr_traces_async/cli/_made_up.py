"""The sessions of the demo, and how its server behaves."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCUMENTED", "EMPTY", "LARGE", "LATENCY", "UNKNOWN"]

# The session of the API's own documentation: 45 traces, which are 5 pages of 10.
DOCUMENTED: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
LARGE: Final = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
EMPTY: Final = "c2f7d3a8-61b0-4e95-8a14-7be30f5d9c26"
UNKNOWN: Final = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"

# A moment between answers, as over a network, so that the rows are seen to arrive.
LATENCY: Final = 0.03
