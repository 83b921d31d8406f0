"""From an answer to values or an error: `_responses`, `_fields`, `_decoding`, `_shape`, `_siblings`."""
