"""Every code block of the README runs, as it stands."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import duckdb
import pytest

from lyzr_traces_async import AuthenticationError, ClientStats, RetryPolicy, Trace, TracesClient
from lyzr_traces_async.store import TraceStore
from lyzr_traces_async.testing import FakeTracesServer, RecordedRequest
from lyzr_traces_async.testing._traces import encode

README = Path(__file__).parents[2] / "README.md"
SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def _blocks(language: str) -> list[Any]:
    text = README.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [pytest.param(match[1], id=f"line-{text[: match.start()].count(chr(10)) + 1}") for match in found]


@pytest.fixture(autouse=True)
def _session(server: FakeTracesServer) -> None:
    """What the examples read."""
    server.add_session(SESSION, traces=250, observations=True)


async def _run_part(code: str) -> None:
    """Run a block that is part of an async function."""
    compiled = compile(code, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with TracesClient() as client:
        result = eval(compiled, {"client": client, "session_id": SESSION})  # noqa: S307 - our own README
        if inspect.isawaitable(result):
            await result


# Those that need a cluster run on one, in `test_cluster.py`.
@pytest.mark.parametrize("code", [block for block in _blocks("python") if "s3://bucket" not in block.values[0]])
def test_a_python_block_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts run as scripts, tests as tests, parts of a function in one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sessions.txt").write_text(f"{SESSION}\n{UNKNOWN}\n", encoding="utf-8")
    if "def test_" in code or "asyncio.run(" in code or "FastAPI(" in code:
        path = tmp_path / "test_block.py"
        path.write_text(code + _DRIVERS.get("fastapi" if "FastAPI(" in code else "", ""), encoding="utf-8")
        arguments = ["-m", "pytest", "-q", str(path)] if "def test_" in code else [str(path)]
        ran = subprocess.run(
            [sys.executable, *arguments], check=True, cwd=tmp_path, timeout=60, capture_output=True, text=True
        )
        if "sessions.txt" in code:
            assert "2/2 sessions, 0 s held back by the quota\n" in ran.stderr
            assert re.search(rf"^{UNKNOWN}\tHTTP 404: ", ran.stderr, re.MULTILINE)
            assert re.fullmatch(r"\$0\.\d{4} in 1 sessions\n", ran.stdout)
    else:
        asyncio.run(_run_part(code))


# What a web server would do with the block's `app`.
_DRIVERS = {
    "fastapi": f"""
from fastapi.testclient import TestClient

with TestClient(app) as browser:
    assert 0 < browser.get("/sessions/{SESSION}/cost").json()["usd"] < 1
    assert browser.get("/sessions/{UNKNOWN}/cost").status_code == 404
    assert browser.get("/sessions/{SESSION[:-1]}/cost").status_code == 422
    assert browser.get("/sessions/{SESSION}/traces/no-such").json() == {{"detail": "Trace not found"}}
"""
}


async def test_the_way_to_take_a_failed_walk_up_again_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """With everything, once the failure has passed; and at once where it will not pass."""
    (code,) = [block.values[0] for block in _blocks("python") if "start_page = error.page" in block.values[0]]
    compiled = compile(code, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with FakeTracesServer(quota=None) as server:
        traces = server.add_session(SESSION, traces=250)
        server.fail_next(10, status=500, page=2)
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            names: dict[str, Any] = {"client": client, "session_id": SESSION}
            await eval(compiled, names)  # noqa: S307 - our own README
        assert list(names["seen"].values()) == list(traces)
        assert capsys.readouterr().out.startswith("going on later: HTTP 500")
        made = len(server.requests)
        async with TracesClient("wrong", base_url=server.base_url) as client:
            with pytest.raises(AuthenticationError):
                await eval(compiled, {"client": client, "session_id": SESSION})  # noqa: S307 - our own README
        assert len(server.requests) == made + 1


async def _take_up_again(server: FakeTracesServer, while_paused: Callable[[], object]) -> list[Trace]:
    """Run the README's way with a failure in the middle, and something that happens during its pause."""
    (code,) = [block.values[0] for block in _blocks("python") if "start_page = error.page" in block.values[0]]
    compiled = compile(code.replace("(pause)", "(paused())"), str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    def paused() -> float:
        while_paused()
        return 0.0

    retry = RetryPolicy(attempts=1)
    async with TracesClient(server.api_key, base_url=server.base_url, retry=retry) as client:
        names: dict[str, Any] = {"client": client, "session_id": SESSION, "paused": paused}
        await eval(compiled, names)  # noqa: S307 - our own README
    return list(names["seen"].values())


@pytest.mark.parametrize("deleted", [1, 99, 100, 150, 230])
async def test_that_way_survives_deletions_during_its_pause(deleted: int) -> None:
    """What stood behind the page that failed has moved before it; all that is left is read."""
    async with FakeTracesServer(quota=None) as server:
        server.add_session(SESSION, traces=450)
        server.fail_next(1, status=500, page=3)
        seen = await _take_up_again(server, lambda: server.remove_traces(SESSION, deleted))
        assert len(server.traces(SESSION)) == 450 - deleted
        assert set(server.traces(SESSION)) <= set(seen)


async def test_that_way_counts_in_its_own_limit_at_a_server_that_gives_fewer() -> None:
    """Where 100 are asked for and 20 come, the page of the error is still one of 100."""
    failing = iter([*[False] * 12, True])
    async with FakeTracesServer(quota=None) as server:
        traces = server.add_session(SESSION, traces=400)

        def give_twenty(request: RecordedRequest) -> None:
            if next(failing, False):
                server.fail_next(1, status=500)
                return
            page, limit = int(request.query["page"]), min(20, int(request.query["limit"]))
            rows = b",".join(map(encode, traces[(page - 1) * limit : page * limit]))
            said = {"page": page, "limit": limit, "totalItems": 400, "totalPages": 400 // limit}
            server.fail_next(1, body=b'{"traces": [%b], "pagination": %b}' % (rows, json.dumps(said).encode()))

        server.on_request = give_twenty
        assert await _take_up_again(server, lambda: None) == list(traces)


def test_the_statistics_shown_are_those_that_there_are() -> None:
    """A comment is no code that could fail."""
    (shown,) = re.findall(r"^# ClientStats\((.*)\)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert [pair.partition("=")[0] for pair in shown.split(", ")] == [field.name for field in attrs.fields(ClientStats)]


@pytest.mark.parametrize("code", [block for block in _blocks("bash") if "pip install" not in block.values[0]])
def test_a_shell_block_runs(code: str, tmp_path: Path) -> None:
    """The commands are found and succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],  # noqa: S607
        check=True,
        cwd=tmp_path,
        timeout=60,
        env={**os.environ, "PATH": path},
    )


@pytest.mark.parametrize("code", _blocks("sql"))
def test_an_sql_block_runs(
    code: str, server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a store that a sync has made."""
    monkeypatch.chdir(tmp_path)

    async def make() -> None:
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            async for _ in TraceStore("traces.duckdb").sync(client, [SESSION, UNKNOWN]):
                pass

    asyncio.run(make())
    with duckdb.connect("traces.duckdb", read_only=True) as database:
        for statement in database.extract_statements(code):
            database.execute(statement)


def test_the_readme_has_the_two_commands_of_its_first_screen() -> None:
    """One line sets up and runs the demo, one the tests."""
    commands = [block.values[0] for block in _blocks("bash")][:2]
    assert [command.count("\n") for command in commands] == [1, 1]
    assert commands[0].rstrip().endswith("lyzr-traces demo")
    assert "pytest" in commands[1]
