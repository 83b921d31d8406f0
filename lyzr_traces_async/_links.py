"""Which addresses may become links, in a terminal as in a page. Pure.

A short list says what is allowed: everything else is shown as text.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import InvalidArgumentError

__all__ = ["check_dashboard_url", "link_of"]

# The characters of RFC 3986. A backslash, a blank or a control is not among them: browsers read some as others.
_CHARACTERS: Final = r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/?#]"
_HOST: Final = r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?|\[[0-9A-Fa-f:.]+\]"
_LOOPBACK: Final = r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]"

# Nothing may stand before the host: "https://lyzr.ai@evil.example" leads to evil.example.
_HTTPS_LINK: Final = re.compile(rf"https://(?:{_HOST})(?::[0-9]{{1,5}})?(?:[/?#]{_CHARACTERS}*)?")
_DASHBOARD: Final = re.compile(
    rf"(?:https://(?:{_HOST})|http://(?:{_LOOPBACK}))(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9\-._~%/]*)?", re.IGNORECASE
)
# "//evil.example" is another host, and "/../x" is not under the prefix, however its dots are written.
_PATH: Final = re.compile(rf"/(?!/){_CHARACTERS}*")
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


def check_dashboard_url(url: str) -> str:
    """Return the dashboard's URL without a slash at its end.

    :raises InvalidArgumentError: if it is not https, nor http to this machine, or has parts that a prefix can't have.
    """
    try:
        found = _DASHBOARD.fullmatch(url)
    except TypeError:
        found = None
    if found is None:
        # There may be a password before an @.
        shown = "" if "@" in str(url) else f"; not {repr(url)[:80]}"
        raise InvalidArgumentError(
            "the dashboard's URL must be https, or http to this machine, with a host and no credentials, query or "
            f"fragment, such as https://dashboard.example/base{shown}"
        )
    return url.rstrip("/")


def link_of(path: str, dashboard: str | None) -> str | None:
    """Return the link that a trace's ``html_path`` stands for, or ``None`` where it must stay text.

    :param dashboard: what :func:`check_dashboard_url` returned, or ``None`` where paths lead nowhere.
    """
    if _HTTPS_LINK.fullmatch(path):
        return path
    if dashboard is None:
        return None
    rest = path.removeprefix(dashboard)
    if not _PATH.fullmatch(rest) or _DOTS.search(re.split(r"[?#]", rest, maxsplit=1)[0]):
        return None
    return dashboard + rest
