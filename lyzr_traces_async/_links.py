"""The addresses that may become links in a terminal or a page. Pure.

Only addresses that match an allowed pattern become links. Every other address is shown as text.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import InvalidArgumentError

__all__ = ["check_dashboard_url", "link_of"]

# The characters of RFC 3986. They exclude backslashes, blanks and control characters, which browsers may reinterpret.
_CHARACTERS: Final = r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/?#]"
_HOST: Final = r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?|\[[0-9A-Fa-f:.]+\]"
_LOOPBACK: Final = r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]"

# No user name may precede the host: "https://lyzr.ai@evil.example" leads to evil.example.
_HTTPS_LINK: Final = re.compile(rf"https://(?:{_HOST})(?::[0-9]{{1,5}})?(?:[/?#]{_CHARACTERS}*)?")
_DASHBOARD: Final = re.compile(
    rf"(?:https://(?:{_HOST})|http://(?:{_LOOPBACK}))(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9\-._~%/]*)?", re.IGNORECASE
)
# "//evil.example" is another host, and "/../x" leaves the prefix, also with encoded dots.
_PATH: Final = re.compile(rf"/(?!/){_CHARACTERS}*")
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


def check_dashboard_url(url: str) -> str:
    """Return the dashboard's URL without trailing slashes.

    :raises InvalidArgumentError: if ``url`` is neither https nor http to this machine, or has credentials, a query or a
        fragment.
    """
    try:
        found = _DASHBOARD.fullmatch(url)
    except TypeError:
        found = None
    if found is None:
        # The text before an @ may be a password.
        shown = "" if "@" in str(url) else f"; not {repr(url)[:80]}"
        raise InvalidArgumentError(
            "the dashboard's URL must be https, or http to this machine, with a host and no credentials, query or "
            f"fragment, such as https://dashboard.example/base{shown}"
        )
    return url.rstrip("/")


def link_of(path: str, dashboard: str | None) -> str | None:
    """Return the link for a trace's ``html_path``, or ``None`` if it must stay text.

    :param dashboard: the dashboard's URL from :func:`check_dashboard_url`. Without it, only full URLs become links.
    """
    if _HTTPS_LINK.fullmatch(path):
        return path
    if dashboard is None:
        return None
    rest = path.removeprefix(dashboard)
    if not _PATH.fullmatch(rest) or _DOTS.search(re.split(r"[?#]", rest, maxsplit=1)[0]):
        return None
    return dashboard + rest
