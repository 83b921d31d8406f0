"""Sessions in a table: one DuckDB file, brought up to date again and again. It needs the extra ``store``."""
