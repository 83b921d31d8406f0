"""When a request is sent, and when it is retried: `_pacing`, `_capacity`, `_turns`, `_throttle`, `_retrying`."""
