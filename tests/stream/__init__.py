"""Many sessions at once: `_fanout`, `_handover`."""
