"""The scenarios of a good day."""

from __future__ import annotations

import pytest

from benchmarks import costs


def test_an_import_is_timed_with_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package is imported from bytecode, so the environment must not turn bytecode off."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert costs._import_time("import sys; assert not sys.dont_write_bytecode") > 0
