"""Errors on the command line: they name options and environment variables, and nothing of Python."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lyzr_traces_async
from lyzr_traces_async import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    LyzrTracesError,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    TracesClient,
)
from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._errors import text_of
from lyzr_traces_async.store import TraceStore
from lyzr_traces_async.testing import FakeTracesServer

# Also the errors of servers that have advice of their own.
STATUSES = (302, 400, 401, 403, 404, 429, 500, 501, 503, 505, 511, 525, 526)
SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def python_names() -> set[str]:
    """Return the names of the public classes, and of the parameters of the calls that the commands make."""
    classes = {name for name, value in vars(lyzr_traces_async).items() if inspect.isclass(value)}
    calls: list[Callable[..., object]] = [TracesClient, RetryPolicy, TraceStore]
    calls += [value for _, value in inspect.getmembers(TracesClient, inspect.isfunction)]
    parameters = {name for call in calls for name in inspect.signature(call).parameters}
    # These are also words of English, or options.
    words = {"Trace", "self", "limit", "session", "page", "path", "since", "until", "retry", "timeout"}
    return (classes | parameters) - words


def assert_without_python(text: str) -> None:
    """Check that a text contains no class, no parameter, and no option under its Python name."""
    found = set(re.findall(r"\w+", text)) & python_names()
    assert not found, text
    assert not re.search(r"(?<![\w-])(limit|since|until) (must|is)|`(?!list`)|\.issues", text), text


def classes(base: type[LyzrTracesError] = LyzrTracesError) -> Iterator[type[LyzrTracesError]]:
    """Yield the class and all its subclasses."""
    yield base
    for found in base.__subclasses__():
        yield from classes(found)


def errors() -> Iterator[LyzrTracesError]:
    """Make an error of each class, and for each text of a class."""
    for cls in classes():
        if issubclass(cls, APIStatusError):
            yield from (cls("said", status=status) for status in STATUSES)
        else:
            yield cls("said")
    yield RateLimitError("said", status=429, retry_after=90.0)
    yield NotFoundError("Trace not found", status=404, trace_id="x")
    accepted_before = AuthenticationError("said", status=401)
    accepted_before._permanent = False
    yield accepted_before


@pytest.mark.parametrize(
    "error", list(errors()), ids=lambda error: f"{type(error).__name__}-{getattr(error, 'status', '')}"
)
def test_no_error_names_anything_of_python(error: LyzrTracesError) -> None:
    """This holds for every class and for every advice."""
    assert_without_python(text_of(error))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AuthenticationError("no", status=401), "HTTP 401: no. Check the environment variable LYZR_API_KEY."),
        (BadRequestError("no", status=400), "HTTP 400: no. The server refused the request as malformed."),
        (
            RateLimitError("no", status=429, retry_after=90.0),
            "HTTP 429: no. The service refuses requests for longer than commands wait. Run the command again in 90 s.",
        ),
        (InvalidArgumentError("limit must be 3, not 'limit'"), "--limit must be 3, not 'limit'"),
    ],
)
def test_errors_say_what_to_do_on_the_command_line(error: LyzrTracesError, text: str) -> None:
    """Details and refused values stay as they are."""
    assert text_of(error) == text


@pytest.mark.parametrize(
    ("arguments", "variables", "text"),
    [
        (["list", SESSION], {"LYZR_API_KEY": ""}, "no API key: set the environment variable LYZR_API_KEY"),
        (["list", SESSION], {"LYZR_API_KEY": "a\n"}, "LYZR_API_KEY contains "),
        (["list", SESSION], {"LYZR_API_KEY": "wrong"}, "Check the environment variable LYZR_API_KEY."),
        (
            ["list", SESSION],
            {"LYZR_TRACES_BASE_URL": "http://mock.example/v1"},
            "LYZR_TRACES_BASE_URL must be https, or the API key",
        ),
        (["list", SESSION], {"LYZR_TRACES_BASE_URL": "nonsense"}, "LYZR_TRACES_BASE_URL "),
        (
            ["list", SESSION],
            {"LYZR_TRACES_BASE_URL": "https://127.0.0.1:9/v1", "https_proxy": "socks5://127.0.0.1:9", "no_proxy": ""},
            "HTTPS_PROXY or ALL_PROXY",
        ),
        (["list", "nonsense"], {}, "the session id must be "),
        (["list", SESSION, "--limit", "0"], {}, "--limit must be "),
        (["show", "nonsense", "x"], {}, "the session id must be "),
        (["show", SESSION, ""], {}, "the trace id must be "),
        (["show", SESSION, "x"], {}, "HTTP 404: "),
        (["sessions", "--agent", ""], {}, "--agent must be "),
        (["sessions", "--since", "2026-02-01", "--until", "2026-01-01"], {}, "--since is later than --until: "),
        (["sync", "", SESSION], {}, "path must be "),
    ],
)
def test_mistakes_of_a_user_are_explained_in_terms_of_the_command_line(
    *,
    server: FakeTracesServer,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    text: str,
) -> None:
    """Standard error has one line, and a hint after wrong use."""
    server.add_session(SESSION, traces=1)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(arguments) in (1, 2)
    told = capsys.readouterr().err
    assert text in told
    assert_without_python(told.splitlines()[0])


@pytest.mark.parametrize(
    ("status", "headers", "text"),
    [
        (400, {}, "The server refused the request as malformed."),
        (429, {"Retry-After": "3600"}, "Run the command again in 3600 s."),
        (302, {"Location": "https://elsewhere.example"}, "Check LYZR_TRACES_BASE_URL."),
    ],
)
def test_a_refusal_by_the_server_is_explained_in_terms_of_the_command_line(
    server: FakeTracesServer, capsys: Captured, status: int, headers: dict[str, str], text: str
) -> None:
    """The message of the server comes first."""
    server.fail_next(status=status, message="said", headers=headers)
    assert main(["list", SESSION]) == 1
    told = capsys.readouterr().err
    assert text in told
    assert_without_python(told)


def test_malformed_lines_of_standard_input_are_explained_without_python(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error has the number of the line."""
    path = tmp_path / "ids"
    path.write_text(f"nonsense\n{SESSION}\n", encoding="utf-8")
    server.add_session(SESSION, traces=1)
    with path.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["list", "-"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("lyzr-traces: line 1: the session id must be a UUID")
    assert_without_python(told)


@pytest.mark.skipif(os.name != "posix", reason="a file that is not a regular one")
def test_a_report_to_a_device_is_refused_without_python(server: FakeTracesServer, capsys: Captured) -> None:
    """The library's own error advises to pass an open file."""
    server.add_session(SESSION, traces=1)
    assert main(["report", SESSION, "-o", os.devnull]) == 2
    told = capsys.readouterr().err
    assert "it is not a regular file" in told
    assert_without_python(told)
