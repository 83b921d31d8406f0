"""Traces for a page in a browser, and how to read and use that page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from benchmarks.browser import Tab
from lyzr_traces_async import Trace
from tests.report import samples

OTHER: Final = "9b2e8c14-7d3a-4f60-8e51-0c6a7d9f2b38"
NAMES: Final = ("speech-to-text", "voice-agent-response", "text-to-speech")


def trace(number: int, **fields: Any) -> Trace:
    usual: dict[str, Any] = {
        "trace_id": f"{number:032x}",
        "name": NAMES[number % 3],
        "latency_seconds": round(0.2 + number % 7 * 0.1, 3),
        "total_cost_usd": 0.001 * (number % 5),
        "observation_count": number % 4,
        "html_path": f"/project/p/traces/{number:032x}",
    }
    return samples.trace(number, **usual | fields)


Show = Callable[..., Any]


async def column(tab: Tab, number: int) -> list[str]:
    """Return the texts of a column of the table, counted from 1."""
    cells = f"document.querySelectorAll('#table tbody tr > :nth-child({number})')"
    found: list[str] = await tab.run(f"[...{cells}].map(cell => cell.textContent)")
    return found


async def text(tab: Tab, selector: str) -> str:
    found: str = await tab.run(f"document.querySelector({json.dumps(selector)}).textContent")
    return found


async def search(tab: Tab, words: str, field: str = "search") -> None:
    await tab.run(f"document.getElementById('{field}').select(); document.getElementById('{field}').focus()")
    await tab.do("Input.insertText", text=words)


async def choose(tab: Tab, session_id: str) -> None:
    await tab.run(
        "{ const select = document.getElementById('session-select');"
        f"select.value = [...select.options].find(option => option.text.startsWith({json.dumps(session_id)})).value;"
        "select.dispatchEvent(new Event('change')) }"
    )
