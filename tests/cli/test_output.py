"""Standard output and standard error as terminals and as pipes, and when they are full, closed or broken."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._output import Progress
from lyzr_traces_async.testing import FakeTracesServer, Quota
from tests.cli.consoles import Terminal
from tests.helpers.processes import environment

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER = "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4"
UNKNOWN = "e81a49c5-3d72-4f06-b5c8-92a6d0473f1b"
ERASE = "\r\x1b[2K"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


class Unwritable(io.StringIO):
    """A standard output that raises an error at each write, and has its own descriptor."""

    def __init__(self, error: OSError, descriptor: int) -> None:
        super().__init__()
        self.error = error
        self.descriptor = descriptor

    def write(self, _: str) -> int:
        """Raise the error."""
        raise self.error

    def fileno(self) -> int:
        """Return the descriptor that the program is to abandon."""
        return self.descriptor


def test_formats_for_programs_work_without_a_binary_standard_output(
    server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may have replaced `sys.stdout` with a text buffer."""
    server.add_session(SESSION, traces=2)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert main(["list", SESSION, "--format", "jsonl"]) == 0
    assert isinstance(sys.stdout, io.StringIO)
    assert len(sys.stdout.getvalue().splitlines()) == 2


@pytest.mark.parametrize("ids", [[SESSION], [SESSION, OTHER]])
@pytest.mark.parametrize("kind", ["table", "jsonl", "csv"])
def test_a_broken_pipe_ends_the_command_quietly(
    *,
    server: FakeTracesServer,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
    ids: list[str],
) -> None:
    """The status is that of SIGPIPE, and nothing is left to be flushed into the broken pipe at exit."""
    for session_id in ids:
        server.add_session(session_id, traces=2)
    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr(sys, "stdout", Unwritable(BrokenPipeError(32, "Broken pipe"), file.fileno()))
        assert main(["list", *ids, "--format", kind]) == 141
        os.write(file.fileno(), b"goes nowhere")
    assert (tmp_path / "out").read_bytes() == b""
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_an_error_of_one_line(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command ends with status 1, because the output is incomplete."""
    server.add_session(SESSION, traces=2)
    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr(sys, "stdout", Unwritable(OSError(28, "No space left on device"), file.fileno()))
        assert main(["list", SESSION]) == 1
    assert capsys.readouterr().err == "lyzr-traces: [Errno 28] No space left on device\n"


def test_a_closed_standard_output_is_an_error_before_the_first_request(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python sets `sys.stdout` to None then."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["list", SESSION]) == 1
    assert server.requests == []
    assert capsys.readouterr().err == "lyzr-traces: standard output is closed\n"


@pytest.mark.usefixtures("server")
def test_a_closed_standard_error_only_silences_the_error(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is not written to standard output instead."""
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["list", SESSION]) == 1
    assert capsys.readouterr().out == ""


def test_a_terminal_shows_progress_and_erases_it(
    server: FakeTracesServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress goes to standard error, and is erased before anything else is written."""
    server.add_session(SESSION, traces=25)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["list", SESSION, "--limit", "10", "--format", "jsonl"]) == 0
    assert isinstance(sys.stderr, Terminal)
    shown = re.sub(r"\r\x1b\[2K[^\r]+ \(\d+ s\)", "", sys.stderr.getvalue())  # on a busy machine
    assert shown == f"{ERASE}page 1{ERASE}{ERASE}page 2 of 3{ERASE}{ERASE}page 3 of 3{ERASE}"
    assert "page" not in capsys.readouterr().out


def test_a_terminal_shows_the_wait_for_the_quota(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """Otherwise the program would seem to hang. The library's logger is left unchanged."""
    logger = logging.getLogger("lyzr_traces_async")
    before = (logger.level, list(logger.handlers))
    with start_blocking_portal() as portal:
        fake = FakeTracesServer(quota=Quota(requests=2, seconds=1))
        with portal.wrap_async_context_manager(fake) as server:
            server.add_session(SESSION, traces=25)
            monkeypatch.setenv("LYZR_API_KEY", server.api_key)
            monkeypatch.setenv("LYZR_TRACES_BASE_URL", server.base_url)
            monkeypatch.setattr(sys, "stderr", Terminal())
            assert main(["list", SESSION, "--limit", "10"]) == 0
    assert isinstance(sys.stderr, Terminal)
    assert re.search(r"\x1b\[2Kthe quota is used up: waiting [01]\.\d s", sys.stderr.getvalue())
    assert (logger.level, logger.handlers) == before
    assert "quota" not in capsys.readouterr().out


def test_a_terminal_shows_how_many_sessions_are_done(server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The progress is erased before each error line, and shown again after it."""
    server.add_session(SESSION, traces=2)
    server.add_session(OTHER, traces=2)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["list", SESSION, UNKNOWN, OTHER, "--format", "jsonl"]) == 1
    assert isinstance(sys.stderr, Terminal)
    shown = re.sub(r"\r\x1b\[2K[^\r]+ \(\d+ s\)", "", sys.stderr.getvalue())  # on a busy machine
    assert re.fullmatch(r"\r\x1b\[2K0 of 3 sessions\r.*\r\x1b\[2K3 of 3 sessions\r\x1b\[2K", shown, re.DOTALL)
    assert re.search(r"\r\x1b\[2Klyzr-traces: HTTP 404: [^\r]+\n\r\x1b\[2K\d of 3 sessions\r", shown)


async def test_a_complaint_restores_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """The progress is shown again only if it was shown before."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress() as progress:
        progress.complain("one")
        progress.show("page 1")
        progress.complain("two")
    assert isinstance(sys.stderr, Terminal)
    shown = sys.stderr.getvalue()
    assert shown == f"lyzr-traces: one\n{ERASE}page 1{ERASE}lyzr-traces: two\n{ERASE}page 1{ERASE}"


@pytest.mark.usefixtures("server")
def test_progress_is_erased_before_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error begins at the start of a line."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["list", SESSION]) == 1
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue().startswith(f"{ERASE}page 1{ERASE}")
    assert f"{ERASE}lyzr-traces: HTTP 404" in sys.stderr.getvalue()


async def test_a_wait_is_counted_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count starts anew for each text, and stops when the text is cleared."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress() as progress:
        progress.show("page 1")
        await asyncio.sleep(2.6)
        logging.getLogger("lyzr_traces_async").info("waiting")
        await asyncio.sleep(1.6)
        progress.clear()
        await asyncio.sleep(5)
        progress.show("page 2")
        await asyncio.sleep(0.6)
    await asyncio.sleep(5)
    assert isinstance(sys.stderr, Terminal)
    lines = ["page 1", "page 1 (1 s)", "page 1 (2 s)", "waiting", "waiting (1 s)", "", "page 2", ""]
    assert sys.stderr.getvalue() == "".join(f"{ERASE}{line}" for line in lines)


async def test_a_log_message_gives_way_to_the_progress_after_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """This does not happen if the line was cleared or another text is shown. A complaint changes nothing."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    logger = logging.getLogger("lyzr_traces_async")
    with Progress(remark_seconds=2.5) as progress:
        progress.show("job")
        logger.info("waiting")
        progress.complain("one")
        await asyncio.sleep(3.6)
        logger.info("waiting")
        progress.show("job 2")
        await asyncio.sleep(1.1)
        logger.info("waiting")
        progress.clear()
        await asyncio.sleep(5)
    assert isinstance(sys.stderr, Terminal)
    lines = ["job", "waiting", "lyzr-traces: one\n", "waiting", "waiting (1 s)", "waiting (2 s)", "job", "job (1 s)"]
    lines += ["waiting", "job 2", "job 2 (1 s)", "waiting", ""]
    assert sys.stderr.getvalue() == "".join(f"{ERASE}{line}" for line in lines)


async def test_a_long_line_is_cut_and_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second line would not be erased. Here the terminal does not tell its width."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress() as progress:
        progress.show("x" * 200)
        await asyncio.sleep(1.6)
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == f"{ERASE}{'x' * 76}...{ERASE}{'x' * 70}... (1 s){ERASE}"


async def test_escape_codes_in_a_log_message_are_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log message may contain text of the server."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress():
        logging.getLogger("lyzr_traces_async").info("HTTP 502: %s", "a\x1b[31m\nb\u202ec")
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == f"{ERASE}HTTP 502: a\\x1b[31m\\nb\\u202ec{ERASE}"


@pytest.mark.usefixtures("hasty")
def test_a_terminal_shows_a_failure_until_its_retry_succeeds(
    server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Nothing of it is left at the end."""
    server.add_session(SESSION, traces=5)
    server.fail_next(status=502, message="Langfuse request timed out")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["list", SESSION, "--format", "jsonl"]) == 0
    assert isinstance(sys.stderr, Terminal)
    shown = sys.stderr.getvalue()
    assert re.search(r"\x1b\[2Kattempt 1 of 6 failed, the next in [01]\.\d s: HTTP 502: Langfuse reque", shown)
    assert shown.endswith(ERASE)
    assert len(capsys.readouterr().out.splitlines()) == 5


@pytest.mark.usefixtures("hasty")
def test_a_successful_retry_writes_nothing_to_a_pipe(server: FakeTracesServer, capsys: Captured) -> None:
    """Cron would send mail about a job that succeeded."""
    server.add_session(SESSION, traces=5)
    server.fail_next(status=502)
    assert main(["list", SESSION, "--format", "jsonl"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 5
    assert captured.err == ""


@pytest.mark.parametrize(("no_color", "styled"), [(None, True), ("", True), ("1", False)])
def test_a_terminal_gets_styles_unless_no_color_is_set(
    server: FakeTracesServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    *,
    no_color: str | None,
    styled: bool,
) -> None:
    """NO_COLOR with any value removes all styles. The bars stay."""
    server.add_session(SESSION, traces=5)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert main(["list", SESSION]) == 0
    out = capsys.readouterr().out
    assert ("\x1b[" in out) is styled
    assert "━" in out


def test_everything_can_be_written_in_ascii(server: FakeTracesServer) -> None:
    """Help, the demo and a list are written even if standard output takes only ASCII."""
    code = (
        "import sys; from lyzr_traces_async.cli import main; "
        "sys.exit([main(arguments.split()) for arguments in sys.argv[1:]] != [0, 0, 0, 0])"
    )
    env = environment(server, PYTHONIOENCODING="ascii")
    commands = ["--help", "list --help", "demo", "sessions"]
    done = subprocess.run([sys.executable, "-c", code, *commands], env=env, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    for words in (b"Usage: lyzr-traces COMMAND", b"Usage: lyzr-traces list", b"1,234 traces, $", b"0 sessions"):
        assert words in done.stdout
