"""An HTML report of sessions, to look at and to share: one file that needs no network and no other files.

``page.html``, ``page.css`` and the scripts are the page, which can be opened as it is, without sessions. A report is
this page with the style and the scripts inside it, and with the data in an element of its own, which the script reads.
Text from the service stays text in the page: the data cannot leave its element (``_island.py``), an address becomes a
link only if ``_links.py`` allows it, and the policy in the page's head lets the browser run this one script and load
nothing else.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from typing import Final

from .._links import check_dashboard_url
from ..errors import InvalidArgumentError
from ..models import SessionTraces
from ._files import Writable, check_path, opened
from ._island import encode_session

__all__ = ["check_path", "write_report"]

# The parts of `page.html` that a report replaces.
_STYLE: Final = '<link rel="stylesheet" href="page.css">'
_SCRIPTS: Final = ("basics.js", "charts.js", "page.js")
_DATA: Final = '{"sessions":[]}'


def write_report(
    path_or_file: str | os.PathLike[str] | Writable,
    sessions: Iterable[SessionTraces],
    *,
    dashboard_url: str | None = None,
) -> None:
    """Write a report of sessions as one HTML file that opens without a network.

    :param path_or_file: the path or the open text file to write to. A path is checked before the first session is
        taken. An existing file is replaced when the report is complete, so a failure leaves it unchanged. The report
        is ASCII.
    :param sessions: the sessions to show, written one by one. A failed session is shown with its error.
    :param dashboard_url: the URL to put before a trace's ``html_path`` in links, such as ``https://dashboard.example``.
        Without it, an ``html_path`` becomes a link only if it is a whole https URL; others are shown as text.
    :raises InvalidArgumentError: if the report cannot be written there, the dashboard's URL is neither https nor http
        to this machine, or one of the sessions is not a ``SessionTraces``.
    :raises OSError: if writing fails later, for example because the disk is full.

    Example::

        async with client.stream_sessions(ids) as stream:
            sessions = [session async for session in stream]
        write_report("report.html", sessions)
    """
    dashboard = None if dashboard_url is None else check_dashboard_url(dashboard_url)
    if not isinstance(sessions, Iterable):
        raise InvalidArgumentError(
            f"sessions must be an iterable of SessionTraces, not {type(sessions).__name__}. From an asynchronous "
            "iterable, pass [session async for session in iterable]"
        )
    with opened(path_or_file) as file:
        for part in _parts(sessions, dashboard):
            file.write(part)


def _parts(sessions: Iterable[SessionTraces], dashboard: str | None) -> Iterator[str]:
    before, after = _page().split(_DATA)
    yield before
    yield '{"sessions":['
    for number, session in enumerate(sessions):
        yield ",\n" if number else "\n"
        yield encode_session(session, dashboard)
    yield "\n]}"
    yield after


def _page() -> str:
    """Return the page with the style and the script inside it, and their hashes in its policy."""
    parts = ("page.html", "page.css", *_SCRIPTS)
    page, style, *scripts = (files(__name__).joinpath(name).read_text("ascii") for name in parts)
    script = "".join(scripts)
    return (
        page.replace("script-src 'self'", f"script-src '{_hash(script)}'")
        .replace("style-src 'self'", f"style-src '{_hash(style)}'")
        .replace(_STYLE, f"<style>{style}</style>")
        .replace("\n".join(f'<script src="{name}"></script>' for name in _SCRIPTS), f"<script>{script}</script>")
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
