"""Settings from the environment: the API key, the base URL and the dashboard."""

from __future__ import annotations

import os
from collections.abc import Callable

from lyzr_traces_async import TracesClient
from lyzr_traces_async._arguments import Secret

from ._links import Dashboard

__all__ = ["dashboard", "key_mask", "open_client"]


def open_client() -> TracesClient:
    """Return a client with the environment's API key and base URL.

    :raises InvalidArgumentError: if the key is missing, or the key or the base URL is not valid.
    """
    return TracesClient()


def key_mask() -> Callable[[str], str]:
    """Return a function that removes the API key from a text, in case somebody passed the key as an id."""
    return Secret(os.environ["LYZR_API_KEY"]).mask


def dashboard() -> Dashboard:
    """Return the dashboard that links lead to.

    :raises InvalidArgumentError: if ``LYZR_DASHBOARD_URL`` is not valid.
    """
    return Dashboard.at(os.environ.get("LYZR_DASHBOARD_URL", ""))
