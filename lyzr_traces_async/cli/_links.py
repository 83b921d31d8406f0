"""What a trace's path on the dashboard becomes: a text to read, and an address to click on. Pure."""

from __future__ import annotations

from typing import Final, Self

from attrs import frozen

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async._links import check_dashboard_url, link_of

__all__ = ["NO_DASHBOARD", "Dashboard"]


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
        try:
            return cls(check_dashboard_url(address) if address else "")
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"LYZR_DASHBOARD_URL: {error.message}") from None

    def whole(self, path: str) -> str:
        """Return a trace's ``htmlPath`` with the dashboard before it, where it is a path; as it is, where it is not."""
        return self.prefix + path if path.startswith("/") else path

    def target(self, path: str) -> str | None:
        """Return the address that a terminal may open for a trace's ``htmlPath``, or ``None`` where there is none.

        It has no semicolon: the escape code that it is part of has them between its parts.
        """
        link = link_of(path, self.prefix or None)
        return link and link.replace(";", "%3B")


NO_DASHBOARD: Final = Dashboard()
