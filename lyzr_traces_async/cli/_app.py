"""The commands, and the exit status and message for each kind of error."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App, CycloptsError

from lyzr_traces_async import InvalidArgumentError, LyzrTracesError, __version__

from ._errors import text_of
from ._help import COMMANDS, PROGRAM
from ._output import abandon_stdout, complain, make_console
from ._statuses import BROKEN_PIPE, DONE, FAILED, INTERRUPTED, WRONG_USE

__all__ = ["run"]

app = App(
    name="lyzr-traces",
    help=PROGRAM,
    help_format="plaintext",
    version_format="plaintext",
    version=f"lyzr-traces {__version__}",
    # `run` decides the exit status for every error.
    suppress_keyboard_interrupt=False,
)
# Commands are named as strings, so that a command imports only its own modules.
for _name, _text in COMMANDS.items():
    app.command(f"lyzr_traces_async.cli._{_name}:command", name=_name, help=_text)
app.register_install_completion_command(
    help="Install tab completion for your shell (bash, zsh or fish). This adds a line to the shell's start-up file."
)


def run(argv: Sequence[str]) -> int:
    """Run a command and return the exit status. No error leaves this function."""
    try:
        return _call(argv)
    except KeyboardInterrupt:
        # An interrupted write leaves output in the buffer. At exit, Python would block until somebody reads it.
        abandon_stdout()
        return INTERRUPTED
    except (CycloptsError, InvalidArgumentError) as error:
        text = text_of(error) if isinstance(error, InvalidArgumentError) else " ".join(str(error).split())
        complain(text, hint=_hint(argv))
        return WRONG_USE
    except LyzrTracesError as error:
        # This clause must come before OSError, because APITimeoutError is an OSError too.
        complain(text_of(error))
        return FAILED
    except BrokenPipeError:
        abandon_stdout()
        return BROKEN_PIPE
    except OSError as error:
        abandon_stdout()
        complain(str(error))
        return FAILED


def _call(argv: Sequence[str]) -> int:
    try:
        status = app(argv, console=make_console(), exit_on_error=False, print_error=False, result_action="return_value")
    except SystemExit:
        # Installing completion failed. It has already printed the reason.
        return WRONG_USE
    # Commands return a status; help, version and completion do not.
    return status if isinstance(status, int) else DONE


def _hint(argv: Sequence[str]) -> str:
    command = next((f"{name} " for name in argv[:1] if name in COMMANDS), "")
    return f"Try 'lyzr-traces {command}--help'."
