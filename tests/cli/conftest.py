"""Retries that do not hold up a test."""

from __future__ import annotations

import pytest

from lyzr_traces_async import RetryPolicy, TracesClient


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `list` and `sync` wait only 0.01 s before a retry."""
    retry = RetryPolicy(wait_initial=0.01, wait_jitter=0.0)
    for command in ("_list", "_sync"):
        monkeypatch.setattr(f"lyzr_traces_async.cli.{command}.open_client", lambda: TracesClient(retry=retry))
