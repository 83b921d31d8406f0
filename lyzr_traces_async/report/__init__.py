"""Sessions as a page to look at and to send on: one HTML file, which needs neither a network nor anything beside it.

``page.html``, ``page.css`` and the scripts are the page; it opens as it is, with no sessions. What is written is the
same with style and scripts within it, and the data in an element of its own, which the script reads. A name that the
service sent reaches the page as text only: the data can't leave its element (``_island.py``), only what ``_links.py``
allows becomes a link, and the policy in the page's head lets the browser run this one script and load nothing.
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

# What stands in `page.html` in place of what is put there.
_STYLE: Final = '<link rel="stylesheet" href="page.css">'
_SCRIPTS: Final = ("basics.js", "charts.js", "page.js")
_DATA: Final = '{"sessions":[]}'


def write_report(
    path_or_file: str | os.PathLike[str] | Writable,
    sessions: Iterable[SessionTraces],
    *,
    dashboard_url: str | None = None,
) -> None:
    """Write sessions as one self-contained HTML file, which opens offline.

    :param path_or_file: where to. A path is checked before the first session is drawn, and replaced when the page is
        whole: a failure leaves what was there. A file must be open for text; all that is written is ASCII.
    :param sessions: what to show. One that failed is shown with its error. They are drawn, and written, one by one.
    :param dashboard_url: what stands before a trace's ``html_path`` in links, such as ``https://dashboard.example``.
        Without it only an ``html_path`` that is a whole https URL becomes a link; others are shown as text.
    :raises InvalidArgumentError: if nothing can be written there, the dashboard's URL is neither https nor http to
        this machine, or there is something other than a session among the sessions.
    :raises OSError: if writing fails later, as where the disk is full.

    Example::

        async with client.stream_sessions(ids) as stream:
            sessions = [session async for session in stream]
        write_report("report.html", sessions)
    """
    dashboard = None if dashboard_url is None else check_dashboard_url(dashboard_url)
    if not isinstance(sessions, Iterable):
        raise InvalidArgumentError(
            f"sessions must be an iterable of SessionTraces, not {type(sessions).__name__}; of an asynchronous one, "
            "pass [session async for session in it]"
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
    """Return the page with its style and script within it, and their hashes in its policy."""
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
