"""A trace's path on the dashboard, as text to read and as an address to click on. Pure."""

from __future__ import annotations

from typing import Final, Self

from attrs import frozen

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async._links import check_dashboard_url, link_of

__all__ = ["NO_DASHBOARD", "Dashboard"]


@frozen
class Dashboard:
    """The address of the tracing dashboard.

    :ivar prefix: the text before a path, without a slash at its end. Empty if the address is not known.
    """

    prefix: str = ""

    @classmethod
    def at(cls, address: str) -> Self:
        """Return the dashboard at the address in ``LYZR_DASHBOARD_URL``, which may be empty.

        :raises InvalidArgumentError: if the address is not plain https (or http to this machine).
        """
        try:
            return cls(check_dashboard_url(address) if address else "")
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"LYZR_DASHBOARD_URL: {error.message}") from None

    def whole(self, path: str) -> str:
        """Return a trace's ``htmlPath`` as text: with the dashboard's address before it, if it is a path."""
        return self.prefix + path if path.startswith("/") else path

    def target(self, path: str) -> str | None:
        """Return the address that a click on a trace's ``htmlPath`` opens, or ``None`` if it is not a safe link.

        Semicolons in the address are encoded, because they separate the parts of the escape code for links.
        """
        link = link_of(path, self.prefix or None)
        return link and link.replace(";", "%3B")


NO_DASHBOARD: Final = Dashboard()
