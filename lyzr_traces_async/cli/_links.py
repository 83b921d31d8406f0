"""What a trace's path on the dashboard becomes: a text to read, and an address to click on. Pure."""

from __future__ import annotations

from typing import Final, Self

from attrs import frozen
from yarl import URL

from lyzr_traces_async import InvalidArgumentError

__all__ = ["NO_DASHBOARD", "Dashboard"]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@frozen
class Dashboard:
    """Where the tracing dashboard is.

    :ivar prefix: what stands before a path, without a slash at its end; empty where it is not known.
    """

    prefix: str = ""

    @classmethod
    def at(cls, address: str) -> Self:
        """Take what ``LYZR_DASHBOARD_URL`` says; nothing where it is empty.

        :raises InvalidArgumentError: if it is no plain https address (http on this machine).
        """
        if not address:
            return cls()
        try:
            url = URL(address)
            host, plain = url.host, not (url.user or url.password or url.query_string or url.fragment)
        except ValueError:
            host, plain = None, False
        if not host or not plain or not (url.scheme == "https" or (url.scheme == "http" and host in _LOOPBACK)):
            raise InvalidArgumentError(
                "LYZR_DASHBOARD_URL must begin with https:// and a host, and have no credentials, query or fragment "
                "(http:// only for localhost)"
            )
        return cls(str(url).rstrip("/"))

    def whole(self, path: str) -> str:
        """Return a trace's ``htmlPath`` with the dashboard before it, where it is a path; as it is, where it is not."""
        return self.prefix + path if path.startswith("/") else path

    def target(self, path: str) -> str | None:
        """Return the address that a terminal may open for a trace's ``htmlPath``: printable ASCII without a semicolon.

        ``None`` where it is not known, or is neither https nor under the dashboard's own address.
        """
        whole = self.whole(path)
        try:
            url = URL(whole)
            address = str(url).replace(";", "%3B")
        except ValueError:
            return None
        ours = bool(self.prefix) and path.startswith("/")
        if not url.host or not (ours or url.scheme == "https") or url.user or url.password:
            return None
        # An escape code that the address is part of ends at the first control character.
        return address if address.isascii() and address.isprintable() and " " not in address else None


NO_DASHBOARD: Final = Dashboard()
