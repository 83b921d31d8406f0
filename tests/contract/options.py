"""Options of pytest that choose the deployment for the tests of the contract.

``pytest -m contract`` runs them against the fake server, as the whole suite does. For a real deployment::

    LYZR_CONTRACT_API_KEY=... LYZR_CONTRACT_SESSION_ID=... pytest -m contract --base-url https://host/v1

The tests send fewer than 40 requests. Choose a session whose call ended a while ago, so that its list does not change.
The tests ignore the client's own variables, such as ``LYZR_API_KEY``, so that nobody calls a real service by accident.
"""

from __future__ import annotations

import os

import attrs
import pytest
from yarl import URL

BASE_URL_VARIABLE = "LYZR_CONTRACT_BASE_URL"
API_KEY_VARIABLE = "LYZR_CONTRACT_API_KEY"
SESSION_ID_VARIABLE = "LYZR_CONTRACT_SESSION_ID"

# The variable that a fixture needs, if the deployment is not the fake server.
NEEDS = {"service": API_KEY_VARIABLE, "session_id": SESSION_ID_VARIABLE}


@attrs.frozen
class Deployment:
    """The address of a deployment, a key for it, and one of its sessions."""

    base_url: str
    api_key: str = attrs.field(repr=False)
    session_id: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("contract").addoption(
        "--base-url",
        metavar="URL",
        help=f"run the tests marked `contract` against this deployment, such as https://host/v1. The default is the "
        f"environment variable {BASE_URL_VARIABLE}, or else a fake server. A deployment needs {API_KEY_VARIABLE} and "
        f"{SESSION_ID_VARIABLE}.",
    )


def deployment_of(config: pytest.Config) -> Deployment | None:
    """Return the requested deployment, or ``None`` for the fake server."""
    base_url = _base_url(config)
    if base_url is None:
        return None
    return Deployment(
        base_url.rstrip("/"), os.environ.get(API_KEY_VARIABLE, ""), os.environ.get(SESSION_ID_VARIABLE, "")
    )


def _base_url(config: pytest.Config) -> str | None:
    asked: str | None = config.getoption("--base-url")
    return asked or os.environ.get(BASE_URL_VARIABLE) or None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to start if a selected test needs a variable that is not set."""
    base_url = _base_url(session.config)
    if base_url is None:
        return
    if URL(base_url).scheme not in ("http", "https"):
        raise pytest.UsageError(f"--base-url must be a URL such as https://host/v1, not {base_url!r}")
    for item in session.items:
        for fixture in getattr(item, "fixturenames", ()):
            variable = NEEDS.get(fixture, "") if item.get_closest_marker("contract") else ""
            if variable and not os.environ.get(variable):
                raise pytest.UsageError(f"{item.nodeid} against {base_url} needs the environment variable {variable}")
