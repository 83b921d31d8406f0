"""Arrow tables, and tasks for clusters: `bulk`."""
