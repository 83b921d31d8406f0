"""The command line ``lyzr-traces``. It needs the extra ``cli``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    :param argv: the arguments without the program's name. ``None`` takes them from ``sys.argv``.
    :returns: 0 on success; 1 after an error of the API or the network; 2 after wrong use, or if the libraries of the
        extra are not installed; 130 after Ctrl-C; 141 if the reader of a pipe has gone.
    """
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        # Ctrl-C outside of the command itself, for example during the imports.
        return 130


def _run(argv: Sequence[str]) -> int:
    try:
        from ._app import run  # noqa: PLC0415 - imports the libraries of the extra
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in ("cyclopts", "rich"):
            raise
        sys.stderr.write(
            f"lyzr-traces: {library} is not installed; the command line needs: pip install 'lyzr-traces-async[cli]'\n"
        )
        return 2
    return run(argv)
