"""What the README says of the project is what `pyproject.toml` and the tests' options have."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from importlib.metadata import requires
from typing import Any, Final

import pytest

from lyzr_traces_async.cli._sync import command
from lyzr_traces_async.store import TraceStore
from lyzr_traces_async.store._sync import BATCH_SECONDS
from tests.contract.options import API_KEY_VARIABLE, SESSION_ID_VARIABLE
from tests.readme.blocks import README

TEXT: Final = README.read_text(encoding="utf-8")


@pytest.fixture
def project() -> dict[str, Any]:
    """Return the table `project` of `pyproject.toml`."""
    found: dict[str, Any] = tomllib.loads(README.with_name("pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def _names(requirements: list[str]) -> set[str]:
    return {re.split("[^A-Za-z0-9-]", one)[0].lower() for one in requirements}


def test_the_needed_libraries_are_those_of_the_project(project: dict[str, Any]) -> None:
    """The README leaves out libraries that aiohttp needs too."""
    (told,) = re.findall(r"^The library needs (.*?)\.\s", TEXT, re.MULTILINE | re.DOTALL)
    named = set(re.split(r",\s|\sand\s", re.sub(r"\s\(.*?\)", "", told)))
    needed = _names(project["dependencies"])
    assert named <= needed
    assert needed - named <= _names(requires("aiohttp") or [])


def test_the_oldest_python_the_extras_and_the_licence_are_those_of_the_project(project: dict[str, Any]) -> None:
    """The fixture of pytest and the command come with the installation."""
    assert re.findall(r"Python (3\.\d+) or newer", TEXT) == [project["requires-python"].removeprefix(">=")]
    extras = {name for each in re.findall(r"lyzr-traces-async\[([a-z,]+)\]", TEXT) for name in each.split(",")}
    assert {*extras, "bench", "dev"} <= set(project["optional-dependencies"])
    assert "(extra `bench`)" in TEXT
    assert TEXT.endswith(f"## Licence\n\n{project['license']}.\n")
    assert project["license"] in README.with_name("LICENSE").read_text(encoding="utf-8").partition("\n")[0]
    assert "lyzr-traces" in project["scripts"]
    assert project["entry-points"]["pytest11"]


def test_the_command_that_checks_a_deployment_has_its_option_and_variables(pytestconfig: pytest.Config) -> None:
    """The marker is registered too."""
    assert f"`{API_KEY_VARIABLE}=... {SESSION_ID_VARIABLE}=... pytest -m contract --base-url https://host/v1`" in TEXT
    assert pytestconfig.getoption("--base-url", default="no such option") != "no such option"
    assert [line for line in pytestconfig.getini("markers") if line.startswith("contract:")]


def test_the_times_of_a_sync_are_those_of_the_code() -> None:
    """The library and the command wait for the same time after the newest trace."""
    assert "at least `settle` (one hour) after its newest trace" in TEXT
    for function, hour in ((TraceStore.sync, timedelta(hours=1)), (command, "1h")):
        assert inspect.signature(function).parameters["settle"].default == hour
    assert "loses the current batch, half a second of reading" in " ".join(TEXT.split())
    assert BATCH_SECONDS == 0.5


def test_basic_config_shows_each_wait() -> None:
    """The line of the README needs no handler and no logger beside it."""
    (line,) = re.findall(r"`(logging\.basicConfig\(.*?\))`", TEXT)
    code = f"""
import asyncio
import logging
from lyzr_traces_async import RetryPolicy, TracesClient
from lyzr_traces_async.testing import FakeTracesServer

{line}

async def main():
    async with FakeTracesServer() as server:
        server.add_session("3fa85f64-5717-4562-b3fc-2c963f66afa6", traces=1)
        server.fail_next(status=502)
        retry = RetryPolicy(wait_initial=0, wait_jitter=0)
        async with TracesClient(server.api_key, base_url=server.base_url, retry=retry) as client:
            await client.list_session_traces("3fa85f64-5717-4562-b3fc-2c963f66afa6")

asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stderr.startswith("INFO:lyzr_traces_async:attempt 1 of 6 failed, the next in 0.0 s: HTTP 502: ")
    assert ran.stderr.count("\n") == 1
