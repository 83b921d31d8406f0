"""What the client relies on, checked against the fake server or, with `--base-url`, against any deployment."""
