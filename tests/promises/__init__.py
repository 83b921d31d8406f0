"""Each sentence of the README and of the public docstrings, and the test that fails if it is not true."""
