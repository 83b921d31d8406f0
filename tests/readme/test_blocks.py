"""Every code block of the README runs as it stands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import duckdb
import pytest
import trustme
from yarl import URL

from lyzr_traces_async import ClientStats, TracesClient
from lyzr_traces_async.store import TraceStore
from lyzr_traces_async.testing import FakeTracesServer

from .blocks import README, SESSION, UNKNOWN, blocks, run_part

# What calls the functions that a block defines, as the framework would; the key is text that only this block has.
CALLERS = {
    "FastAPI(": f"""
from fastapi.testclient import TestClient

with TestClient(app) as browser:
    assert 0 < browser.get("/sessions/{SESSION}/cost").json()["usd"] < 1
    assert browser.get("/sessions/{UNKNOWN}/cost").json() == {{"detail": "Trace session not found"}}
    assert browser.get("/sessions/{SESSION[:-1]}/cost").status_code == 422
""",
    "from django": f"""
import asyncio
import json

from django.conf import settings
from django.test import AsyncRequestFactory

settings.configure()
for _ in range(2):  # each on a loop of its own, as under WSGI
    response = asyncio.run(cost(AsyncRequestFactory().get("/"), "{SESSION}"))
    assert json.loads(response.content)["count"] == 250
""",
    "from celery": f"""
assert [0 < cost.apply(["{SESSION}"]).get() < 1 for _ in range(2)] == [True, True]
""",
    "def handler(": f"""
assert [0 < handler({{"session_id": "{SESSION}"}}, None)["usd"] < 1 for _ in range(2)] == [True, True]
runner.run(client.aclose())
runner.close()
""",
}

# What a block prints.
PRINTS = {
    "iter_session_traces(SESSION):\n": r"(2026-\S+ \S+ [a-z-]+ (\d\S+|None) (\d\S+|None)\n){250}",
    "stream_sessions(ids)": rf"{SESSION} 250 traces, \$ 0\.\d+\n",
    "summary.by_name": r"250 traces, \$0\.\d{6}, \d+ without a cost\n(.+: \d+ x, \$0\.\d{6} .+\n)+The slowest (?s:.+)",
    'TraceStore("traces.duckdb")': r"(?s:.+)1 of 1 sessions, 250 traces\n(?s:.+)voice-agent-response(?s:.+)",
    "start_blocking_portal": r"\[250\]\n",
}


@pytest.fixture(autouse=True)
def _session(server: FakeTracesServer) -> None:
    """Add the session that the examples read."""
    server.add_session(SESSION, traces=250, observations=True)


# The blocks that need a cluster run on one, in `proof/test_cluster.py`.
@pytest.mark.parametrize("code", [block for block in blocks("python") if "s3://bucket" not in block.values[0]])
def test_a_python_block_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program runs as a program, a test as a test, a part of an async function in one."""
    monkeypatch.chdir(tmp_path)
    callers = [text for key, text in CALLERS.items() if key in code]
    if "company-ca.pem" in code:
        asyncio.run(_run_behind_a_private_ca(code))
    elif callers or "def test_" in code or "def main(" in code:
        path = tmp_path / "test_block.py"
        path.write_text(code + "".join(callers), encoding="utf-8")
        arguments = ["-m", "pytest", "-q", str(path)] if "def test_" in code else [str(path)]
        ran = subprocess.run(
            [sys.executable, *arguments], check=False, cwd=tmp_path, timeout=60, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        for key, pattern in PRINTS.items():
            assert key not in code or re.fullmatch(pattern, ran.stdout), ran.stdout
    else:
        asyncio.run(_run_with_a_client(code))


async def _run_with_a_client(code: str) -> None:
    async with TracesClient() as client:
        await run_part(code, client=client, session_id=SESSION)


async def _run_behind_a_private_ca(code: str) -> None:
    """Run a block in a folder that has the CA's certificate, against a server with a certificate of that CA alone."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path("company-ca.pem")
    async with _over_tls(URL(os.environ["LYZR_TRACES_BASE_URL"]), authority) as base_url:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LYZR_TRACES_BASE_URL", str(base_url))
            assert len((await run_part(code))["page"]) == 100


@contextlib.asynccontextmanager
async def _over_tls(base_url: URL, authority: trustme.CA) -> AsyncIterator[URL]:
    """Make a server available over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(base_url.host, base_url.port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", ssl=context) as tls:
        yield base_url.with_scheme("https").with_port(tls.sockets[0].getsockname()[1])


def test_the_statistics_shown_are_those_of_the_client() -> None:
    """A comment in a block is not run, so this compares its names with the class."""
    (shown,) = re.findall(r"^# ClientStats\((.*)\)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert [pair.partition("=")[0] for pair in shown.split(", ")] == [field.name for field in attrs.fields(ClientStats)]


@pytest.mark.parametrize("code", [block for block in blocks("bash") if "pip install" not in block.values[0]])
def test_a_shell_block_runs(code: str, tmp_path: Path) -> None:
    """Each command is found and succeeds."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],  # noqa: S607
        check=True,
        cwd=tmp_path,
        timeout=60,
        env={**os.environ, "PATH": path},
    )


@pytest.mark.parametrize("code", blocks("sql"))
def test_an_sql_block_runs(
    code: str, server: FakeTracesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs on a store that a sync has made."""
    monkeypatch.chdir(tmp_path)

    async def make() -> None:
        async with TracesClient(server.api_key, base_url=server.base_url) as client:
            async for _ in TraceStore("traces.duckdb").sync(client, [SESSION, UNKNOWN]):
                pass

    asyncio.run(make())
    with duckdb.connect("traces.duckdb", read_only=True) as database:
        for statement in database.extract_statements(code):
            database.execute(statement)


def test_the_first_two_shell_blocks_run_the_demo_and_the_tests() -> None:
    """Each is one line that also sets up what it needs."""
    commands = [block.values[0] for block in blocks("bash")][:2]
    assert [command.count("\n") for command in commands] == [1, 1]
    assert commands[0].rstrip().endswith("lyzr-traces demo")
    assert "pytest" in commands[1]
