"""How the program starts and ends: imports, missing libraries, unknown commands, Ctrl-C."""

from __future__ import annotations

import importlib
import pkgutil
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import lyzr_traces_async.cli
from lyzr_traces_async import __version__
from lyzr_traces_async.cli import main

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def test_the_version_is_told(capsys: Captured) -> None:
    """`--version` prints one line."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lyzr-traces {__version__}\n"


def test_the_package_can_be_run_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """`python -m lyzr_traces_async` reads its arguments from the command line and exits with the status."""
    monkeypatch.setattr(sys, "argv", ["lyzr_traces_async", "list", "not-a-uuid"])
    monkeypatch.setenv("LYZR_API_KEY", "test-key")
    path = str(Path(lyzr_traces_async.__file__).with_name("__main__.py"))
    runpy.run_path(path, run_name="imported")  # a tool that imports all modules must not start the program
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(path, run_name="__main__")
    assert ended.value.code == 2
    assert "not-a-uuid" in capsys.readouterr().err


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Make ``library`` look uninstalled. After the test, the modules are as if they had been imported once."""
    rooms = [room.name for room in pkgutil.iter_modules(lyzr_traces_async.cli.__path__)]
    for room in rooms:
        importlib.import_module(f"lyzr_traces_async.cli.{room}")
    for room in rooms:
        monkeypatch.delitem(sys.modules, f"lyzr_traces_async.cli.{room}")
        monkeypatch.delattr(lyzr_traces_async.cli, room)
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, name)

    class Missing:
        """A finder that finds no module, and reports it as Python does."""

        def find_spec(self, name: str, *_: object) -> None:
            """Refuse to find the library."""
            if f"{name}.".startswith(f"{library}."):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])


@pytest.mark.parametrize("library", ["cyclopts", "rich"])
def test_without_the_extra_it_says_which_one_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, library: str
) -> None:
    """The program prints one line and ends with status 2, without a traceback."""
    without(monkeypatch, library)
    assert main(["--version"]) == 2
    assert capsys.readouterr().err == (
        f"lyzr-traces: {library} is not installed; the command line needs: pip install 'lyzr-traces-async[cli]'\n"
    )


def test_another_missing_library_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation ends in an ImportError that names the missing library."""
    without(monkeypatch, "msgspec")
    with pytest.raises(ImportError) as caught:
        main(["list", SESSION])
    assert "msgspec" in str(caught.value.__cause__)


def test_a_missing_file_of_this_package_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the missing module, even if that module is needed before any command."""
    without(monkeypatch, "lyzr_traces_async.cli._help")
    with pytest.raises(ModuleNotFoundError, match="_help"):
        main(["--version"])


@pytest.mark.parametrize("where", ["lyzr_traces_async.cli._demo.run_demo", "lyzr_traces_async.cli._app.run"])
def test_ctrl_c_ends_the_program_quietly_with_status_130(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, where: str
) -> None:
    """The program prints nothing."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    assert main(["demo"]) == 130
    assert capsys.readouterr() == ("", "")


def test_the_version_is_printed_without_importing_the_commands() -> None:
    """`--version` imports neither aiohttp nor the modules of the commands."""
    code = (
        "import sys; from lyzr_traces_async.cli import main; main(['--version']); "
        "sys.exit(' '.join({'aiohttp', 'msgspec', 'lyzr_traces_async.cli._list', 'lyzr_traces_async.cli._demo'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_an_unknown_command_is_wrong_use(capsys: Captured) -> None:
    """The hint leads to the list of commands."""
    assert main(["lst"]) == 2
    line, hint, _ = capsys.readouterr().err.split("\n")
    assert "lst" in line
    assert hint == "Try 'lyzr-traces --help'."
