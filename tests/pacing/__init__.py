"""When a request is sent, and when again: `_pacing`, `_capacity`, `_turns`, `_throttle`, `_retrying`."""
