"""The exit statuses of the command line."""

from __future__ import annotations

__all__ = ["BROKEN_PIPE", "DONE", "FAILED", "INTERRUPTED", "WRONG_USE"]

DONE = 0
FAILED = 1  # an error of the API or the network, even if only one of many sessions failed
WRONG_USE = 2
INTERRUPTED = 130  # 128 + SIGINT
BROKEN_PIPE = 141  # 128 + SIGPIPE
