"""Which page comes next, what is believed of an answer: `_walk`, `_coverage`, `_books`, `_limits`, `_session_list`."""
