"""The README: every code block runs as it stands."""
