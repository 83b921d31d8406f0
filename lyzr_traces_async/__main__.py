"""The command line, started with ``python -m lyzr_traces_async``."""

import sys

from lyzr_traces_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
