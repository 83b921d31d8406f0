"""Sessions in a DuckDB file: `store`."""
