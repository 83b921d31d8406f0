"""The help texts and the shell completion."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts.completion.detect import ShellDetectionError

from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._app import app
from lyzr_traces_async.cli._help import COMMANDS as COMMAND_HELP

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def test_help_lists_commands_variables_and_exit_statuses(capsys: Captured) -> None:
    """The program prints the same help if it is called without a command."""
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


COMMANDS = ["list", "summary", "show", "report", "sessions", "sync", "demo"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_explained_with_an_example(capsys: Captured, command: str) -> None:
    """Each command is in the list, and its help has an example that fits into 80 columns."""
    assert main([]) == 0
    assert re.search(f"^. {command} +[A-Z]", capsys.readouterr().out, re.MULTILINE)
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    examples = re.findall(f"^ +lyzr-traces {command}.*$", text, re.MULTILINE)
    assert examples
    assert max(map(len, examples)) <= 78


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_can_be_parsed(command: str) -> None:
    """The parser accepts each example with its options."""
    text = COMMAND_HELP[command]
    for line in re.sub(r"(\\|\|)\n +", r"\1", text).splitlines():
        for part in re.sub(r"\\", " ", line).split("|") if line.startswith("  ") else []:
            words = part.partition(">")[0].split()
            if words[0] == "duckdb":  # a command of DuckDB, which reads the file
                continue
            assert words[0] == "lyzr-traces"
            app.parse_args(words[1:], print_error=False, exit_on_error=False)


def test_help_says_the_same_without_docstrings() -> None:
    """`python -OO` removes docstrings, and the help of every command stays the same."""
    code = """
import sys
from lyzr_traces_async.cli import main
for command in sys.argv[1:]:
    print("---", command)
    main([command, "--help"])
print("--- all")
main([])
"""
    whole, bare = (
        subprocess.run([sys.executable, *flags, "-c", code, *COMMANDS], check=True, capture_output=True, text=True)
        for flags in ([], ["-OO"])
    )
    assert whole.stdout.count("Usage: lyzr-traces") == len(COMMANDS) + 1
    assert bare.stdout.split("--- ") == whole.stdout.split("--- ")
    assert not bare.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(capsys: Captured, tmp_path: Path, shell: str) -> None:
    """The script contains the commands and their options."""
    path = tmp_path / "completion"
    assert main(["--install-completion", "--shell", shell, "--output", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    script = path.read_text(encoding="utf-8")
    for word in ("sessions", "since", "latency"):
        assert word in script


def test_an_unknown_shell_is_wrong_use(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """The program ends with status 2 and one line, which names the option for the shell."""

    def unknown(*_: object, **__: object) -> None:
        raise ShellDetectionError("Unable to detect shell type.")

    monkeypatch.setattr("cyclopts.completion.detect.detect_shell", unknown)
    assert main(["--install-completion"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--shell" in err
    assert err.count("\n") == 1
