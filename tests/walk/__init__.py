"""Which page comes next, and which answers are trusted: `_walk`, `_coverage`, `_books`, `_limits`, `_session_list`."""
