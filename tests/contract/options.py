"""Against which deployment the contract part runs: options of pytest, and what they need beside them.

``pytest -m contract`` runs it against the fake server, as the whole suite does. For a real deployment::

    LYZR_CONTRACT_API_KEY=... LYZR_CONTRACT_SESSION_ID=... pytest -m contract --base-url https://host/v1

It makes fewer than 40 requests. The session is best one whose call has ended a while ago, so that its list is at rest.
The client's own variables, such as ``LYZR_API_KEY``, are not looked at: nobody calls a real service by accident.
"""

from __future__ import annotations

import os

import attrs
import pytest
from yarl import URL

BASE_URL_VARIABLE = "LYZR_CONTRACT_BASE_URL"
API_KEY_VARIABLE = "LYZR_CONTRACT_API_KEY"
SESSION_ID_VARIABLE = "LYZR_CONTRACT_SESSION_ID"

# Which fixture needs which variable, where the deployment is not the fake server.
NEEDS = {"service": API_KEY_VARIABLE, "session_id": SESSION_ID_VARIABLE}


@attrs.frozen
class Deployment:
    """Where the contract is to be kept, and what is needed to see whether it is."""

    base_url: str
    api_key: str = attrs.field(repr=False)
    session_id: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("contract").addoption(
        "--base-url",
        metavar="URL",
        help=f"the deployment to run the tests marked `contract` against, such as https://host/v1; else the "
        f"environment's {BASE_URL_VARIABLE}, else a fake server. Needs {API_KEY_VARIABLE} and {SESSION_ID_VARIABLE}.",
    )


def deployment_of(config: pytest.Config) -> Deployment | None:
    """Return the deployment that was asked for, or ``None`` for the fake server."""
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
    """Refuse to begin where something is missing that a selected test needs."""
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
