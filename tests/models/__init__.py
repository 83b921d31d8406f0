"""The values that users get: `models`, `_observations`, `summary`, `_notebook`."""
