"""Sessions to write, and their page."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from lyzr_traces_async import NotFoundError, SessionTraces, Trace
from lyzr_traces_async.report import write_report

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
BEGIN = datetime(2026, 3, 25, 18, 19, 24, 347_000, tzinfo=UTC)
DASHBOARD = "https://dashboard.example/base"


def trace(number: int = 0, **fields: Any) -> Trace:
    usual: dict[str, Any] = {
        "trace_id": f"t{number}",
        "name": "speech-to-text",
        "session_id": SESSION,
        "timestamp": BEGIN + timedelta(milliseconds=412 * number),
        "latency_seconds": 0.25,
        "total_cost_usd": 0.001,
        "observation_count": 1,
        "html_path": f"/project/p/traces/t{number}",
    }
    return Trace(**usual | fields)


def session(*traces: Trace, session_id: str = SESSION) -> SessionTraces:
    return SessionTraces(session_id, None, traces)


def failed(message: str = "Trace session not found") -> SessionTraces:
    return SessionTraces(SESSION, NotFoundError(message, status=404, session_id=SESSION))


class Elements(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[tuple[str, str | None], str] = {}
        self._inside: tuple[str, str | None] | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs).get("type")) if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the signature
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data


def page_of(*sessions: SessionTraces, **options: Any) -> str:
    file = io.StringIO()
    write_report(file, sessions, **options)
    return file.getvalue()


def island_of(page: str) -> Any:
    return json.loads(Elements(page).texts["script", "application/json"])["sessions"]
