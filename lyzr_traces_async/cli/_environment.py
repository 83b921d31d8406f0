"""What the environment says: the key, the API to ask, and the dashboard to link to."""

from __future__ import annotations

import os
from collections.abc import Callable

from lyzr_traces_async import TracesClient
from lyzr_traces_async._arguments import Secret

from ._links import Dashboard

__all__ = ["dashboard", "key_mask", "open_client"]


def open_client() -> TracesClient:
    """Make a client of the environment's key and base URL.

    :raises InvalidArgumentError: if there is no key, or one of them can't be used.
    """
    return TracesClient()


def key_mask() -> Callable[[str], str]:
    """Return what takes the key out of a text, should somebody have given it in place of something else."""
    return Secret(os.environ["LYZR_API_KEY"]).mask


def dashboard() -> Dashboard:
    """Return where links lead to.

    :raises InvalidArgumentError: if ``LYZR_DASHBOARD_URL`` can't be used.
    """
    return Dashboard.at(os.environ.get("LYZR_DASHBOARD_URL", ""))
