"""The number of await points goes into the test report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.proof.cancellation.worlds import Record


@pytest.fixture
def record(request: pytest.FixtureRequest, record_testsuite_property: Callable[[str, object], None]) -> Record:
    """Return a function that writes the number of await points into the test report, under the test's name."""
    return partial(record_testsuite_property, request.node.name)
