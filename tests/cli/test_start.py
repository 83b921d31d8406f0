"""How the command line begins, and what it says of itself."""

from __future__ import annotations

import importlib
import pkgutil
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts.completion.detect import ShellDetectionError

import lyzr_traces_async.cli
from lyzr_traces_async import __version__
from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._app import app
from lyzr_traces_async.cli._help import COMMANDS as COMMAND_HELP

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def test_help_says_what_there_is(capsys: Captured) -> None:
    """Without a command too; the environment and the exit statuses are documented there."""
    assert main([]) == 0
    bare = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == bare
    for word in ("list", "demo", "LYZR_API_KEY", "LYZR_TRACES_BASE_URL", "NO_COLOR", "130"):
        assert word in bare
    assert main(["list", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("--limit", "1 to 100", "--format", "table", "jsonl", "csv", "single quote"):
        assert word in text


def test_the_version_is_told(capsys: Captured) -> None:
    """One line."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lyzr-traces {__version__}\n"


def test_the_package_can_be_run_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """`python -m lyzr_traces_async` takes its arguments from the command line, and exits with the status."""
    monkeypatch.setattr(sys, "argv", ["lyzr_traces_async", "list", "not-a-uuid"])
    monkeypatch.setenv("LYZR_API_KEY", "test-key")
    path = str(Path(lyzr_traces_async.__file__).with_name("__main__.py"))
    runpy.run_path(path, run_name="imported")  # by a tool that looks at all modules: nothing happens
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(path, run_name="__main__")
    assert ended.value.code == 2
    assert "not-a-uuid" in capsys.readouterr().err


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Let ``library`` not be installed. Afterwards, all is as if the rooms had been imported once."""
    rooms = [room.name for room in pkgutil.iter_modules(lyzr_traces_async.cli.__path__)]
    for room in rooms:
        importlib.import_module(f"lyzr_traces_async.cli.{room}")
    for room in rooms:
        monkeypatch.delitem(sys.modules, f"lyzr_traces_async.cli.{room}")
        monkeypatch.delattr(lyzr_traces_async.cli, room)
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, name)

    class Missing:
        """Finds nothing, and says so as Python does."""

        def find_spec(self, name: str, *_: object) -> None:
            """Refuse the library."""
            if f"{name}.".startswith(f"{library}."):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])


@pytest.mark.parametrize("library", ["cyclopts", "rich"])
def test_without_the_extra_it_says_which_one_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, library: str
) -> None:
    """One line and status 2, no traceback."""
    without(monkeypatch, library)
    assert main(["--version"]) == 2
    assert capsys.readouterr().err == (
        f"lyzr-traces: {library} is not installed; the command line needs: pip install 'lyzr-traces-async[cli]'\n"
    )


def test_another_missing_library_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation shows as what it is."""
    without(monkeypatch, "msgspec")
    with pytest.raises(ImportError) as caught:
        main(["list", SESSION])
    assert "msgspec" in str(caught.value.__cause__)


def test_a_missing_file_of_this_package_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even before there is a command to look for."""
    without(monkeypatch, "lyzr_traces_async.cli._help")
    with pytest.raises(ModuleNotFoundError, match="_help"):
        main(["--version"])


@pytest.mark.parametrize("where", ["lyzr_traces_async.cli._demo.run_demo", "lyzr_traces_async.cli._app.run"])
def test_ctrl_c_is_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch, capsys: Captured, where: str) -> None:
    """130, and not a word."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    assert main(["demo"]) == 130
    assert capsys.readouterr() == ("", "")


COMMANDS = ["list", "summary", "show", "report", "sessions", "sync", "demo"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_explained_with_an_example(capsys: Captured, command: str) -> None:
    """It stands in the list of commands, and its own help has a line to copy that fits in 80 columns."""
    assert main([]) == 0
    assert re.search(f"^. {command} +[A-Z]", capsys.readouterr().out, re.MULTILINE)
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    examples = re.findall(f"^ +lyzr-traces {command}.*$", text, re.MULTILINE)
    assert examples
    assert max(map(len, examples)) <= 78


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_are_commands_that_there_are(command: str) -> None:
    """Each is understood by the parser, with its options."""
    text = COMMAND_HELP[command]
    for line in re.sub(r"(\\|\|)\n +", r"\1", text).splitlines():
        for part in re.sub(r"\\", " ", line).split("|") if line.startswith("  ") else []:
            words = part.partition(">")[0].split()
            if words[0] == "duckdb":  # reads what is written
                continue
            assert words[0] == "lyzr-traces"
            app.parse_args(words[1:], print_error=False, exit_on_error=False)


@pytest.mark.parametrize("arguments", [[], *([command, "--help"] for command in COMMANDS)])
def test_help_says_the_same_without_docstrings(arguments: list[str]) -> None:
    """`python -OO` leaves them out."""
    command = ["-m", "lyzr_traces_async", *arguments]
    said = [
        subprocess.run([sys.executable, *flags, *command], check=True, capture_output=True) for flags in ([], ["-OO"])
    ]
    assert said[0].stdout == said[1].stdout != b""
    assert not said[1].stderr


def test_a_command_costs_no_more_than_what_it_needs() -> None:
    """To say its version, the program imports neither aiohttp nor the rooms of its commands."""
    code = (
        "import sys; from lyzr_traces_async.cli import main; main(['--version']); "
        "sys.exit(' '.join({'aiohttp', 'msgspec', 'lyzr_traces_async.cli._list', 'lyzr_traces_async.cli._demo'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(capsys: Captured, tmp_path: Path, shell: str) -> None:
    """The script knows the commands and their options."""
    path = tmp_path / "completion"
    assert main(["--install-completion", "--shell", shell, "--output", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    script = path.read_text(encoding="utf-8")
    for word in ("sessions", "since", "latency"):
        assert word in script


def test_a_shell_that_nobody_knows_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """Status 2, and how to say which one it is."""

    def unknown(*_: object, **__: object) -> None:
        raise ShellDetectionError("Unable to detect shell type.")

    monkeypatch.setattr("cyclopts.completion.detect.detect_shell", unknown)
    assert main(["--install-completion"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--shell" in err
    assert err.count("\n") == 1
