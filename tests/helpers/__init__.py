"""What several rooms of tests use: servers that answer by script, a clock that does not wait, processes."""
