"""The deployment and the session that all tests of the contract use."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.service import Service, serving


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """Use a loop on the real clock: an answer of a distant deployment takes its time."""
    return "asyncio"


@pytest.fixture(scope="package")
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """Connect to the deployment, once for all tests."""
    async with serving(request.config) as service:
        yield service


@pytest.fixture(scope="package")
def session_id(service: Service) -> str:
    """Return the id of a session that exists."""
    return service.deployment.session_id
