"""Traces as columns, and batches of sessions for a cluster. It needs the extra ``arrow``."""
