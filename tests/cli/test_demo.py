"""`demo`: all features without an account."""

from __future__ import annotations

import ast
import asyncio

import pytest

from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._demo import SNIPPET
from lyzr_traces_async.testing import FakeTracesServer

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def test_the_demo_needs_no_account_and_ends_with_a_summary(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """It walks a session, streams several with one that fails, and prints statistics, a program and a summary."""
    monkeypatch.setenv("LYZR_API_KEY", "sk-secret-canary")
    monkeypatch.setenv("LYZR_TRACES_BASE_URL", "not a URL")
    assert main(["demo"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"{SESSION} · 45 traces on 5 pages" in out
    assert "\n45 traces · $" in out
    assert "\n1,234 traces · $" in out
    assert "\n0 traces\n" in out
    assert "\nNotFoundError: Trace session not found · its own failure: the others go on\n" in out
    assert "retries: 1 · refused by the rate limit: 0 · " in out
    assert "page 3 failed once and was asked for again: 1 retry\n" in out
    assert f"\n\n{SNIPPET}\n" in out
    assert len(SNIPPET.splitlines()) == 5
    assert max(map(len, SNIPPET.splitlines())) < 80
    assert "\n45 traces in 19.6 s, $0.112298 (2 without a cost) · from 2026-03-25 18:19:24 UTC\nstep  " in out
    assert out.count("\nslowest  voice-agent-response ") == 3
    assert out.endswith(" and try all else: lyzr-traces demo --serve\n")
    assert "canary" not in out


def test_the_code_to_copy_runs(server: FakeTracesServer, capsys: Captured) -> None:
    """The code runs exactly as the demo prints it, within an async function."""
    traces = server.add_session(SESSION, traces=3)
    code = compile(SNIPPET, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    asyncio.run(eval(code, {}))  # noqa: S307 - that is what is to be shown
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [trace.name for trace in traces]
