"""``python -m lyzr_traces_async`` is the command line."""

import sys

from lyzr_traces_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
